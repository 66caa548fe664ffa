"""Finds copies of removed bytes that a removal does not delete, none of which is on a page of that name."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from eggwatch.model.events import Event
from eggwatch.model.names import stored_name
from eggwatch.readers.missing import is_gone
from eggwatch.store.public.pool import Pool, digest
from eggwatch.store.state.catalog import Reader, key_of
from eggwatch.store.state.history import event_at
from eggwatch.store.state.ledger import Ledger

_EARLIER = re.compile(r"\d+-")
"""The prefix of an older rejected file in rejected/earlier/."""


def elsewhere(
    removed: Iterable[Event], *, drop: Path, quarantine: Path, pool: Pool, ledger: Ledger, catalog: Reader
) -> list[str]:
    """The paths of other copies: published under another name, quarantined, or still in the drop folder."""
    paths = set[Path]()
    if events := [event for event in removed if event.sha256]:
        paths |= set(_quarantined(quarantine, events)) | set(_lying(drop, catalog, events))
        paths |= set(_refused(drop / "rejected", ledger, catalog, events))
    for event in events:
        paths |= set(_of_one(pool, catalog, event))
    return sorted(os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths)


def _of_one(pool: Pool, catalog: Reader, event: Event) -> Iterator[Path]:
    twin = catalog.twin(event.sha256 or "", key=key_of(event.filename or ""))
    record = None if twin is None else catalog.file(key_of(twin))
    if twin is not None and record is not None:
        yield pool.path_of(record.project, twin)


def _quarantined(quarantine: Path, events: list[Event]) -> Iterator[Path]:
    """Quarantined bytes of a name; most of them are the same bytes."""
    names = {event.filename for event in events}
    with suppress(FileNotFoundError):
        yield from (path for path in quarantine.iterdir() if path.name[17:] in names)


def _lying(drop: Path, catalog: Reader, events: list[Event]) -> Iterator[Path]:
    """Uploads that are still in the drop folder."""
    hashes = {event.sha256 for event in events}
    paths = [drop / one.path for one in catalog.originals() if one.sha256 in hashes]
    yield from (path for path in paths if not is_gone(path))  # it may lie where only claiming may look


def _refused(rejected: Path, ledger: Ledger, catalog: Reader, events: list[Event]) -> Iterator[Path]:
    """Refused uploads of these bytes, under whatever name, as far as rejected/ can be read: it is listed once."""
    wanted = defaultdict[str, set[str]](set)
    sizes = {event.sha256 or "": event.size for event in events}
    for event in events:
        wanted[stored_name(event.filename or "")].add(event.sha256 or "")
    for serial, sha256 in catalog.refusals_of(sizes):
        refusal = event_at(ledger, catalog.event_at(serial))
        wanted[stored_name(refusal.filename or "") if refusal else ""].add(sha256)
    names = [(rejected / name, name) for name in _names_in(rejected)]
    names += [
        (rejected / "earlier" / name, _EARLIER.sub("", name, count=1)) for name in _names_in(rejected / "earlier")
    ]
    for path, name in names:
        hashes = wanted.get(name, set())
        if hashes and _digest_of(path, {sizes[sha256] for sha256 in hashes}) in hashes:
            yield path


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _digest_of(path: Path, sizes: set[int | None]) -> str | None:
    """The hash of a file of one of these sizes; only such a one is read."""
    try:
        is_wanted = path.is_file() and not path.is_symlink() and path.stat().st_size in sizes
        return digest(path) if is_wanted else None
    except OSError:
        return None
