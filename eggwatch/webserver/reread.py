"""A small file that is read again after it has changed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger("eggwatch.http")


class Reread(Generic[T]):
    """The current value of a file; `empty` if it cannot be read, so that nobody can log in after it was deleted."""

    def __init__(self, path: Path, parse: Callable[[bytes], T], empty: T) -> None:
        self.path, self._parse, self._empty = path, parse, empty
        self._known: tuple[object, T] = None, empty
        """What the file looked like, and its value: one assignment, because threads share it."""
        self._error = ""

    def current(self) -> T:
        """The value of the file; if `parse` raises ValueError, the file counts as unreadable."""
        seen = _look(self.path)
        known, value = self._known
        if seen != known:
            value, is_known = self._read()
            if is_known:
                self._known = seen, value
        return value

    def _read(self) -> tuple[T, bool]:
        """The value, and whether it is that of the file until it changes: too many open files say nothing of it."""
        try:
            value, self._error = self._parse(self.path.read_bytes()), ""
        except FileNotFoundError:
            return self._empty, True
        except (OSError, ValueError) as error:
            if str(error) != self._error:
                log.error("%s can't be read, and none of its users can log in: %s", self.path, error)
            self._error = str(error)
            return self._empty, not isinstance(error, OSError)
        return value, True


def _look(path: Path) -> tuple[int, int, int] | str:
    try:
        status = os.stat(path)
    except OSError as error:
        return str(error)
    return status.st_ino, status.st_ctime_ns, status.st_size  # ctime, not mtime: a new mode can make it readable
