"""`rebuild`: ledger and catalog again, from the published tree and whatever ledger there is."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import LedgerError, NewerStateError, in_words
from eggwatch.maintenance.verify import compare
from eggwatch.model.events import REBUILDER, Event, EventKind, timestamp
from eggwatch.model.names import JSON_NAME, Filename, parse_filename
from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile
from eggwatch.pages.read_back import recall
from eggwatch.readers.missing import shown_serial
from eggwatch.store import durable
from eggwatch.store.durable import Permissions
from eggwatch.store.public.pool import Pool
from eggwatch.store.state.catalog import Catalog, key_of
from eggwatch.store.state.cursors import read_all
from eggwatch.store.state.ledger import START, ChainBroken, Ledger, after
from eggwatch.store.state.replay import catalog_of
from eggwatch.writer.ask import told_index
from eggwatch.writer.catch_up import set_aside
from eggwatch.writer.folders import permissions_of, taken_lock

log = logging.getLogger("eggwatch")


@dataclass(slots=True, kw_only=True)
class RebuildReport:
    """What a rebuild has done, and what it could not bring back."""

    kept_events: int = 0
    new_events: int = 0
    files: int = 0
    lost: list[str] = field(default_factory=list)


def rebuild(config: IndexConfig, *, progress: Callable[[str], None] = lambda _: None) -> RebuildReport:
    """Make ledger and catalog anew, then bring every page up to date. The old ones are kept under other names."""
    lock = taken_lock(config, permissions_of(config))
    try:
        report = _rebuild_ledger(config, progress)
        if config.catalog.exists():
            set_aside(config.catalog)
    finally:
        lock.release()
    with told_index(config) as index:
        index.pipeline.finish()
        report.files = index.pipeline.components.catalog.counts()[1]
    return report


def _rebuild_ledger(config: IndexConfig, progress: Callable[[str], None]) -> RebuildReport:
    path, report, permissions = config.ledger, RebuildReport(), permissions_of(config)
    scratch = path.with_name(f"{path.name}.rebuilt")
    _take_up(path, scratch)
    ledger = Ledger(path)
    ledger.refuse_newer()
    durable.unlink(scratch)
    is_damaged = _copy_sound_part(ledger, scratch, report, permissions)
    new = Ledger(scratch, permissions)
    catalog = catalog_of(new)
    new.open(end := catalog.position())
    listings = list(_published_listings(config.public, report))
    shown = max([shown_serial(config.public), *(listing.last_serial for listing in listings)])
    told = max((progress.cursor for progress in read_all(config.state).values()), default=0)
    new.skip_to(max(shown, told))
    events: list[Event] = []
    for listing in listings:
        events += list(_missing_events(listing, catalog, config.public, report, progress)) or _confirmation(
            listing, catalog
        )
    events.sort(key=lambda event: (event.first_upload_time or event.at, event.filename or ""))
    is_behind = end.serial < shown or (end.serial < told and bool(catalog.projects()))
    entries = new.append(events or ([_reminder(config.public, catalog)] if is_behind else []))
    new.close()
    report.new_events = len(entries)
    catalog.apply(entries)
    report.lost += _unnamed(config.public, catalog)
    # At every moment there is a whole ledger at the path, or the damaged one that was there.
    if is_damaged:
        durable.link(path, path.with_name(f"{path.name}.damaged-{time.time_ns()}"))
    durable.sync([scratch, path.parent])
    durable.rename(scratch, path)
    durable.sync([path, path.parent])
    return report


def _take_up(path: Path, scratch: Path) -> None:
    """Where there is no ledger, the one that goes furthest of those that an earlier rebuild has left takes its place.

    A ledger that was set aside keeps its name too.
    """
    found = [other for other in (scratch, *sorted(path.parent.glob(f"{path.name}.damaged-*"))) if other.is_file()]
    if Ledger(path).exists() or not found:
        return
    best = max(found, key=_reach)
    log.warning("there is no %s: continuing with %s, which an earlier rebuild has left", path, best)
    if best != scratch:
        durable.unlink(scratch)
        durable.link(best, scratch)
    durable.sync([scratch, path.parent])
    durable.rename(scratch, path)
    durable.sync([path.parent])


def _reach(path: Path) -> int:
    """The last serial before which a ledger is sound."""
    serial = 0
    with suppress(LedgerError):
        for entry in Ledger(path).read():
            serial = entry.serial
    return serial


def _copy_sound_part(ledger: Ledger, scratch: Path, report: RebuildReport, permissions: Permissions) -> bool:
    """Copy the ledger as far as it is sound; answers whether something of it was left out."""
    end, before, is_damaged = START, START, False
    try:
        for entry in ledger.read():
            before, end = end, after(entry)
            report.kept_events += 1
    except NewerStateError:
        raise
    except LedgerError as error:
        is_damaged = True
        if isinstance(error.__cause__, ChainBroken):  # either neighbour may be the altered one: neither is trusted
            end = before
            report.kept_events -= 1
        report.lost.append(f"the rest of the old ledger: {error.message}")
    data = b""
    if ledger.exists():
        with ledger.path.open("rb") as file:
            data = file.read(end.offset)
    else:
        report.lost.append("rejections, and who yanked or removed what: these were in the ledger only")
    durable.write(scratch, data, permissions=permissions)
    return is_damaged


def _published_listings(public: Path, report: RebuildReport) -> Iterator[ProjectListing]:
    simple = public / "simple"
    entries = list(os.scandir(simple)) if simple.is_dir() else []
    for project in sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False)):
        page = simple / project / JSON_NAME
        try:
            listing, problems = recall(page.read_bytes(), project)
        except (OSError, ValueError, RecursionError) as error:
            report.lost.append(
                f"{page}: can't be read ({in_words(error)}); its files are known only if the ledger has them"
            )
            continue
        report.lost += [f"{page}: {problem}, so the page is not used for this" for problem in problems]
        yield listing


def _unnamed(public: Path, catalog: Catalog) -> list[str]:
    """Files that neither ledger nor page names. They are not published: one may have been removed, or never judged."""
    pool, lost = Pool(public), []
    for project, name in pool.names() if pool.folder.is_dir() else ():
        record = catalog.file(key_of(name.removesuffix(".metadata")))
        if record is None or record.project != project or record.file.filename != name.removesuffix(".metadata"):
            path = pool.path_of(project, name)
            lost.append(f"{path}: neither a page nor the ledger names it; to publish it, copy it to the drop folder")
    return lost


def _missing_events(
    listing: ProjectListing, catalog: Catalog, public: Path, report: RebuildReport, progress: Callable[[str], None]
) -> Iterator[Event]:
    """What the page shows and the ledger does not know. An older page says nothing of a file that the ledger knows."""
    is_newer = _is_newer(listing, catalog)
    for file in listing.files:
        progress(file.filename)
        if is_newer or catalog.file(key_of(file.filename)) is None:
            yield from _events_of_file(listing, file, catalog, public, report)
    for removed in listing.removed:
        record = catalog.file(key_of(removed.filename))
        if record is None or (is_newer and (record.present or (removed.blocked and not record.blocked))):
            yield _removal(listing, removed)
        elif is_newer and record.blocked and not removed.blocked:
            yield replace(_removal(listing, removed), kind=EventKind.UNBLOCKED, at=timestamp(time.time()))


def _confirmation(listing: ProjectListing, catalog: Catalog) -> list[Event]:
    """An event that changes nothing, for a page with a later serial than the ledger's: serials never go back."""
    if not _is_newer(listing, catalog):
        return []
    return [_confirming(listing)] if listing.files or listing.removed else []


def _is_newer(listing: ProjectListing, catalog: Catalog) -> bool:
    """Whether a page knows more than the ledger."""
    known = catalog.listing(listing.project)
    return known is None or known.last_serial < listing.last_serial


def _confirming(listing: ProjectListing) -> Event:
    if listing.files:
        return _event(listing, listing.files[-1], EventKind.IMPORTED, at=listing.files[-1].upload_time)
    return _removal(listing, listing.removed[-1])


def _reminder(public: Path, catalog: Catalog) -> Event:
    """An event that changes nothing, where the root shows a serial and the page that it came from can't be read."""
    for project in catalog.projects():
        listing = catalog.listing(project)
        if listing is not None and (listing.files or listing.removed):
            return _confirming(listing)
    raise LedgerError(
        f"No page below {public / 'simple'} can be read, and there is no ledger: there is nothing to rebuild from.",
        remedy=f"Restore {public} or the ledger from a backup, or move {public / 'simple'} away, to start empty.",
    )


def _events_of_file(
    listing: ProjectListing, file: PublishedFile, catalog: Catalog, public: Path, report: RebuildReport
) -> Iterator[Event]:
    record = catalog.file(key_of(file.filename))
    path = public / "files" / listing.project / file.filename
    if record is not None and record.file.sha256 != file.sha256:
        report.lost.append(f"{path}: the page and the ledger have different sha256 values; the ledger is used")
        return
    present = record is not None and record.present
    if not present:
        if not path.is_file() or compare(path, file.sha256) is not None:
            report.lost.append(f"{path}: its bytes are missing or altered, so it is not in the new ledger")
            return
        yield _event(listing, file, EventKind.IMPORTED, at=file.upload_time)
    before = record.file.yanked if present and record is not None else None
    if file.yanked != before:
        kind = EventKind.UNYANKED if file.yanked is None else EventKind.YANKED
        yield replace(_event(listing, file, kind, at=timestamp(time.time())), reason=file.yanked or None)


def _event(listing: ProjectListing, file: PublishedFile, kind: EventKind, *, at: str) -> Event:
    return file.event(
        kind,
        project=listing.project,
        at=at,
        uploader=file.uploader,
        actor=REBUILDER,
        name=listing.name,
        requires_python=file.requires_python,
        metadata_sha256=file.metadata_sha256,
        first_upload_time=file.upload_time,
    )


def _removal(listing: ProjectListing, removed: RemovedFile) -> Event:
    filename = parse_filename(removed.filename)
    return Event(
        kind=EventKind.REMOVED,
        at=removed.at,
        project=listing.project,
        version=str(filename.version) if isinstance(filename, Filename) else None,
        filename=removed.filename,
        sha256=removed.sha256,
        size=removed.size,
        actor=REBUILDER,
        name=listing.name,
        first_upload_time=removed.upload_time,
        bytes_until=removed.bytes_until,
        blocked=removed.blocked or None,
    )
