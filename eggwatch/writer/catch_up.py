"""A catalog that is missing, damaged, behind or of another schema is made again from the ledger."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import FolderError, LedgerError
from eggwatch.readers.missing import shown_serial
from eggwatch.store import durable
from eggwatch.store.durable import Permissions
from eggwatch.store.state.catalog import NO_DAMAGE, Catalog
from eggwatch.store.state.ledger import Ledger, Position
from eggwatch.store.state.replay import replay
from eggwatch.writer.folders import log


def open_catalog(config: IndexConfig, ledger: Ledger, permissions: Permissions) -> Catalog:
    """Open ledger and catalog, and bring the catalog up to date. LedgerError if the tree knows more than the ledger."""
    ledger.refuse_newer()
    shown = shown_serial(config.public)
    _refuse_missing(config, ledger, shown)
    ledger.make_last()
    catalog = _open_or_set_aside(config.catalog)
    try:
        end = _catch_up(ledger, catalog)
        if end.serial < shown:
            raise older_ledger(ledger, f"the published root page shows serial {shown}, the ledger ends at {end.serial}")
        _refuse_vanished(config, catalog)
        catalog.doubt_site()
        ledger.open(end)
        catalog.narrow(permissions)
    except BaseException:
        catalog.close()
        raise
    return catalog


def older_ledger(ledger: Ledger, what: str) -> LedgerError:
    """The refusal over a ledger that knows less than what was published."""
    return LedgerError(
        f"{ledger.path} is missing or older than what was published from it: {what}. Nothing is rendered or deleted.",
        remedy="Restore the newer ledger, or run 'eggwatch rebuild', which recovers the rest from the published tree.",
    )


def _refuse_missing(config: IndexConfig, ledger: Ledger, shown: int) -> None:
    if ledger.exists():
        return
    files, pages = config.public / "files", config.public / "simple"
    # An empty ledger beside archives, and not one project page: a crash came right before the first commit.
    filled = (pages,) if ledger.path.exists() else (pages, files)
    if shown > 0 or any(entry.is_dir() for folder in filled if folder.is_dir() for entry in folder.iterdir()):
        raise older_ledger(ledger, f"{config.public} holds a published tree")


def _refuse_vanished(config: IndexConfig, catalog: Catalog) -> None:
    """FolderError if the bytes of all files are gone: pages are never rendered over an unmounted disk."""
    count, files = catalog.counts()[1], config.public / "files"
    if count and not files.is_dir():
        raise FolderError(
            f"{files} is missing, but the ledger has {count} published files.",
            remedy="Mount its disk, or restore it from a backup. Nothing was changed.",
        )


def _open_or_set_aside(path: Path) -> Catalog:
    try:
        catalog = Catalog(path)
        if catalog.is_sound():
            return catalog
        catalog.close()
        reason = "it is of another version"
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) in NO_DAMAGE:
            raise
        reason = str(error)
    set_damaged_aside(path, reason)
    return Catalog(path)


def set_damaged_aside(path: Path, reason: str) -> None:
    set_aside(path)
    log.warning("%s can't be used (%s): it is set aside and rebuilt from the ledger", path, reason)


def set_aside(path: Path) -> None:
    """Rename a catalog that can't be used, with its write-ahead log."""
    stamp = time.time_ns()
    for suffix in ("-shm", "-wal", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            durable.rename(file, file.with_name(f"{path.name}.damaged-{stamp}{suffix}"))


def _catch_up(ledger: Ledger, catalog: Catalog) -> Position:
    """Apply what the ledger has and the catalog has not; cut a torn last line."""
    position = catalog.position()
    if not ledger.follows(position):
        raise older_ledger(ledger, f"the catalog knows serial {position.serial}, which the ledger does not have")
    end = replay(ledger, catalog)
    if ledger.torn_bytes(end) > 0:
        log.warning("%s: its last line, after serial %d, is incomplete and is cut off", ledger.path, end.serial)
        ledger.cut(end)
    return end
