"""The catalog as it is read: every question has a key, and needs neither the lock nor the right to write."""

from __future__ import annotations

import functools
import json
import os
import sqlite3
from collections.abc import Container, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eggwatch.model.names import Filename, parse_filename, stored_name
from eggwatch.model.queue import Fate
from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile, RootEntry, RootListing
from eggwatch.model.sightings import Identity
from eggwatch.store.state.ledger import Position

if TYPE_CHECKING:
    from eggwatch.store.state.site_tables import SiteTables

SCHEMA_VERSION = 7
"""Raised whenever a table changes: a catalog of another version is made anew from the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What happened to a file that is still in the drop folder.

    `serial` and `sha256` are those of the event, if there is one.
    """

    path: str
    identity: Identity
    fate: Fate
    serial: int | None = None
    sha256: str | None = None
    reason: str | None = None
    told: int = 0
    """For a file without a verdict (its fate is `told`): one more than the uid of the account that was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A filename that the index has ever published. `changed_at` is since when it is as it is.

    Unless it is `present` it was removed: `bytes_until` and `blocked` are those of a removed file (see `RemovedFile`).
    """

    key: str
    project: str
    present: bool
    serial: int
    changed_at: str
    file: PublishedFile
    bytes_until: str | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The latest refusal of a name, while no later event of that name has replaced it."""

    serial: int
    sha256: str
    codes: tuple[str, ...]


_FILE_COLUMNS = (
    "filename, project, spelled, version, sha256, size, upload_time, requires_python, metadata_sha256, yanked, "
    "uploader, state, serial, changed_at, bytes_until, blocked"
)

_OF_A_FILE = [one.name for one in fields(PublishedFile) if one.name != "filename"]
"""Columns that are fields of a `PublishedFile`."""


def _record(row: sqlite3.Row) -> FileRecord:
    return FileRecord(
        key=row["filename"],
        project=row["project"],
        present=row["state"] == "present",
        serial=row["serial"],
        changed_at=row["changed_at"],
        file=PublishedFile(filename=row["spelled"], **{name: row[name] for name in _OF_A_FILE}),
        bytes_until=row["bytes_until"],
        blocked=bool(row["blocked"]),
    )


def key_of(filename: str) -> str:
    """The key under which events and refusals of a filename are found: normalised, where it can be parsed."""
    parsed = parse_filename(filename)
    key = parsed.normalized if isinstance(parsed, Filename) else stored_name(filename)
    return key if key.isascii() else key.encode("utf-8", "backslashreplace").decode()  # it may be no UTF-8


MOST_ENTRIES = 20_000
"""So many projects of the root are kept in memory, of some 0.5 kB each."""
ROOM = 128 * 1024
"""Bytes that must be free where a catalog is opened."""


def _is_allocated(shared: Path) -> bool:
    """Whether the shared memory has all its blocks, so that no more are needed for it."""
    try:
        status = shared.stat()
    except OSError:
        return False
    return 0 < status.st_size <= status.st_blocks * 512


def is_disk_full(path: Path) -> bool:
    """Whether a catalog can't be opened for want of room.

    SQLite maps its shared memory (32 KiB, made by whoever comes first) into the process, and on a file system
    without a free block the first write to it is the end of the process (SIGBUS; met on ext4).
    """
    try:
        status = os.statvfs(path.parent)
    except OSError:
        return False  # whoever opens it will say what is wrong
    return status.f_bavail * status.f_frsize < ROOM


class OtherSchemaError(sqlite3.DatabaseError):
    """The catalog was made by another version of eggwatch."""


class Reader:
    """Answers by key; needs neither the lock nor the right to write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._db.row_factory = sqlite3.Row

    @classmethod
    def open(cls, path: Path) -> Reader:
        """Open for reading only, beside a writer or without one. sqlite3.Error if it can't be read."""
        if is_disk_full(path) and not _is_allocated(path.with_name(f"{path.name}-shm")):
            raise sqlite3.OperationalError("the disk is full")
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        reader = cls(connection)
        if reader.meta("schema") != SCHEMA_VERSION:
            connection.close()
            raise OtherSchemaError("the catalog is of another version")
        return reader

    @functools.cached_property
    def site(self) -> SiteTables:
        """What the site needs; loaded for whoever asks."""
        from eggwatch.store.state.site_tables import SiteTables

        return SiteTables(self._db)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _one(self, sql: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    def _column(self, sql: str, *values: object) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self._db.execute(sql, values)]

    def meta(self, key: str) -> object:
        """A value of the table `meta`, None if there is none."""
        row = self._one("SELECT value FROM meta WHERE key = ?", key)
        return None if row is None else row["value"]

    def number(self, key: str) -> int:
        """A number of the table `meta`, 0 if there is none."""
        value = self.meta(key)
        return value if isinstance(value, int) else 0

    def position(self) -> Position:
        """The place in the ledger up to which it was applied; read at once, because a daemon may commit meanwhile."""
        rows = self._db.execute("SELECT key, value FROM meta WHERE key GLOB 'ledger_*'")
        known = {row["key"]: row["value"] for row in rows}
        offset, serial, length = (known.get(f"ledger_{name}") for name in ("offset", "serial", "length"))
        if not (isinstance(offset, int) and isinstance(serial, int) and isinstance(length, int)):
            return Position()
        return Position(offset=offset, serial=serial, sha256=str(known["ledger_sha256"]), length=length)

    def file(self, key: str) -> FileRecord | None:
        """A file by its normalised name, present or removed."""
        row = self._one(f"SELECT {_FILE_COLUMNS} FROM files WHERE filename = ?", key)  # noqa: S608
        return None if row is None else _record(row)

    def published_since(self, filename: str) -> str | None:
        """Since when a file is in the index under this very name (RFC 3339); None if none is."""
        record = self.file(key_of(filename))
        if record is None or not record.present or record.file.filename != filename:
            return None
        return record.file.upload_time

    def files(self, project: str) -> list[FileRecord]:
        """All files that a project ever had."""
        rows = self._db.execute(f"SELECT {_FILE_COLUMNS} FROM files WHERE project = ?", (project,))  # noqa: S608
        return [_record(row) for row in rows]

    def twin(self, sha256: str, *, key: str) -> str | None:
        """The filename, other than `key`, under which the same bytes are published."""
        row = self._one(
            "SELECT spelled FROM files WHERE sha256 = ? AND filename <> ? AND state = 'present' LIMIT 1", sha256, key
        )
        return None if row is None else row["spelled"]

    def blocked(self, sha256: str, *, key: str) -> FileRecord | None:
        """The file that was blocked with this name or these bytes; a name comes before its bytes."""
        row = self._one(
            f"SELECT {_FILE_COLUMNS} FROM files WHERE (sha256 = ? OR filename = ?) AND blocked "  # noqa: S608
            "ORDER BY filename = ? DESC LIMIT 1",
            *(sha256, key, key),
        )
        return None if row is None else _record(row)

    def other_sdist(self, project: str, release: str, *, key: str) -> str | None:
        """A published sdist, other than `key`, of a release (its version canonical: 1 for 1.0.0)."""
        rows = self._db.execute(
            "SELECT filename, spelled FROM files WHERE project = ? AND release = ? AND state = 'present'",
            (project, release),
        )
        names = (row["spelled"] for row in rows if row["filename"] != key)
        return next((name for name in names if not name.lower().endswith(".whl")), None)

    def size_of(self, project: str) -> int:
        """Bytes of a project's published files; looks at all of them."""
        row = self._one("SELECT SUM(size) AS size FROM files WHERE project = ? AND state = 'present'", project)
        return 0 if row is None else row["size"] or 0

    def first_uploader(self, project: str) -> str | None:
        """Who uploaded the first file of a project, as far as anybody knows."""
        row = self._one("SELECT first_uploader FROM projects WHERE project = ?", project)
        return None if row is None else row["first_uploader"]

    def every_file(self) -> Iterator[FileRecord]:
        """Every file, by normalised name; for `verify`, never for one upload."""
        for row in self._db.execute(f"SELECT {_FILE_COLUMNS} FROM files ORDER BY filename"):  # noqa: S608
            yield _record(row)

    def listing(self, project: str) -> ProjectListing | None:
        """What the project's page has to show; None if there is no such project."""
        row = self._one("SELECT name, serial FROM projects WHERE project = ?", project)
        if row is None:
            return None
        records = self.files(project)
        return ProjectListing(
            project=project,
            name=row["name"],
            last_serial=row["serial"],
            files=tuple(record.file for record in records if record.present),
            removed=tuple(_removed(record) for record in records if not record.present),
        )

    def root(self) -> RootListing:
        """What the root page has to show: the projects whose own page is published."""
        rows = self._db.execute(
            "SELECT project, name, page_serial, newest_version, newest_at, newest_yanked FROM projects "
            "WHERE page_serial IS NOT NULL ORDER BY project"
        )
        return RootListing(entries=tuple(_root_entry(*row) for row in rows))

    def projects(self) -> list[str]:
        """The names of all projects, sorted."""
        return self._column("SELECT project FROM projects ORDER BY project")

    def published_serial(self, project: str) -> int | None:
        """The serial that the project's published page shows; None if it was never published."""
        row = self._one("SELECT page_serial FROM projects WHERE project = ?", project)
        return None if row is None else row["page_serial"]

    def stale_count(self) -> int:
        """How many projects' pages are to be rendered."""
        row = self._one("SELECT count(*) FROM stale")
        return int(row[0]) if row is not None else 0

    def stale(self, limit: int = -1) -> list[str]:
        """Projects whose page is not yet as the ledger has it, sorted."""
        return self._column("SELECT project FROM stale ORDER BY project LIMIT ?", limit)

    def archived(self) -> list[str]:
        """The projects that pages show as archived, or will as soon as they are rendered."""
        return list(json.loads(str(self.meta("archived") or "[]")))

    def is_visible(self, *, serial: int, project: str | None) -> bool:
        """Whether the page that an event changed is published (a refusal changes none: give no project)."""
        if project is None:
            return True
        published = self.published_serial(project)
        return published is not None and published >= serial

    def published_serials(self) -> dict[str, int]:
        """The serial that each published page shows; for `history`, never for one upload."""
        rows = self._db.execute("SELECT project, page_serial FROM projects WHERE page_serial IS NOT NULL")
        return dict(tuple(row) for row in rows)

    def events_of(self, key: str) -> Iterator[tuple[int, int, int]]:
        """(serial, offset, length) of each event of a filename, newest first."""
        return self._places("WHERE filename = ? ORDER BY serial DESC", key)

    def latest_events(self, project: str) -> list[tuple[int, int, int]]:
        """The same of a project, its last 200."""
        return list(self._places("WHERE project = ? ORDER BY serial DESC LIMIT 200", project))

    def last_events(self, limit: int) -> list[tuple[int, int, int]]:
        """The same of the whole index, the last ones."""
        return list(self._places("ORDER BY serial DESC LIMIT ?", limit))

    def _places(self, which: str, *values: object) -> Iterator[tuple[int, int, int]]:
        for row in self._db.execute(f"SELECT serial, offset, length FROM events {which}", values):  # noqa: S608
            yield row["serial"], row["offset"], row["length"]

    def last_projects(self, limit: int) -> list[str]:
        """The projects of the index's last events."""
        named = self._column("SELECT project FROM events ORDER BY serial DESC LIMIT ?", limit)
        return list(dict.fromkeys(project for project in named if project is not None))

    def event_at(self, serial: int) -> tuple[int, int] | None:
        """(offset, length) of an event's line in the ledger."""
        row = self._one("SELECT offset, length FROM events WHERE serial = ?", serial)
        return None if row is None else (row["offset"], row["length"])

    def refusal(self, key: str) -> Refusal | None:
        """The latest refusal of a name, unless it was published later."""
        row = self._one("SELECT serial, sha256, codes FROM refusals WHERE filename = ?", key)
        if row is None:
            return None
        return Refusal(serial=row["serial"], sha256=row["sha256"], codes=tuple(json.loads(row["codes"])))

    def refusals_of(self, hashes: Container[str]) -> list[tuple[int, str]]:
        """(serial, sha256) of the latest refusals of names under which any of these bytes came; looks at all once."""
        rows = self._db.execute("SELECT serial, sha256 FROM refusals")
        return [(serial, sha256) for serial, sha256 in rows if sha256 in hashes]

    def unswept(self, limit: int = -1) -> list[tuple[str, str, str]]:
        """(project, filename as spelled, time of removal) of removed files that may still exist, oldest first."""
        rows = self._db.execute("SELECT project, filename, at FROM unswept ORDER BY at, filename LIMIT ?", (limit,))
        return [(row["project"], row["filename"], row["at"]) for row in rows]

    def is_unswept(self, filename: str) -> bool:
        """True if the bytes of a removed file may still be in files/."""
        return self._one("SELECT 1 FROM unswept WHERE filename = ?", filename) is not None

    def unswept_names(self, project: str) -> list[str]:
        """The removed filenames of a project whose bytes may still be in files/; for `verify`."""
        return self._column("SELECT filename FROM unswept WHERE project = ? ORDER BY filename", project)

    def originals(self) -> list[Original]:
        """What is known about files that are still in the drop folder."""
        return [_original(row) for row in self._db.execute("SELECT * FROM originals ORDER BY path")]

    def originals_below(self, folder: str) -> list[Original]:
        """The same of one folder (with its slash) and those in it, where their paths are UTF-8."""
        rows = self._db.execute("SELECT * FROM originals WHERE path > ? AND path < ?", (folder, f"{folder[:-1]}0"))
        return [_original(row) for row in rows]

    def counts(self) -> tuple[int, int]:
        """(projects, present files)."""
        return self.number("count_projects"), self.number("count_files")


@functools.lru_cache(MOST_ENTRIES)
def _root_entry(project: str, name: str, last_serial: int, *newest: Any) -> RootEntry:
    """Kept, since few of them change from one rendering to the next."""
    version, at, is_yanked = newest
    return RootEntry(
        project=project,
        name=name,
        last_serial=last_serial,
        newest_version=version,
        newest_at=at,
        newest_yanked=bool(is_yanked),
    )


def _removed(record: FileRecord) -> RemovedFile:
    file = record.file
    return RemovedFile(
        filename=file.filename,
        sha256=file.sha256,
        size=file.size,
        at=record.changed_at,
        upload_time=file.upload_time,
        bytes_until=record.bytes_until,
        blocked=record.blocked,
    )


def _original(row: sqlite3.Row) -> Original:
    dev, ino = (row[key] % (1 << 64) for key in ("dev", "ino"))  # SQLite knows no unsigned ones
    identity = Identity(dev=dev, ino=ino, size=row["size"], mtime_ns=row["mtime_ns"], ctime_ns=row["ctime_ns"])
    path = row["path"].decode("utf-8", "surrogateescape") if isinstance(row["path"], bytes) else row["path"]
    more = {key: row[key] for key in ("serial", "sha256", "reason", "told")}
    return Original(path=path, identity=identity, fate=Fate(row["fate"]), **more)
