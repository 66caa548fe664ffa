"""Existing archives in another folder: finds them, and takes one of them into the spool."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eggwatch.linux import leases
from eggwatch.model.sightings import Lease
from eggwatch.policy.settling import NameKind, is_foreign_package, kind_of_name
from eggwatch.store import durable
from eggwatch.store.public.spool import Changed, Spool, copy_hashing
from eggwatch.store.recorded import mypi

_FICLONE = 0x40049409
"""ioctl_ficlone(2): let two files share their blocks until one of them is written to."""


class Way(StrEnum):
    """How archives get from a stock into the index."""

    COPY = "copy"
    LINK = "link"
    MOVE = "move"


class StockKind(StrEnum):
    """What a file of a stock is to us."""

    ARCHIVE = "archive"
    RECORD = "record"
    """JSON or HTML, which may contain upload times and yanks."""
    FOREIGN = "foreign"
    """A package in a format that is not taken."""
    OTHER = "other"
    CLOSED = "closed"
    """A folder that this account may not read."""
    BROKEN = "broken"
    """What is called like an archive and is no file, or a link that leads nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file of a stock."""

    path: Path
    sort: StockKind
    why: str = ""
    """Why it is not taken, unless its name says that."""
    blob: mypi.Blob | None = None
    """Where it is, if not at its path but in a database."""

    @property
    def name(self) -> str:
        """The file's name, by which an archive is published."""
        return self.path.name


def look_at_file(path: Path, formats: tuple[str, ...]) -> Item:
    """A file that was named itself: what is no archive is a record, whatever its name is."""
    if not path.is_file():
        return Item(path=path, sort=StockKind.BROKEN, why="it is no file")
    sort = _sort_of(path, formats)
    return Item(path=path, sort=StockKind.RECORD if sort is StockKind.OTHER else sort)


def look_into_database(path: Path, formats: tuple[str, ...]) -> Iterator[Item]:
    """Every file in a database of mypi, with a path as if this were a folder; FolderError if it is none."""
    for blob in mypi.blobs(path):
        place = Path(f"{path}/{blob.filename}")
        if place.name != blob.filename or place.parent != path:
            yield Item(path=place, sort=StockKind.BROKEN, why="its filename is not valid")
        else:
            sort = _sort_of(place, formats)
            yield Item(path=place, sort=StockKind.OTHER if sort is StockKind.RECORD else sort, blob=blob)


def walk(root: Path, formats: tuple[str, ...], skipped: Collection[str] = ()) -> Iterator[Item]:
    """Every file in a folder and its subfolders, by name; raises OSError if the folder itself can't be read.

    Folders whose real paths are `skipped` are not entered.

    A subfolder that can't be read is yielded itself.

    Folders that begin with a dot, and links to folders, are not entered. A link to a file is taken for the
    file if that is outside `root`; else the file is found itself.
    """
    top = os.path.realpath(root)
    yield from _walk(Path(top), Path(top), formats, skipped)


def _walk(folder: Path, top: Path, formats: tuple[str, ...], skipped: Collection[str]) -> Iterator[Item]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    for entry in entries:
        path = Path(entry.path)
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
            yield from _look_at(path, mode, top, formats)
            if stat.S_ISDIR(mode) and not entry.name.startswith(".") and entry.path not in skipped:
                yield from _walk_below(path, top, formats, skipped)
        except OSError as error:
            yield Item(path=path, sort=StockKind.BROKEN, why=f"can't be read: {error.strerror}")


def _walk_below(folder: Path, top: Path, formats: tuple[str, ...], skipped: Collection[str]) -> Iterator[Item]:
    try:
        os.scandir(folder).close()
    except OSError as error:
        yield Item(path=folder, sort=StockKind.CLOSED, why=f"this folder can't be read: {error.strerror}")
    else:
        yield from _walk(folder, top, formats, skipped)


def _look_at(path: Path, mode: int, top: Path, formats: tuple[str, ...]) -> Iterator[Item]:
    """One entry; of a folder only that it is called like an archive."""
    if stat.S_ISREG(mode):
        yield Item(path=path, sort=_sort_of(path, formats))
    elif stat.S_ISLNK(mode):
        yield from _follow(path, top, formats)
    elif _is_upload(path, formats):
        what = "a folder" if stat.S_ISDIR(mode) else "no file"
        yield Item(path=path, sort=StockKind.BROKEN, why=f"it is {what}, and called like an archive")
    elif not stat.S_ISDIR(mode):
        yield Item(path=path, sort=StockKind.OTHER)


def _follow(link: Path, top: Path, formats: tuple[str, ...]) -> Iterator[Item]:
    try:
        mode = os.stat(link).st_mode
    except OSError as error:
        sort = StockKind.BROKEN if _is_upload(link, formats) else StockKind.OTHER
        yield Item(path=link, sort=sort, why=f"it is a link that leads nowhere: {error.strerror}")
        return
    if stat.S_ISREG(mode) and not Path(os.path.realpath(link)).is_relative_to(top):
        yield Item(path=link, sort=_sort_of(link, formats))
    elif not stat.S_ISREG(mode) and _is_upload(link, formats):
        yield Item(path=link, sort=StockKind.BROKEN, why="it is a link to something that is no file")


def _is_upload(path: Path, formats: tuple[str, ...]) -> bool:
    return kind_of_name(path.name, formats) is NameKind.UPLOAD


def _sort_of(path: Path, formats: tuple[str, ...]) -> StockKind:
    name = path.name
    if name.endswith(".doc.zip"):  # documentation, in an export of devpi
        return StockKind.OTHER
    if _is_upload(path, formats):
        return StockKind.ARCHIVE
    if name.lower().endswith((".json", "_json", ".html")) or name == "json" or path.parent.name == "json":
        return StockKind.RECORD
    return StockKind.FOREIGN if is_foreign_package(name) else StockKind.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStock:
    """One archive of a stock, open for reading; what was seen of it then."""

    path: Path
    fd: int
    status: os.stat_result
    private: bool
    """True if only this account can write to it, and no process has it open for writing."""

    def is_unchanged(self) -> bool:
        """True if its bytes have not changed since it was opened, according to stat(2)."""
        now = os.fstat(self.fd)
        return (now.st_size, now.st_mtime_ns) == (self.status.st_size, self.status.st_mtime_ns) and (
            leases.probe(self.fd) is not Lease.HELD
        )

    def is_at_its_path(self) -> bool:
        """Whether the path still names this very file."""
        try:
            return os.path.samestat(os.lstat(self.path), self.status)
        except OSError:
            return False


@contextmanager
def opened(path: Path) -> Iterator[OpenStock]:
    """Open an archive of a stock. OSError if it can't be read or is no file."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no file", str(path))
        # The group bits of the mode are also the mask of an access control list (acl(5)).
        ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        yield OpenStock(
            path=path, fd=fd, status=status, private=ours and not path.is_symlink() and leases.probe(fd) is Lease.FREE
        )
    finally:
        os.close(fd)


def digest_of(source: OpenStock) -> str:
    """The sha256 of an archive that is open."""
    os.lseek(source.fd, 0, os.SEEK_SET)
    with open(source.fd, "rb", closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def take(spool: Spool, source: OpenStock, *, share: bool) -> tuple[int, str, bool]:
    """Take an archive into the spool; returns the number of the claim, the sha256, and whether it was linked.

    A linked one keeps its mode until it is accepted: see `Spool.make_publishable`.

    With `share` the spool gets a second name of the same file, where that can be; else its own bytes. Changed
    if the archive is being written to. Not durable before `Spool.sync`.
    """
    number, target = spool.new_place()
    linked = share and _link(source, target)
    try:
        sha256 = digest_of(source) if linked else _copy(spool, source, target)
        if not source.is_unchanged():
            raise Changed(str(source.path))
    except BaseException:
        durable.unlink(target)
        raise
    return number, sha256, linked


def _link(source: OpenStock, target: Path) -> bool:
    """Give the archive a second name; False on another file system, or where links can't be had."""
    if os.stat(target.parent).st_dev != source.status.st_dev:
        return False
    try:
        durable.link(source.path, target)
    except OSError:
        return False
    if os.path.samestat(os.lstat(target), source.status):
        return True
    durable.unlink(target)
    return False


def _copy(spool: Spool, source: OpenStock, target: Path) -> str:
    durable.changing("write", target)
    os.lseek(source.fd, 0, os.SEEK_SET)
    fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if _reflink(source.fd, fd):
            with open(fd, "rb", closefd=False) as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            sha256, _ = copy_hashing(source.fd, fd)
        spool.publishable(fd)
    finally:
        os.close(fd)
    return sha256


_without_reflinks: set[tuple[int, int]] = set()
"""Pairs of devices between which sharing blocks was refused once."""


def _reflink(source: int, target: int) -> bool:
    """Share the source's blocks, where the file system can."""
    pair = os.fstat(source).st_dev, os.fstat(target).st_dev
    if pair in _without_reflinks:
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        _without_reflinks.add(pair)
        return False
    return True
