"""Stores uploads in DROP/http/: hidden while they arrive, and under their name when they are complete.

DROP/http/USER/NAME is the only upload of that name by that user that waits for its verdict, so the name acts as a lock
between all processes that accept uploads. The folder of a user is changed only while the user's lock is held (flock).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from eggwatch.errors import FolderError
from eggwatch.linux.accounts import HTTP_FOLDER, door_user
from eggwatch.policy.settling import FORGOTTEN
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import AnswerFolders, NotOurs, inside
from eggwatch.store.drop.folder import READING, Drop, identity_of
from eggwatch.store.durable import NEW_FILE, OURS, Place
from eggwatch.store.state.catalog_reader import Original

ARRIVING = ".arriving"
"""The folder of uploads that are not complete; the daemon skips folders with such a name."""
LOCKS = ".locks"
"""A file for each user, which only its owner can open: any account that may read a file, or a folder, may lock it."""
READABLE = 0o644
LEFT_SECONDS = 60.0
"""A younger file may belong to a process that has not locked it yet."""
_NEW = NEW_FILE ^ os.O_WRONLY | os.O_RDWR
"""For both, because NFS shares only what is open for reading, and locks only what is open for writing (flock(2))."""
_LOCKING = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE = fcntl.LOCK_EX | fcntl.LOCK_NB

log = logging.getLogger("eggwatch.http")


class TooLargeError(ValueError):
    """The upload is larger than this index accepts."""


class Arrival:
    """An upload that is arriving: its hidden file, open for writing until it is finished, and locked (flock).

    `most` is its maximum size; `min_free` and as many bytes as it has stay free on the disk. So the daemon can copy it,
    and there is room for other uploads, however many large ones arrive.
    """

    def __init__(self, place: Place, *, most: int, min_free: int) -> None:
        self._size, self._most, self._min_free = 0, most, min_free
        durable.changing("write", place)
        self.place = place
        self.fd = os.open(place.name, _NEW, durable.UNFINISHED_FILE, dir_fd=place.folder)
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def write(self, data: bytes) -> None:
        """Append bytes. TooLargeError, or OSError if the disk is full."""
        self._size += len(data)
        if self._size > self._most:
            raise TooLargeError
        status = os.fstatvfs(self.fd)
        if status.f_bavail * status.f_frsize < self._min_free + self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        durable.write_all(self.fd, data)

    def finish(self) -> None:
        """Close it for writing: while it is open for writing, it does not count as complete.

        It stays open for reading, so that no other file gets its inode. It is not synced: nothing is promised to
        the client before the verdict, and that is on a copy that is durable.
        """
        os.fchmod(self.fd, READABLE)
        reading = os.open(self.place.name, READING, dir_fd=self.place.folder)
        fcntl.flock(reading, fcntl.LOCK_SH)
        os.close(self.fd)
        self.fd = reading

    def close(self) -> None:
        """Delete it, unless it got its name; what can't be deleted is left to a later sweep."""
        try:
            os.close(self.fd)
            durable.unlink_at(self.place)
        except OSError as error:
            log.warning("upload: %s can't be deleted: %s", self.place, error)


class Incoming:
    """The folder of one index. FolderError if it cannot be created, or something else is in its place."""

    def __init__(self, drop: Drop, *, most: int, min_free: int) -> None:
        """`most` and `min_free`: see `Arrival`."""
        self._drop, self._most, self._min_free = drop, most, min_free
        self._folders = AnswerFolders(drop, Path(), OURS)

    def __repr__(self) -> str:
        return f"Incoming({str(self._drop.root)!r})"

    @contextmanager
    def _opened(self, folder: str) -> Iterator[Place]:
        try:
            with self._folders.in_drop(HTTP_FOLDER, folder) as place:
                yield place
        except NotOurs as reason:
            remedy = f"Give {HTTP_FOLDER}/ in the drop folder to the account that the HTTP server runs as."
            raise FolderError(f"Uploads can't be stored: {reason}.", remedy=remedy) from reason

    def sweep(self, judged: Iterable[Original]) -> None:
        """Delete files of killed processes: incomplete uploads, and those that have got their verdict since."""
        with self._opened(ARRIVING) as folder:
            for name in os.listdir(folder.folder):
                with suppress(FileNotFoundError, BlockingIOError):
                    if os.stat(name, dir_fd=folder.folder).st_mtime < time.time() - LEFT_SECONDS:
                        _unlink_unlocked(inside(folder, name))
        for original in judged:
            if user := door_user(original.path):
                with suppress(FileNotFoundError, BlockingIOError), self._locked(user, _AT_ONCE) as folder:
                    name = original.path.rpartition("/")[2]
                    if identity_of(os.stat(name, dir_fd=folder.folder, follow_symlinks=False)) == original.identity:
                        durable.unlink_at(inside(folder, name))

    @contextmanager
    def arriving(self) -> Iterator[Arrival]:
        """Provide a new hidden file; it is deleted at the end of the block, unless it got its name."""
        with self._opened(ARRIVING) as folder:
            place = inside(folder, secrets.token_hex(16))
            with closing(Arrival(place, most=self._most, min_free=self._min_free)) as arrival:
                yield arrival

    def give(self, arrival: Arrival, user: str, filename: str) -> bool:
        """Give a finished one its name; False while an earlier upload of that name waits for its verdict."""
        with self._locked(user) as folder:
            target = inside(folder, filename)
            try:
                durable.rename_new_at(arrival.place, target)
            except FileExistsError:
                if not _is_forgotten(target):
                    return False
                durable.rename_at(arrival.place, target)
        return True

    def take_back(self, arrival: Arrival, user: str, filename: str) -> None:
        """Delete it from the drop folder, if it is still there."""
        own = os.fstat(arrival.fd)
        with self._locked(user) as folder, suppress(FileNotFoundError):
            status = os.stat(filename, dir_fd=folder.folder, follow_symlinks=False)
            if (status.st_dev, status.st_ino) == (own.st_dev, own.st_ino):
                durable.unlink_at(inside(folder, filename))

    def clear(self, user: str, filename: str, sha256: str) -> None:
        """Delete the file with this name if it has these bytes, which are published, and its request is over."""
        with self._locked(user) as folder, suppress(FileNotFoundError):
            with open(os.open(filename, READING, dir_fd=folder.folder), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest == sha256:
                durable.unlink_at(inside(folder, filename))

    @contextmanager
    def _locked(self, user: str, how: int = fcntl.LOCK_EX) -> Iterator[Place]:
        with self._opened(LOCKS) as locks, self._opened(user) as folder:
            durable.changing("write", inside(locks, user))
            fd = os.open(user, _LOCKING, durable.UNFINISHED_FILE, dir_fd=locks.folder)
            try:
                fcntl.flock(fd, how)
                yield folder
            finally:
                os.close(fd)


def _is_forgotten(place: Place) -> bool:
    """Whether nobody waits any more for the verdict on an upload; False if it has just left."""
    with suppress(FileNotFoundError):
        return time.time() - os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_ctime >= FORGOTTEN
    return False


def _unlink_unlocked(place: Place) -> None:
    """Unlink a file. BlockingIOError if a process has it locked."""
    fd = os.open(place.name, READING | os.O_RDWR, dir_fd=place.folder)
    try:
        fcntl.flock(fd, _AT_ONCE)
        durable.unlink_at(place)
    finally:
        os.close(fd)
