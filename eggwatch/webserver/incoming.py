"""The upload door's own folder DROP/http/: uploads arrive in it hidden, and get their name when they are whole.

DROP/http/USER/NAME is the one upload of that name by that user that waits for its verdict: the name is the lock, for
however many processes accept uploads. What changes in the folder of a user is done while it is locked (flock).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
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
"""The folder of uploads that are not whole: the daemon enters no folder with such a name."""
READABLE = 0o644
LEFT_SECONDS = 60.0
"""What is younger may belong to a process that has not locked it yet."""
_AT_ONCE = fcntl.LOCK_EX | fcntl.LOCK_NB


class TooLargeError(ValueError):
    """The upload is larger than this index takes."""


class Arrival:
    """An upload that is arriving: its hidden file, open for writing until it is finished, and locked (flock).

    `most` and `min_free` are the bytes that it may have, and those that are to stay free on the disk. As many as it has
    itself stay free too: the daemon copies it, and what others send may come in, however many large ones there are.
    """

    def __init__(self, place: Place, *, most: int, min_free: int) -> None:
        self._size, self._most, self._min_free = 0, most, min_free
        durable.changing("write", place)
        self.place = place
        self.fd = os.open(place.name, NEW_FILE, durable.UNFINISHED_FILE, dir_fd=place.folder)
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def write(self, data: bytes) -> None:
        """Append to it. TooLargeError, or OSError where there is no room."""
        self._size += len(data)
        if self._size > self._most:
            raise TooLargeError
        status = os.fstatvfs(self.fd)
        if status.f_bavail * status.f_frsize < self._min_free + self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        durable.write_all(self.fd, data)

    def finish(self) -> None:
        """Write to it no more: as long as it is open for writing nobody takes it for whole.

        It stays open for reading, so that no other file gets its inode. It is not synced: nobody was promised
        anything before the verdict, which is on a copy that lasts.
        """
        os.fchmod(self.fd, READABLE)
        reading = os.open(self.place.name, READING, dir_fd=self.place.folder)
        fcntl.flock(reading, fcntl.LOCK_SH)
        os.close(self.fd)
        self.fd = reading

    def close(self) -> None:
        """It is gone, unless it got a name."""
        durable.unlink_at(self.place)
        os.close(self.fd)


class Incoming:
    """The folder of one index. FolderError where it can't be had, or something else lies in its place."""

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
        """Take away what killed processes have left: what was arriving, and what has had its verdict since."""
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
        """A new hidden file; at the end of the block it is gone, unless it got a name."""
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
                lying = os.stat(filename, dir_fd=folder.folder, follow_symlinks=False)
                if time.time() - lying.st_ctime < FORGOTTEN:
                    return False
                durable.rename_at(arrival.place, target)
        return True

    def take_back(self, arrival: Arrival, user: str, filename: str) -> None:
        """It leaves the drop folder, if it is still there."""
        own = os.fstat(arrival.fd)
        with self._locked(user) as folder, suppress(FileNotFoundError):
            status = os.stat(filename, dir_fd=folder.folder, follow_symlinks=False)
            if (status.st_dev, status.st_ino) == (own.st_dev, own.st_ino):
                durable.unlink_at(inside(folder, filename))

    def clear(self, user: str, filename: str, sha256: str) -> None:
        """These bytes are published: those of them that lie under that name, of a request that is over, may go."""
        with self._locked(user) as folder, suppress(FileNotFoundError):
            with open(os.open(filename, READING, dir_fd=folder.folder), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest == sha256:
                durable.unlink_at(inside(folder, filename))

    @contextmanager
    def _locked(self, user: str, how: int = fcntl.LOCK_EX) -> Iterator[Place]:
        with self._opened(user) as folder:
            fcntl.flock(folder.folder, how)
            yield folder


def _unlink_unlocked(place: Place) -> None:
    """Unlink a file. BlockingIOError if a process has it locked."""
    fd = os.open(place.name, READING, dir_fd=place.folder)
    try:
        fcntl.flock(fd, _AT_ONCE)
        durable.unlink_at(place)
    finally:
        os.close(fd)
