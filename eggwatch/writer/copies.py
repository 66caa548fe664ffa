"""Where copies of removed bytes lie that a removal leaves alone: nobody is shown them on a page, or by another name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from eggwatch.model.events import Event
from eggwatch.model.names import stored_name
from eggwatch.pipeline.components import Components
from eggwatch.store.public.pool import digest
from eggwatch.store.state.catalog import key_of
from eggwatch.store.state.history import event_at


def elsewhere(parts: Components, removed: Iterable[Event]) -> list[str]:
    """The paths of other copies: published under another name, quarantined, or still in the drop folder."""
    paths = {path for event in removed if event.sha256 for path in _of_one(parts, event, event.sha256)}
    return sorted(os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths)


def _of_one(parts: Components, event: Event, sha256: str) -> Iterator[Path]:
    filename = event.filename or ""
    if twin := parts.catalog.twin(sha256, key=key_of(filename)):
        record = parts.catalog.file(key_of(twin))
        yield from [] if record is None else [parts.pool.path_of(record.project, twin)]
    with suppress(FileNotFoundError):  # damaged bytes of that name: most of them are the same
        yield from (path for path in parts.spool.quarantine.iterdir() if path.name[17:] == filename)
    lying = [one.path for one in parts.catalog.originals() if one.sha256 == sha256]
    yield from (parts.drop.root / path for path in lying if (parts.drop.root / path).is_file())
    yield from _refused(parts, filename, sha256)


def _refused(parts: Components, filename: str, sha256: str) -> Iterator[Path]:
    """Refused uploads of these bytes, under whatever name, as far as rejected/ can be read."""
    events = [event_at(parts.ledger, parts.catalog.event_at(serial)) for serial in parts.catalog.refusals_of(sha256)]
    names = {stored_name(name) for name in (filename, *(event.filename for event in events if event)) if name}
    rejected = parts.drop.root / "rejected"
    for name in names:
        found = [rejected / name, *sorted((rejected / "earlier").glob(f"*-{_literal(name)}"))]
        yield from (path for path in found if _has(path, sha256))


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _has(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and not path.is_symlink() and digest(path) == sha256
    except OSError:
        return False
