"""Finds what is missing of an index with a few system calls, however large it is: `status` and the daemon ask often.

Everything that may be missing is compared with what the catalog or the ledger knows to be there. `verify` compares
all of it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.counting import counted
from eggwatch.model.names import JSON_NAME
from eggwatch.store.state.catalog_reader import Reader
from eggwatch.store.state.ledger import Ledger

MOUNT = "Mount its disk, or restore it from a backup. Nothing is changed until then."
RENDER_ALL = "Restart the daemon: it renders all pages again. Without a daemon, run 'eggwatch run --once'."
RENDER = "Stop the daemon, and run 'eggwatch repair', which renders them again."
NEWEST = 5
"""How many of the last changed projects are checked one by one."""
NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Something that is missing: which folder or file, what is wrong, and the remedy."""

    what: str
    where: Path
    problem: str
    remedy: str

    @property
    def text(self) -> str:
        """One line for `status`."""
        return f"{self.where}: {self.problem}. {self.remedy}"


def absences(config: IndexConfig, catalog: Reader | None, *, shown: int) -> list[Absence]:
    """Everything that is missing; what makes the rest unknowable comes first.

    `shown` is the serial on the root page, read before the catalog was: the daemon may be at work.
    """
    found = [*_folders(config), *_ledger(config, catalog, shown)]
    return found + ([] if catalog is None else list(_published(config, catalog)))


def shown_serial(public: Path) -> int:
    """The last serial on the published root page, without reading all of it; 0 if there is none."""
    try:
        with (public / "simple" / JSON_NAME).open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        return 0
    match = re.match(rb'\{"meta":\{"_last-serial":(\d+)', head)
    return int(match[1]) if match else 0


def root_serial(config: IndexConfig) -> int:
    """The serial on the root page; 0 if there is none, or this account may not read it."""
    try:
        return shown_serial(config.public)
    except OSError:
        return 0


def _folders(config: IndexConfig) -> Iterator[Absence]:
    if is_gone(config.drop):
        remedy = "Mount or create it. The daemon keeps looking for it, and nothing is lost."
        yield Absence(what="drop", where=config.drop, problem="the drop folder is not there", remedy=remedy)


def is_gone(path: Path) -> bool:
    """True if a path certainly does not exist; this account may not be allowed to see it."""
    try:
        path.stat()
    except OSError as error:
        return error.errno in NOT_THERE
    return False


def _ledger(config: IndexConfig, catalog: Reader | None, shown: int) -> Iterator[Absence]:
    """Report a ledger that lacks events which were published."""
    ledger = Ledger(config.ledger)
    knows = max(shown, 0 if catalog is None else catalog.position().serial)
    problem = None
    if is_gone(ledger.path):
        problem = f"it is missing, but events up to serial {knows} were published from it" if knows else None
    elif catalog is not None and not _follows(ledger, catalog):
        problem = "it is older than what was published from it, or is a different ledger"
    elif catalog is not None and shown > catalog.position().serial:
        problem = f"it ends at serial {catalog.position().serial}, but the root page shows serial {shown}"
    elif catalog is None and shown and _is_empty(ledger.path):
        problem = f"it is empty, but the root page shows serial {shown}"
    if problem is not None:
        remedy = "Mount its disk, or restore it from a backup. Without one, stop the daemon and run 'eggwatch rebuild'."
        yield Absence(what="ledger", where=ledger.path, problem=problem, remedy=remedy)


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def _follows(ledger: Ledger, catalog: Reader) -> bool:
    """True if the ledger contains what the catalog knows, or if this account may not read it."""
    return not os.access(ledger.path, os.R_OK) or ledger.follows(catalog.position())


def _published(config: IndexConfig, catalog: Reader) -> Iterator[Absence]:
    """Report what is published according to the catalog, but missing."""
    projects, files = catalog.counts()
    was_shown = catalog.meta("root_serial") is not None
    known = counted(projects, "project")
    simple, archives = config.public / "simple", config.public / "files"
    if (was_shown or files) and is_gone(simple) and is_gone(archives):
        problem = f"it has neither simple/ nor files/, but the ledger has {known}"
        yield Absence(what="public", where=config.public, problem=problem, remedy=MOUNT)
        return
    if files and _subfolders(archives) == 0:
        problem = f"it has no archives, but the ledger has {counted(files, 'published file')}"
        yield Absence(what="files", where=archives, problem=problem, remedy=MOUNT)
    if was_shown and is_gone(simple / JSON_NAME):
        yield Absence(what="pages", where=simple, problem="the root page is missing", remedy=RENDER_ALL)
    elif lost := _lost_pages(simple, catalog):
        yield Absence(what="pages", where=simple, problem=lost, remedy=RENDER)


def _lost_pages(simple: Path, catalog: Reader) -> str | None:
    """Which published pages are missing; None if none seem to be."""
    for project in _newest(catalog):
        if is_gone(simple / project / JSON_NAME):
            return f"the page of {project} is missing"
    there, expected = _subfolders(simple), catalog.counts()[0] - catalog.stale_count()
    if there is not None and there < expected:
        return f"the pages of {counted(expected - there, 'project')} are missing"
    return None


def _newest(catalog: Reader) -> Iterable[str]:
    """Projects that changed last and are published."""
    rows = catalog.last_projects(NEWEST)
    return (project for project in rows if catalog.published_serial(project) is not None)


def _subfolders(folder: Path) -> int | None:
    """The number of folders in a folder, by its link count; None if unknown.

    Some file systems (btrfs, overlayfs) do not count links: there, None if there is any, else 0.
    """
    with suppress(OSError):
        links = folder.stat().st_nlink
        if links >= 2:
            return links - 2
        with os.scandir(folder) as entries:
            return None if any(True for _ in entries) else 0
    return 0 if is_gone(folder) else None
