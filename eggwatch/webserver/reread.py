"""A small file that others change: read again when it did."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger("eggwatch.http")


class Reread(Generic[T]):
    """What a file says now; `empty` where it can't be read, so that nobody gets in by a file that is gone."""

    def __init__(self, path: Path, parse: Callable[[bytes], T], empty: T) -> None:
        self.path, self._parse, self._empty = path, parse, empty
        self._seen: object = None
        self._value = empty

    def current(self) -> T:
        """What the file says; ValueError of `parse` counts as a file that can't be read."""
        seen = _look(self.path)
        if seen != self._seen:
            self._value = self._read()
            self._seen = seen
        return self._value

    def _read(self) -> T:
        try:
            return self._parse(self.path.read_bytes())
        except FileNotFoundError:
            return self._empty
        except (OSError, ValueError) as error:
            log.error("%s can't be read, and nobody can log in by it: %s", self.path, error)
            return self._empty


def _look(path: Path) -> tuple[int, int, int] | str:
    try:
        status = os.stat(path)
    except OSError as error:
        return str(error)
    return status.st_ino, status.st_ctime_ns, status.st_size  # not mtime: a new mode can make it readable
