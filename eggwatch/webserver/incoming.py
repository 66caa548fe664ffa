"""The upload door's own folder DROP/http/: uploads arrive in it hidden, and get their name when they are whole.

DROP/http/USER/NAME is the one upload of that name by that user that waits for its verdict: the name is the lock, for
however many processes accept uploads. What changes in the folder of a user is done while it is locked (flock).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from eggwatch.errors import FolderError
from eggwatch.linux.accounts import HTTP_FOLDER
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import AnswerFolders, NotOurs, inside
from eggwatch.store.drop.folder import READING, Drop
from eggwatch.store.durable import NEW_FILE, OURS, Place

ARRIVING = ".arriving"
"""The folder of uploads that are not whole: the daemon enters no folder with such a name."""
READABLE = 0o644
LEFT_SECONDS = 3600.0
"""Since so long has nothing been written to what a killed process has left."""
FORGOTTEN_SECONDS = 60.0
"""After so long nobody waits any more for the verdict on what lies under a name: another upload may replace it."""


class Arrival:
    """An upload that is arriving: its hidden file, open for reading and writing."""

    def __init__(self, place: Place) -> None:
        durable.changing("write", place)
        self.place = place
        self.fd = os.open(place.name, _NEW_FILE, durable.UNFINISHED_FILE, dir_fd=place.folder)

    def write(self, data: bytes) -> None:
        """Append to it."""
        durable.write_all(self.fd, data)

    def finish(self) -> None:
        """Make it last, and write to it no more: as long as it is open for writing nobody takes it for whole.

        It stays open for reading, so that no other file gets its inode.
        """
        os.fchmod(self.fd, READABLE)
        durable.sync_descriptor(self.fd, self.place)
        reading = os.open(self.place.name, READING, dir_fd=self.place.folder)
        os.close(self.fd)
        self.fd = reading

    def close(self) -> None:
        """It is gone, unless it got a name."""
        durable.unlink_at(self.place)
        os.close(self.fd)


_NEW_FILE = NEW_FILE & ~os.O_WRONLY | os.O_RDWR


class Incoming:
    """The folder of one index. FolderError where it can't be had, or something else lies in its place."""

    def __init__(self, drop: Drop) -> None:
        self._drop = drop
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

    def sweep(self) -> None:
        """Take away what was arriving when a process was killed."""
        with self._opened(ARRIVING) as folder, os.scandir(folder.folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - LEFT_SECONDS:
                        durable.unlink_at(inside(folder, entry.name))

    def unnamed(self) -> IO[bytes]:
        """A new file without a name, for the body of a request."""
        with self.arriving() as arrival:
            return open(os.dup(arrival.fd), "w+b", buffering=0)

    @contextmanager
    def arriving(self) -> Iterator[Arrival]:
        """A new hidden file; at the end of the block it is gone, unless it got a name."""
        with (
            self._opened(ARRIVING) as folder,
            closing(Arrival(inside(folder, secrets.token_hex(16)))) as arrival,
        ):
            yield arrival

    def give(self, arrival: Arrival, user: str, filename: str) -> bool:
        """Give a finished one its name; False while an earlier upload of that name waits for its verdict."""
        with self._locked(user) as folder:
            target = inside(folder, filename)
            try:
                durable.rename_new_at(arrival.place, target)
            except FileExistsError:
                lying = os.stat(filename, dir_fd=folder.folder, follow_symlinks=False)
                if time.time() - lying.st_ctime < FORGOTTEN_SECONDS:
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

    @contextmanager
    def _locked(self, user: str) -> Iterator[Place]:
        with self._opened(user) as folder:
            fcntl.flock(folder.folder, fcntl.LOCK_EX)
            yield folder
