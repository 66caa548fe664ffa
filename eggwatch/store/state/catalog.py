"""The catalog: one SQLite database, a projection of the ledger that answers by key.

It also remembers what is not history: stale pages, and which originals in the drop folder were read already. All of
that can be found again, so losing it costs work and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_version

from eggwatch.model.events import Entry, EventKind
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.releases import ProjectListing, is_newest_yanked
from eggwatch.store import durable
from eggwatch.store.durable import Permissions, changing
from eggwatch.store.state.catalog_reader import (
    SCHEMA_VERSION,
    FileRecord,
    Original,
    Reader,
    Refusal,
    is_disk_full,
    key_of,
)
from eggwatch.store.state.site_tables import TABLES as SITE_TABLES
from eggwatch.store.state.site_tables import SiteRecord

__all__ = ["SCHEMA_VERSION", "Catalog", "FileRecord", "Original", "Reader", "Refusal", "key_of"]

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE files (
    filename TEXT PRIMARY KEY, project TEXT NOT NULL, spelled TEXT NOT NULL, version TEXT NOT NULL,
    sha256 TEXT NOT NULL, size INTEGER NOT NULL, upload_time TEXT NOT NULL, requires_python TEXT,
    metadata_sha256 TEXT, yanked TEXT, uploader TEXT, state TEXT NOT NULL, serial INTEGER NOT NULL,
    changed_at TEXT NOT NULL, release TEXT NOT NULL, bytes_until TEXT, blocked INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_of_project ON files (project, release);
CREATE INDEX files_of_bytes ON files (sha256);
CREATE INDEX files_by_time ON files (upload_time);
CREATE TABLE unswept (filename TEXT PRIMARY KEY, project TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX unswept_by_time ON unswept (at, filename);
CREATE TABLE projects (
    project TEXT PRIMARY KEY, name TEXT NOT NULL, serial INTEGER NOT NULL,
    page_serial INTEGER, newest_version TEXT, newest_at TEXT, first_uploader TEXT, newest_yanked INTEGER
) WITHOUT ROWID;
CREATE TABLE stale (project TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE events (
    serial INTEGER PRIMARY KEY, offset INTEGER NOT NULL, length INTEGER NOT NULL, kind TEXT NOT NULL,
    filename TEXT, project TEXT
);
CREATE INDEX events_of_filename ON events (filename, serial);
CREATE INDEX events_of_project ON events (project, serial);
CREATE TABLE refusals (
    filename TEXT PRIMARY KEY, serial INTEGER NOT NULL, sha256 TEXT NOT NULL, codes TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE originals (
    path TEXT PRIMARY KEY, dev INTEGER, ino INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
    fate TEXT NOT NULL, serial INTEGER, sha256 TEXT, reason TEXT, told INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""
_TABLES += SITE_TABLES
SHOWS_REJECTIONS = "shows_rejections"
"""1 if the front pages of the site show rejected uploads: then each makes them stale."""
AT_ONCE = "1970-01-01T00:00:00.000000Z"
"""As the time of a removal: its grace is over."""
_NAMES = frozenset(re.findall(r"CREATE (?:TABLE|INDEX) (\w+)", _TABLES))


def _path_key(path: str) -> str | bytes:
    """Paths that are no UTF-8 can't be TEXT."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape")
    return path


def _signed(number: int) -> int:
    """An inode's number as SQLite can keep it; on mergerfs and others they have all 64 bits."""
    return number - (1 << 64) if number >> 63 else number


NO_DAMAGE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)
"""What SQLite says of the machine, and not of what is in the file."""


def is_damaged(error: sqlite3.DatabaseError) -> bool:
    """Whether the file can't be read, or not understood; else it is locked, or its disk is full or read-only."""
    bad_block = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_READ
    return bad_block or not isinstance(error, sqlite3.OperationalError)


class Catalog(Reader):
    """The catalog for its one writer."""

    def __init__(self, path: str | Path) -> None:
        """OSError (ENOSPC) where the disk is full, and nothing may be begun."""
        self.path = Path(path)
        changing("sqlite-open", path)
        if is_disk_full(self.path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._known: dict[str, object] = {}
        """Values of `meta`, cached because only this process writes them: each upload needs two dozen."""
        connection = sqlite3.connect(path, isolation_level=None, timeout=10, cached_statements=256)
        super().__init__(connection)
        # The default page cache (2 MiB) would miss at 20 000 archives and not at 1 000. No mmap: it saves three reads
        # an upload, and at a bad block SIGBUS would end the daemon with all its indexes, and again at each start.
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY;"
        )
        if self._one("SELECT name FROM sqlite_master WHERE name = 'meta'") is None:
            changing("sqlite-create", self.path)
            version = f"INSERT INTO meta VALUES ('schema', {SCHEMA_VERSION})"  # noqa: S608
            self._db.executescript(f"BEGIN; {_TABLES} {version}; COMMIT;")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            changing("sqlite-commit", self.path)
            self._db.execute("COMMIT")
        except BaseException:
            self._known.clear()
            if self._db.in_transaction:  # SQLite itself ends it after some errors, for example if the disk is full
                self._db.execute("ROLLBACK")
            raise

    def meta(self, key: str) -> object:
        """A value of the table `meta`, None if there is none; cached."""
        if key not in self._known:
            self._known[key] = super().meta(key)
        return self._known[key]

    def set_meta(self, values: Mapping[str, int | str | None]) -> None:
        """Remember a few values."""
        with self._transaction():
            self._set(values)

    def _set(self, values: Mapping[str, int | str | None]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())
        self._known |= values

    def _add(self, key: str, difference: int) -> None:
        if difference:
            self._set({key: self.number(key) + difference})

    def apply(self, entries: Iterable[Entry], originals: Iterable[Original] = ()) -> None:
        """Project committed events, and remember their originals, in one transaction."""
        with self._transaction():
            last = None
            for entry in entries:
                self._apply(entry)
                last = entry
            if last is not None:
                self._set(
                    {
                        "ledger_offset": last.offset + last.length,
                        "ledger_serial": last.serial,
                        "ledger_sha256": last.sha256,
                        "ledger_length": last.length,
                    }
                )
            for original in originals:
                self._remember(original)

    def _apply(self, entry: Entry) -> None:
        event = entry.event
        key = key_of(event.filename) if event.filename is not None else None
        self._db.execute(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?)",
            (entry.serial, entry.offset, entry.length, event.kind, key, event.project),
        )
        if key is None:
            return
        if event.kind is EventKind.REJECTED:
            codes = json.dumps([flaw.code for flaw in event.flaws])
            self._db.execute(
                "INSERT OR REPLACE INTO refusals VALUES (?, ?, ?, ?)", (key, entry.serial, event.sha256, codes)
            )
            self._add("cards_wanted", self.number(SHOWS_REJECTIONS))
            return
        _PROJECTIONS[event.kind](self, entry, key)
        self._mark_changed(entry)

    def _mark_changed(self, entry: Entry) -> None:
        event = entry.event
        row = self._one("SELECT name FROM projects WHERE project = ?", event.project)
        if row is None:
            self._add("count_projects", 1)
            self._db.execute(
                "INSERT INTO projects VALUES (?, ?, ?, NULL, NULL, NULL, ?, NULL)",
                (event.project, event.name or event.project, entry.serial, event.uploader),
            )
        else:
            self._db.execute(
                "UPDATE projects SET serial = ?, name = ?, first_uploader = COALESCE(first_uploader, ?) "
                "WHERE project = ?",
                (entry.serial, event.name or row["name"], event.uploader, event.project),
            )
        self._db.execute("INSERT OR IGNORE INTO stale VALUES (?)", (event.project,))

    def _admitted(self, entry: Entry, key: str) -> None:
        event, before = entry.event, self.file(key)
        upload_time = before.file.upload_time if before else (event.first_upload_time or event.at)
        yanked = before.file.yanked if before else None
        parsed = parse_filename(str(event.filename))
        version = str(parsed.version) if isinstance(parsed, Filename) else str(event.version)
        self._db.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'present', ?, ?, ?, NULL, 0)",
            (
                key, event.project, event.filename, version, event.sha256, event.size, upload_time,
                event.requires_python, event.metadata_sha256, yanked, event.uploader, entry.serial, event.at,
                canonicalize_version(version),
            ),
        )  # fmt: skip
        if before is None or not before.present:
            self._add("count_files", 1)
        # By its spelling: should the same bytes return under another one, those of the old one still have to go.
        self._db.execute("DELETE FROM unswept WHERE filename = ?", (event.filename,))
        self._db.execute("DELETE FROM refusals WHERE filename = ?", (key,))

    def _yanked(self, entry: Entry, key: str) -> None:
        self._db.execute(
            "UPDATE files SET yanked = ?, serial = ? WHERE filename = ?", (entry.event.reason or "", entry.serial, key)
        )

    def _unyanked(self, entry: Entry, key: str) -> None:
        self._db.execute("UPDATE files SET yanked = NULL, serial = ? WHERE filename = ?", (entry.serial, key))

    def _removed(self, entry: Entry, key: str) -> None:
        before, event = self.file(key), entry.event
        if before is None:
            self._admitted(entry, key)
        again = before is not None and not before.present  # to be blocked, or to be rid of its bytes at once
        self._db.execute(
            # A quarantined file that returns is as it was, and so yanked if it was.
            "UPDATE files SET state = 'removed', yanked = CASE WHEN ? THEN yanked END, serial = ?, "
            "changed_at = ?, bytes_until = ?, blocked = MAX(blocked, ?) WHERE filename = ?",
            (
                event.kind is EventKind.QUARANTINED, entry.serial,
                before.changed_at if again and before else event.at, event.bytes_until, bool(event.blocked), key,
            ),
        )  # fmt: skip
        if not again:
            self._add("count_files", -1)
        spelled = before.file.filename if before is not None else event.filename
        # The bytes of a quarantined file have no grace period, and the right ones may return at any time.
        at_once = event.kind is EventKind.QUARANTINED or (
            event.bytes_until is not None and event.bytes_until <= event.at
        )
        if at_once or not again:
            since = AT_ONCE if at_once else event.at
            self._db.execute("INSERT OR REPLACE INTO unswept VALUES (?, ?, ?)", (spelled, event.project, since))

    def _unblocked(self, _: Entry, key: str) -> None:
        """The serial is still that of the removal, which is still in force."""
        self._db.execute("UPDATE files SET blocked = 0 WHERE filename = ?", (key,))

    def mark_published(self, pages: Iterable[tuple[ProjectListing, str | None, str | None]]) -> None:
        """Clear pages from the stale list that are durable as (listing, newest version, its time) says."""
        with self._transaction():
            for listing, newest_version, newest_at in pages:
                self._db.execute(
                    "UPDATE projects SET page_serial = ?, newest_version = ?, newest_at = ?, newest_yanked = ? "
                    "WHERE project = ?",
                    (listing.last_serial, newest_version, newest_at, is_newest_yanked(listing), listing.project),
                )
                self._db.execute(
                    "DELETE FROM stale WHERE project = ? AND "
                    "(SELECT serial FROM projects WHERE project = stale.project) = ?",
                    (listing.project, listing.last_serial),
                )
                wanted = self.number("root_wanted")
                self._add("root_late", int(listing.last_serial < wanted))  # the root has a later serial already
                self._set({"root_wanted": max(wanted, listing.last_serial)})
                self.site.mark(listing.project)

    def mark_site(self, records: Sequence[SiteRecord]) -> None:
        """These pages of the site are durable. Who needs whom is, too, before a page shows it: after a power failure
        nothing else would tell that this page is not as it should be."""
        lists = self.site.lists_that_change(records)
        self._db.execute(f"PRAGMA synchronous={'FULL' if lists else 'NORMAL'}")
        with self._transaction():
            self.site.remember(records, sorted(lists))
            self._add("cards_wanted", 1)
        self._db.execute("PRAGMA synchronous=NORMAL")

    def doubt_site(self) -> None:
        """Pages of the site that are to be rendered may have been published since: what each was rendered from is not
        known any more. So after a crash, a power failure, or a publication that failed in the middle."""
        with self._transaction():
            self.site.doubt()

    def mark_all_of_site(self, values: Mapping[str, int | str | None]) -> None:
        """All pages of the site are to be rendered anew, after those that change; remembers `values` with it."""
        with self._transaction():
            self.site.mark_all()
            self._set(values)

    def forget_site_pages(self, project: str) -> None:
        """All pages of the site that a project has are to be rendered anew."""
        with self._transaction():
            self.site.forget_pages(project)

    def mark_all_stale(self, values: Mapping[str, int | str | None]) -> None:
        """Every page is to be rendered anew (another renderer); remembers `values` with it."""
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO stale SELECT project FROM projects")
            self._set(values)

    def mark_stale(self, projects: Iterable[str], values: Mapping[str, int | str | None]) -> None:
        """The pages of these projects, as far as there are any, are to be rendered anew; remembers `values` with it."""
        with self._transaction():
            for project in projects:
                self._db.execute(
                    "INSERT OR IGNORE INTO stale SELECT project FROM projects WHERE project = ?", (project,)
                )
            self._set(values)

    def mark_swept(self, filenames: Iterable[str]) -> None:
        """The bytes of these removed files are gone."""
        with self._transaction():
            self._db.executemany("DELETE FROM unswept WHERE filename = ?", [(filename,) for filename in filenames])

    def remember(self, originals: Iterable[Original]) -> None:
        """Remember what became of files in the drop folder, so that they are not read again."""
        with self._transaction():
            for original in originals:
                self._remember(original)

    def _remember(self, original: Original) -> None:
        identity = original.identity
        self._db.execute(
            "INSERT OR REPLACE INTO originals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _path_key(original.path), _signed(identity.dev), _signed(identity.ino), identity.size,
                identity.mtime_ns, identity.ctime_ns, original.fate, original.serial, original.sha256,
                original.reason, original.told,
            ),
        )  # fmt: skip

    def forget(self, paths: Iterable[str]) -> None:
        """Forget paths that are gone from the drop folder, or are something new by now."""
        with self._transaction():
            self._db.executemany("DELETE FROM originals WHERE path = ?", [(_path_key(path),) for path in paths])

    def is_sound(self) -> bool:
        """Whether this is a catalog of this version, with all its tables; what is in them shows when it is read."""
        names = {row["name"] for row in self._db.execute("SELECT name FROM sqlite_master")}
        return names >= _NAMES and self.meta("schema") == SCHEMA_VERSION

    def narrow(self, permissions: Permissions) -> None:
        """Give the database its mode; SQLite makes the files beside it alike."""
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                durable.chmod(self.path.with_name(self.path.name + suffix), permissions)

    def close(self) -> None:
        """Close the connection; SQLite may fold the write-ahead log into the file."""
        changing("sqlite-close", self.path)
        super().close()

    def finish(self) -> None:
        """Leave one plain file, which other accounts can read when no daemon runs."""
        changing("sqlite-finish", self.path)
        with contextlib.suppress(sqlite3.OperationalError):  # a reader has it open: the WAL is left, which is fine
            self._db.execute("PRAGMA journal_mode=DELETE")
        self.close()


_PROJECTIONS = {
    EventKind.ADMITTED: Catalog._admitted,
    EventKind.IMPORTED: Catalog._admitted,
    EventKind.YANKED: Catalog._yanked,
    EventKind.UNYANKED: Catalog._unyanked,
    EventKind.REMOVED: Catalog._removed,
    EventKind.UNBLOCKED: Catalog._unblocked,
    EventKind.QUARANTINED: Catalog._removed,
}
