"""The SQLite database of mypi, which has the archives in it, with their upload times and uploaders."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from eggwatch.errors import FolderError, naming
from eggwatch.model.events import timestamp
from eggwatch.model.names import shown
from eggwatch.store.recorded.values import Recorded, printable

_HEADER = b"SQLite format 3\0"
_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One archive in a database."""

    database: Path
    row: int
    filename: str


def is_database(path: Path) -> bool:
    """Whether it is a file and a database of SQLite."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False


def is_of_mypi(path: Path) -> bool:
    """Whether it is a file and a database of mypi; no file is made beside it, as SQLite may do for any other."""
    if not is_database(path):
        return False
    try:
        with closing(_opened(path, "mode=ro&immutable=1")) as connection:
            connection.execute("SELECT filename, data, inserted, author_email FROM file LIMIT 0")
    except sqlite3.Error:
        return False
    return True


def blobs(database: Path) -> Iterator[Blob]:
    """The archives in a database, by filename; FolderError if it is none of mypi."""
    for row, filename in _select(database, "rowid, filename"):
        yield Blob(database=database, row=row, filename=str(filename))


def read_mypi(database: Path) -> Iterator[Recorded]:
    """The upload time of each file, and the address that it was registered with."""
    for filename, inserted, author in _select(database, "filename, inserted, author_email"):
        if (name := printable(filename)) is not None:
            yield Recorded(filename=name, at=_time(inserted), uploader=printable(author))


def _time(inserted: object) -> str | None:
    """mypi stores the local time of its machine, which is taken for this one."""
    try:
        return timestamp(datetime.fromisoformat(str(inserted)).astimezone().timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def _select(database: Path, columns: str) -> Iterator[tuple[Any, ...]]:
    try:
        with closing(_opened(database)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'file'").fetchone():
                raise sqlite3.DatabaseError("it has no table 'file'")  # a view may be endless, and has no blobs
            yield from connection.execute(f"SELECT {columns} FROM file ORDER BY filename, rowid")  # noqa: S608
    except sqlite3.Error as error:
        raise FolderError(
            f"{shown(str(database))} can't be read as a database of mypi: {error}.",
            remedy="Pass the file that DATABASE_URL of mypi names, or a copy of it while mypi is stopped.",
        ) from error


def _opened(database: Path, how: str = "mode=ro") -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(bytes(database.absolute()))}?{how}", uri=True)
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


@contextmanager
def unpacked(blob: Blob) -> Iterator[Path]:
    """The archive as a file, for the length of a block; OSError if that can't be."""
    with TemporaryDirectory(prefix="eggwatch-") as folder:
        path = Path(folder, "archive")
        try:
            with (
                naming(path),
                closing(_opened(blob.database)) as connection,
                connection.blobopen("file", "data", blob.row, readonly=True) as source,
                path.open("xb") as target,
            ):
                while data := source.read(_ONCE):
                    target.write(data)
        except sqlite3.Error as error:
            raise OSError(0, str(error), str(blob.database)) from error
        yield path
