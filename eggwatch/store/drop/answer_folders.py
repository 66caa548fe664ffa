"""The folders of our answers, opened by descriptor: those in the drop only if they are ours, and those below STATE."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eggwatch.errors import FolderError
from eggwatch.store import durable
from eggwatch.store.drop.folder import FOLDER_FLAGS, Drop
from eggwatch.store.durable import Permissions, Place


class NotOurs(Exception):  # noqa: N818 - an answer, not an error: the fallback takes over
    """A folder of ours can't be had in the drop; the text says why."""


class AnswerFolders:
    """rejected/ and receipts/, in the drop and below STATE."""

    def __init__(self, drop: Drop, away: Path, permissions: Permissions) -> None:
        """`away` is the folder below STATE."""
        self._drop, self._away, self._permissions = drop, away, permissions

    def has_away(self, name: str) -> bool:
        """True if the folder in STATE may contain something."""
        return (self._away / name).is_dir()

    @contextmanager
    def away(self, name: str) -> Iterator[Place]:
        """Open the one below STATE, made if missing."""
        path = self._away / name
        durable.make_folders(path, self._permissions)
        fd = os.open(path, FOLDER_FLAGS)
        try:
            yield Place(fd, "", str(path))
        finally:
            os.close(fd)

    @contextmanager
    def in_drop(self, *names: str) -> Iterator[Place]:
        """Open DROP/<names> by descriptor, without following links. NotOurs says why that can't be."""
        try:
            fd, label = self._drop.open(), str(self._drop.root)
        except FolderError as error:
            raise NotOurs(error.message.removesuffix(".")) from error
        try:
            for name in names:
                label = f"{label}/{name}"
                below = self.enter(Place(fd, name, label))
                os.close(fd)
                fd = below
            yield Place(fd, "", label)
        finally:
            os.close(fd)

    def enter(self, place: Place) -> int:
        """Open a folder of ours, made if missing, for the caller to close. NotOurs says why that can't be."""
        try:
            return self._enter(place)
        except FileNotFoundError:
            return self._make(place)

    def _enter(self, place: Place) -> int:
        try:
            fd = os.open(place.name, FOLDER_FLAGS, dir_fd=place.folder)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise NotOurs(f"{place} is not a folder of ours: {error.strerror}") from error
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            os.close(fd)
            raise NotOurs(f"{place} belongs to another account, or others may write to it")
        return fd

    def _make(self, place: Place) -> int:
        """Create a folder; another account may replace it before it is opened."""
        try:
            durable.make_folder_at(place)
            fd = self._enter(place)
        except OSError as error:
            raise NotOurs(f"{place} can't be made: {error.strerror}") from error
        os.fchmod(fd, 0o755)
        return fd

    @contextmanager
    def earlier(self, place: Place) -> Iterator[Place]:
        """Open the folder of older rejections in a folder of answers; raises FileNotFoundError if there is none."""
        os.stat("earlier", dir_fd=place.folder, follow_symlinks=False)
        fd = self.enter(inside(place, "earlier"))
        try:
            yield Place(fd, "", f"{place.label}/earlier")
        finally:
            os.close(fd)


def inside(place: Place, name: str) -> Place:
    """A name in an open folder, whose own place has none."""
    return Place(place.folder, name, f"{place.label}/{name}")
