"""`backup`: the ledger and the archives that it names, in a folder of their own, while the daemon works.

The ledger is cut first, at a whole line; then come the files that this part of it names, which are there before
they are named and never change. They last before the ledger is written that names them. So the folder is, at
every moment, a whole backup: of this run, or of the one before.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.overlaps import overlapped
from eggwatch.errors import FolderError, LedgerError
from eggwatch.model.events import EventKind, timestamp
from eggwatch.store import durable
from eggwatch.store.public.pool import digest
from eggwatch.store.public.spool import ARCHIVE_MODE, copy_hashing
from eggwatch.store.state import cursors
from eggwatch.store.state.catalog import Catalog, FileRecord
from eggwatch.store.state.history import event_at
from eggwatch.store.state.ledger import START, Ledger, Position
from eggwatch.store.state.lock import Lock
from eggwatch.store.state.replay import replay
from eggwatch.writer.folders import permissions_of

MARKER = "eggwatch-backup.json"
CHUNK = 1 << 20
GROUP, GROUP_BYTES = 256, 256 << 20
"""New files that are synced and renamed together, before one of them has its name."""
MOST_CUTS = 5
"""How often the ledger is copied again if files vanish meanwhile because they are removed."""


@dataclass(slots=True, kw_only=True)
class BackupReport:
    """What a backup holds now (files, serial), and what this run did (copied, bytes, forgotten)."""

    files: int = 0
    serial: int = 0
    copied: int = 0
    bytes: int = 0
    forgotten: int = 0
    damaged: list[str] = field(default_factory=list)
    """Archives that are missing in PUBLIC or not what they were; an older copy of them in the backup is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """A new file that has its bytes and not its name yet."""

    new: Path
    target: Path
    size: int


class Backup:
    """A backup of one index in a folder; needs the right to read PUBLIC and STATE, and no lock of theirs."""

    def __init__(
        self,
        config: IndexConfig,
        folder: Path,
        *,
        others: Sequence[IndexConfig] = (),
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`others` are the indexes of the same configuration, whose folders are no place for a backup either."""
        self._config, self._folder, self._progress = config, folder, progress
        self._indexes = (config, *others)
        self._ledger = Ledger(config.ledger)
        self._permissions = permissions_of(config)
        self._kept = folder / "state" / config.ledger.name
        self._files = folder / "public" / "files"
        self._new = folder / "new"
        self._arrived: list[_Arrival] = []

    def run(self) -> BackupReport:
        """Bring the backup up to date. FolderError if the folder holds something else; LedgerError for damage."""
        self._check_folder()
        durable.make_folders(self._folder, self._permissions)
        self._write_marker(0)  # first of all: by it the next run recognises the folder as its own
        durable.sync([self._folder])
        for folder in (self._files, self._kept.parent):
            durable.make_folders(folder, self._permissions)
        lock = Lock(self._folder / "lock", self._permissions)
        lock.acquire()
        try:
            # What is in the folder must be the beginning of this ledger: a newer or another one is never overwritten.
            if not self._ledger.follows(self._kept_end()):
                raise FolderError(
                    f"{self._folder} holds a backup of another index, or of a time that this ledger does not know.",
                    remedy="Choose a new folder. (After 'eggwatch rebuild' the history may differ from the old one.)",
                )
            # What an interrupted run has left without a name goes.
            durable.unlink(self._files / ".new")  # where the first release wrote them
            for path in self._new.iterdir() if self._new.is_dir() else ():
                durable.unlink(path)
            return self._make()
        finally:
            lock.release()

    def _check_folder(self) -> None:
        own = overlapped(self._folder, [own for index in self._indexes for own in index.folders])
        if own is not None:
            raise FolderError(
                f"{self._folder} and {own} must not contain one another.",
                remedy="Choose a folder elsewhere, best on another disk.",
            )
        names = {path.name for path in self._folder.iterdir()} if self._folder.is_dir() else set()
        if names - {f".{MARKER}.new"} and MARKER not in names:
            raise FolderError(
                f"{self._folder} is not empty and holds no backup.", remedy="Choose a new or empty folder."
            )

    def _kept_end(self) -> Position:
        """The place after the last whole line of the backup's ledger, which a crash may have torn."""
        try:
            data = self._kept.read_bytes()
        except FileNotFoundError:
            return START
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            durable.truncate(self._kept, whole)
        line = data[data.rfind(b"\n", 0, max(whole - 1, 0)) + 1 : whole]
        if not line:
            return START
        digest = hashlib.sha256(line[:-1]).hexdigest()
        return Position(offset=whole, serial=json.loads(line)["serial"], sha256=digest, length=len(line))

    def _make(self) -> BackupReport:
        for attempt in range(MOST_CUTS):
            report, catalog = BackupReport(), Catalog("")  # a temporary file of SQLite's own
            try:
                end = replay(self._ledger, catalog)
                if end.serial == 0:
                    raise LedgerError(f"{self._ledger.path} has no events: there is nothing to back up.")
                self._copy_files(catalog, report)
                if not report.damaged or self._ledger.torn_bytes(end) <= 0 or attempt == MOST_CUTS - 1:
                    self._keep(catalog, end, report)
                    break
            finally:
                catalog.close()
        return report

    def _copy_files(self, catalog: Catalog, report: BackupReport) -> None:
        for record in catalog.every_file():
            if not record.present:
                continue
            self._progress(record.file.filename)
            report.files += 1
            self._copy(record, record.file.filename, record.file.sha256, record.file.size, report)
            name = f"{record.file.filename}.metadata"
            sha256 = record.file.metadata_sha256 or _digest_if_there(self._source(record, name))
            if sha256 is not None:
                self._copy(record, name, sha256, None, report)
        self._settle()
        durable.sync_everything([self._folder])

    def _copy(self, record: FileRecord, name: str, sha256: str, size: int | None, report: BackupReport) -> None:
        """Copy one file that is not there yet, and compare its hash with the ledger's on the way."""
        target = self._files / record.project / name
        if _is_there(target, sha256, size):
            return
        source = self._source(record, name)
        found, copied = self._copied(source, target, sha256)
        if found is None:
            report.damaged.append(f"{source}: is missing")
        elif found != sha256:
            report.damaged.append(f"{source}: its sha256 is {found}, and should be {sha256}")
        else:
            report.copied += size is not None
            report.bytes += copied

    def _source(self, record: FileRecord, name: str) -> Path:
        return self._config.public / "files" / record.project / name

    def _copied(self, source: Path, target: Path, sha256: str) -> tuple[str | None, int]:
        new = self._new / str(len(self._arrived))
        try:
            reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None, 0
        try:
            durable.make_folder(self._new, self._permissions)
            durable.changing("write", new)
            writing = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                found, size = copy_hashing(reading, writing)
                self._permissions.apply(writing, ARCHIVE_MODE & self._permissions.file)
            finally:
                os.close(writing)
        finally:
            os.close(reading)
        if found == sha256:
            self._arrived.append(_Arrival(new=new, target=target, size=size))
            if len(self._arrived) >= GROUP or sum(one.size for one in self._arrived) >= GROUP_BYTES:
                self._settle()
        else:
            durable.unlink(new)
        return found, size

    def _settle(self) -> None:
        """Give new files their names, when their bytes last: no power cut leaves a name with half of the bytes."""
        durable.sync([one.new for one in self._arrived])
        for one in self._arrived:
            durable.make_folder(one.target.parent, self._permissions)
            durable.rename(one.new, one.target)
        self._arrived.clear()

    def _keep(self, catalog: Catalog, end: Position, report: BackupReport) -> None:
        """The files last: now the ledger that names them, then what it says is removed goes."""
        self._extend_ledger(end)
        cursors.copy(self._config.state, self._kept.parent, self._permissions)
        report.serial = end.serial
        self._write_marker(report.files, serial=end.serial)
        durable.sync_everything([self._folder])
        self._forget_removed(catalog, report)

    def _extend_ledger(self, end: Position) -> None:
        if not self._kept.exists():
            durable.write(self._kept, b"", permissions=self._permissions)
        fd = os.open(self._kept, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        before = os.fstat(fd).st_size
        try:
            with self._ledger.path.open("rb") as file:
                file.seek(before)
                while data := file.read(min(CHUNK, end.offset - file.tell())):
                    durable.append(fd, data, self._kept)
        finally:
            os.close(fd)
        if not Ledger(self._kept).follows(end):
            durable.truncate(self._kept, before)
            raise LedgerError(
                f"{self._ledger.path} was replaced meanwhile.", remedy="Run 'eggwatch backup' again, after the rebuild."
            )
        durable.sync([self._kept, self._kept.parent])

    def _forget_removed(self, catalog: Catalog, report: BackupReport) -> None:
        """Delete removed files from the backup, too, but not quarantined ones: these may be the last intact bytes."""
        for record in catalog.every_file():
            path = self._files / record.project / record.file.filename
            if record.present or not path.exists():
                continue
            last = event_at(self._ledger, catalog.event_at(record.serial))
            if last is not None and last.kind is EventKind.REMOVED:
                report.forgotten += durable.unlink(path)
                durable.unlink(path.with_name(f"{path.name}.metadata"))

    def _write_marker(self, files: int, *, serial: int | None = None) -> None:
        path = self._folder / MARKER
        if serial is None and path.exists():
            return
        at = timestamp(time.time())
        data = {"schema": 1, "index": self._config.name, "at": at, "serial": serial, "files": files}
        durable.replace(path, json.dumps(data).encode() + b"\n", self._permissions)


def _digest_if_there(path: Path) -> str | None:
    """The sha256 of an sdist's PKG-INFO, which the ledger does not have, and some archives lack; the site shows it."""
    try:
        return digest(path)
    except FileNotFoundError:
        return None


def _is_there(path: Path, sha256: str, size: int | None) -> bool:
    """Archives never change: one of the same name and size is the same. `size` None: it is small, so it is hashed."""
    try:
        return digest(path) == sha256 if size is None else path.stat().st_size == size
    except FileNotFoundError:
        return False
