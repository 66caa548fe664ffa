"""Reads new archives of a folder's index: inspects them in separate processes, judges and hashes them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from eggwatch.errors import in_words
from eggwatch.inspection.inspectors import Inspectors
from eggwatch.inspection.queues import LAST_TRY
from eggwatch.inspection.worker import Job, Result
from eggwatch.linux import leases
from eggwatch.maintenance.index_survey import FoundArchive, changed_since
from eggwatch.model.archives import Inspection
from eggwatch.model.codes import Code
from eggwatch.model.indexed import IndexedFile, LeftOut, Unread
from eggwatch.model.names import Project, parse_filename, project_name
from eggwatch.model.older_names import OLDER, ArchiveName, parse_archive_name
from eggwatch.model.sightings import Lease
from eggwatch.model.verdicts import Flaw, Reject
from eggwatch.policy.admission import Upload, judge
from eggwatch.store.public.pool import digest

AT_ONCE = 128
"""How many archives wait for an inspector at most."""


def read(
    archives: Sequence[FoundArchive], *, quiet: float = 0.0
) -> Iterator[tuple[IndexedFile | LeftOut | Unread, Project | None]]:
    """Yield the result for each archive as soon as it is ready, and its project if that was its last one.

    Archives that are being written are not opened. Where leases prove nothing, this means archives that were changed
    less than `quiet` seconds ago.
    """
    with Inspectors(slow=os.cpu_count() or 1, first_try=LAST_TRY) as inspectors:
        inspectors.warm_up(len(archives))
        names = {found.path: parse_archive_name(found.place.name) for found in archives}
        projects = {path: name.project for path, name in names.items() if isinstance(name, ArchiveName)}
        left = Counter(projects.values())
        for one in _results(inspectors, archives, names, quiet):
            project = projects.get(one.path)
            if project is not None:
                left[project] -= 1
            yield one, project if project is not None and not left[project] else None


def _results(
    inspectors: Inspectors, archives: Sequence[FoundArchive], names: Mapping[str, ArchiveName | Flaw], quiet: float
) -> Iterator[IndexedFile | LeftOut | Unread]:
    unfinished = []

    def finished() -> Iterator[FoundArchive]:
        for found in archives:
            if _is_being_written(found, quiet):
                unfinished.append(Unread(path=found.path, why="it is still being written", unfinished=True))
            else:
                yield found

    for found, result in _inspected(inspectors, finished()):
        inspection = None if result is None else result.inspection
        if inspection is None:
            trouble = None if result is None else result.trouble
            yield Unread(path=found.path, why=trouble or "it can't be read")
        else:
            yield _judged(found, names[found.path], inspection)
    yield from unfinished


def _is_being_written(found: FoundArchive, quiet: float) -> bool:
    try:
        fd = os.open(found.place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return False  # the inspection reports it
    try:
        lease = leases.probe(fd)
        return lease is Lease.HELD or (
            lease is Lease.UNPROVEN and quiet > 0 and 0 <= time.time() - os.fstat(fd).st_ctime < quiet
        )
    finally:
        os.close(fd)


def _inspected(
    inspectors: Inspectors, archives: Iterator[FoundArchive]
) -> Iterator[tuple[FoundArchive, Result | None]]:
    """Each archive with its result; None if it could not be opened."""
    numbers, handed = count(), dict[int, FoundArchive]()
    while True:
        while inspectors.busy() < AT_ONCE and (found := next(archives, None)) is not None:
            handed[number := next(numbers)] = found
            # An archive that cannot be opened raises OSError here, and is the only one without a result.
            with suppress(OSError):
                inspectors.submit(_job(number, found))
        if not (jobs := inspectors.busy()):
            break
        try:
            results = inspectors.poll(1.0)
        except OSError:
            if inspectors.busy() == jobs:  # none of them: no inspector can be started
                raise
            continue
        for result in results:
            yield handed.pop(result.number), result
    for found in handed.values():
        yield found, None


def _job(number: int, found: FoundArchive) -> Job:
    # An inspector's descriptor never comes from a link.
    place = Path(os.path.realpath(found.place)) if os.path.islink(found.place) else found.place
    return Job(number=number, path=place, filename=found.place.name, size=found.size, metadata=False)


def _judged(found: FoundArchive, name: ArchiveName | Flaw, inspection: Inspection) -> IndexedFile | LeftOut | Unread:
    upload = Upload(
        filename=(name.filename if isinstance(name, ArchiveName) else None) or parse_filename(found.place.name),
        sha256="",
        inspection=_of_its_format(found, inspection, name),
        holding=None,
        overdue=True,
        size=found.size,
    )
    verdict = judge(upload)
    try:
        sha256 = "" if isinstance(verdict, Reject) else digest(found.place)
    except OSError as error:
        return Unread(path=found.path, why=in_words(error))
    if (why := changed_since(found)) is not None:
        return Unread(path=found.path, why=why, unfinished=True)
    if isinstance(verdict, Reject):
        return LeftOut(path=found.path, mtime=found.mtime, size=found.size, flaws=verdict.flaws)
    assert isinstance(name, ArchiveName)
    return _indexed(found, name, inspection, sha256)


def _of_its_format(found: FoundArchive, inspection: Inspection, name: ArchiveName | Flaw) -> Inspection:
    """The inspection without the flaw of an older format, which this command accepts, but with that of a wrong name."""
    if not found.place.name.lower().endswith(OLDER):
        return inspection
    kept = tuple(flaw for flaw in inspection.flaws if flaw.code != Code.FILENAME_FORMAT)
    more = (name,) if isinstance(name, Flaw) and name not in kept else ()
    return replace(inspection, flaws=(*more, *kept))


def _indexed(found: FoundArchive, name: ArchiveName, inspection: Inspection, sha256: str) -> IndexedFile:
    core = inspection.core
    spelled = core.name if core is not None and core.name else name.name
    return IndexedFile(
        path=found.path,
        mtime=found.mtime,
        size=found.size,
        sha256=sha256,
        project=name.project,
        name=spelled if project_name(spelled) == name.project else name.name,
        version=str(name.version),
        requires_python=None if core is None else core.requires_python,
        apart=found.apart,
        key=name.key,
    )
