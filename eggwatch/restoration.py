"""`rebuild`: ledger and catalog again, from the published tree and whatever ledger there is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eggwatch.assembly import (
    CATALOG,
    make_folders,
    permissions_of,
    set_aside,
    shown_serial,
)
from eggwatch.config import IndexConfig
from eggwatch.errors import LedgerError, NewerStateError
from eggwatch.model.events import REBUILDER, Event, timestamp
from eggwatch.model.names import Filename, parse_filename
from eggwatch.pages.simple import JSON_NAME
from eggwatch.status import told_index
from eggwatch.store import cursors, durable
from eggwatch.store.catalog import Catalog, key_of
from eggwatch.store.ledger import START, ChainBroken, Ledger, after
from eggwatch.store.lock import Lock
from eggwatch.store.pool import digest


@dataclass(slots=True, kw_only=True)
class Report:
    """What a rebuild has done, and what it could not bring back."""

    kept_events: int = 0
    new_events: int = 0
    files: int = 0
    lost: list[str] = field(default_factory=list)


def rebuild(config: IndexConfig, *, progress: Callable[[str], None] = lambda _: None) -> Report:
    """Make ledger and catalog anew, then bring every page up to date. The old ones are kept under other names."""
    permissions = permissions_of(config)
    make_folders(config, permissions)
    lock = Lock(config.state / "lock", permissions)
    lock.acquire()
    try:
        report = _rebuild_ledger(config, progress)
        catalog = config.state / CATALOG
        if catalog.exists():
            cursors.keep(config.state, cursors.read_from(catalog), permissions)  # serials never go back
            set_aside(catalog)
    finally:
        lock.release()
    with told_index(config) as index:
        index.pipeline.finish()
        report.files = index.pipeline.parts.catalog.counts()[1]
    return report


def _rebuild_ledger(config: IndexConfig, progress: Callable[[str], None]) -> Report:
    path, report = config.state / "ledger.jsonl", Report()
    ledger, scratch = Ledger(path), path.with_name("ledger.jsonl.rebuilt")
    ledger.refuse_newer()
    durable.unlink(scratch)
    kept = _copy_sound_part(ledger, scratch, report)
    new = Ledger(scratch, permissions_of(config))
    catalog = Catalog(":memory:")
    end = START
    for entry in new.read():
        catalog.apply([entry])
        end = after(entry)
    new.open(end)
    pages = list(_published_pages(config.public, report))
    shown = max((int(page.get("meta", {}).get("_last-serial", 0)) for page in pages), default=0)
    new.skip_to(max(shown, shown_serial(config.public)))
    events: list[Event] = []
    for page in pages:
        events += list(_missing_events(page, catalog, config.public, report, progress)) or _confirmation(page, catalog)
    events.sort(key=lambda event: (event.first_upload_time or event.at, event.filename or ""))
    report.new_events = len(new.append(events))
    new.close()
    if kept is not None and path.exists():
        durable.rename(path, path.with_name(f"ledger.jsonl.damaged-{time.time_ns()}"))
    durable.rename(scratch, path)
    durable.sync([path, path.parent])
    return report


def _copy_sound_part(ledger: Ledger, scratch: Path, report: Report) -> str | None:
    """Copy the ledger as far as it is sound; answers with what is wrong after that."""
    end, before, damage = START, START, None
    try:
        for entry in ledger.read():
            before, end = end, after(entry)
            report.kept_events += 1
    except NewerStateError:
        raise
    except LedgerError as error:
        damage = error.message
        if isinstance(error.__cause__, ChainBroken):  # either neighbour may be the altered one: neither is trusted
            end = before
            report.kept_events -= 1
        report.lost.append(f"the rest of the old ledger: {damage}")
    data = b""
    if ledger.exists():
        with ledger.path.open("rb") as file:
            data = file.read(end.offset)
    else:
        damage = None
        report.lost.append("the history of refusals, and who yanked or removed what: they stand in the ledger only")
    durable.write(scratch, data)
    return damage


def _published_pages(public: Path, report: Report) -> Iterator[dict[str, Any]]:
    simple = public / "simple"
    folders = sorted(entry.path for entry in os.scandir(simple) if entry.is_dir()) if simple.is_dir() else []
    for folder in folders:
        page = Path(folder) / JSON_NAME
        try:
            data = json.loads(page.read_bytes())
            if data["name"] and isinstance(data["files"], list):
                yield data
        except (OSError, ValueError, KeyError, TypeError) as error:
            report.lost.append(f"{page}: can't be read ({error}); its files are known only if the ledger has them")


def _missing_events(
    page: dict[str, Any], catalog: Catalog, public: Path, report: Report, progress: Callable[[str], None]
) -> Iterator[Event]:
    for file in page["files"]:
        progress(str(file.get("filename")))
        yield from _events_of_file(page, file, catalog, public, report)
    for removed in page.get("_removed", ()):
        record = catalog.file(key_of(removed["filename"]))
        if record is None or record.state == "present":
            yield _event(page, removed, "removed", at=removed["at"], sha256=removed["sha256"])


def _confirmation(page: dict[str, Any], catalog: Catalog) -> list[Event]:
    """An event that changes nothing, for a page with a later serial than the ledger's: serials never go back."""
    listing = catalog.listing(page["name"])
    if listing is not None and listing.last_serial >= int(page.get("meta", {}).get("_last-serial", 0)):
        return []
    for file in page["files"][-1:]:
        return [_event(page, file, "imported", at=file["upload-time"], sha256=file["hashes"]["sha256"])]
    for removed in page.get("_removed", ())[-1:]:
        return [_event(page, removed, "removed", at=removed["at"], sha256=removed["sha256"])]
    return []


def _events_of_file(
    page: dict[str, Any], file: dict[str, Any], catalog: Catalog, public: Path, report: Report
) -> Iterator[Event]:
    record = catalog.file(key_of(file["filename"]))
    path, sha256 = public / "files" / page["name"] / file["filename"], file["hashes"]["sha256"]
    if record is not None and record.file.sha256 != sha256:
        report.lost.append(f"{path}: the page and the ledger name different bytes; the ledger's word stands")
        return
    if record is None or record.state != "present":
        if not path.is_file() or digest(path) != sha256:
            report.lost.append(f"{path}: its bytes are missing or altered, so it is not in the new ledger")
            return
        yield _event(page, file, "imported", at=file["upload-time"], sha256=sha256)
    before = record.file.yanked if record is not None and record.state == "present" else None
    yanked = None if file.get("yanked") in (None, False) else "" if file["yanked"] is True else str(file["yanked"])
    if yanked != before:
        kind = "unyanked" if yanked is None else "yanked"
        yield _event(page, file, kind, at=timestamp(time.time()), sha256=sha256, reason=yanked or None)


def _event(
    page: dict[str, Any], file: dict[str, Any], kind: str, *, at: str, sha256: str, reason: str | None = None
) -> Event:
    filename = parse_filename(file["filename"])
    metadata = file.get("core-metadata")
    return Event(
        kind=kind,
        at=at,
        project=page["name"],
        version=str(filename.version) if isinstance(filename, Filename) else None,
        filename=file["filename"],
        sha256=sha256,
        size=int(file.get("size", 0)),
        uploader=file.get("_uploader"),
        actor=REBUILDER,
        reason=reason,
        name=page.get("_name"),
        requires_python=file.get("requires-python"),
        metadata_sha256=metadata.get("sha256") if isinstance(metadata, dict) else None,
        first_upload_time=file.get("upload-time"),
    )
