"""Ballast: bytes that are kept back on the disks of an index, and thrown off so that orders are obeyed on a full one.

STATE/ballast, and PUBLIC/.eggwatch/ballast where that is another file system: a sixteenth of it, at most 16 MiB.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from eggwatch.store import durable
from eggwatch.store.durable import OURS, Permissions

log = logging.getLogger("eggwatch")

T = TypeVar("T")

NAME = "ballast"
LARGEST = 16 * 1024 * 1024
PART = 16
PIECE = 16 * 1024
"""Bytes of it that are given to a status file; a quarter of it is never given to anything but orders."""
PROBE = 1024 * 1024
"""Bytes that are written, to no file with a name, to see whether this account may."""
SLACK = 64 * 1024
"""Bytes that are left free for everything else when a nearly full disk is taken back from."""


class Ballast:
    """What is kept back for orders: a line of the ledger, some rows of the catalog, and the pages that change."""

    def __init__(self, state: Path, public: Path, permissions: Permissions = OURS) -> None:
        self._paths = (state / NAME, public / ".eggwatch" / NAME)
        self._permissions = permissions
        self._faults: dict[Path, str] = {}
        """What was said of a file that can't be reserved."""

    def throw_off(self) -> None:
        """Give the bytes free where less is free than they are; what fails is left to the order to meet."""
        for path in self._files():
            with contextlib.suppress(OSError):
                if _size(path) and _is_short(path.parent, _wanted(path.parent)):
                    durable.truncate(path, 0)
                    durable.sync([path])  # ext4 hands blocks out again only when their freeing is in the journal

    def given_for(self, orders: list[T]) -> Iterator[T]:
        """The orders, one after the other: before the first it is thrown off, after the last taken in again."""
        if orders:
            self.throw_off()
            yield from orders
            self.take_in()

    def give_piece(self) -> None:
        """Free a few blocks, so that a full disk can be reported."""
        for path in self._files():
            with contextlib.suppress(OSError):
                size = _size(path)
                if size - PIECE >= _wanted(path.parent) // 4 and _is_short(path.parent, PIECE):
                    durable.truncate(path, size - PIECE)
                    durable.sync([path])

    def take_in(self) -> None:
        """Keep back what is wanted, or as much of it as there is."""
        for path in self._files():
            try:
                size = _size(path)
                missing = min(_wanted(path.parent) - size, _free(path.parent) - SLACK)
                if missing > 0:
                    _grow(path, size, missing, self._permissions)
                self._faults.pop(path, None)
            except OSError as error:
                if self._faults.get(path) != str(error):
                    log.warning("%s can't be reserved: %s", path, error)
                self._faults[path] = str(error)

    def _files(self) -> list[Path]:
        """One on each file system."""
        files: dict[int, Path] = {}
        for path in self._paths:
            with contextlib.suppress(OSError):
                files.setdefault(os.stat(path.parent).st_dev, path)
        return list(files.values())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _is_short(folder: Path, wanted: int) -> bool:
    """Whether less is free there; where a quota is used up, only a write says so."""
    if _free(folder) < wanted:
        return True
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            durable.write_all(file.fileno(), bytes(min(wanted, PROBE)))
    except OSError as error:
        return error.errno == errno.EDQUOT
    return False


def _wanted(folder: Path) -> int:
    status = os.statvfs(folder)
    return min(LARGEST, status.f_blocks * status.f_frsize // PART)


def _grow(path: Path, size: int, more: int, permissions: Permissions) -> None:
    durable.changing("write", path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, durable.UNFINISHED_FILE)
    try:
        permissions.apply(fd, permissions.file)
        os.posix_fallocate(fd, size, more)
    finally:
        os.close(fd)
