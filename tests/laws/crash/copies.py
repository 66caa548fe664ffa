"""Copies of the disks at points of one play of the history: what a crash there would leave.

They are copies of blocks, not of files. eggwatch knows an original, and what it has hidden, by device, inode, size,
mtime and ctime; archives and claims are hard links of each other; a file that is open may have no name. A copy of
files would change all of that, and recovery would be tried from trees that no crash can leave. The blocks of a file
system, put back under the same device and mounted, are the tree itself: everything synced first, it is what SIGKILL
leaves; synced only in part, or not at all, it is what a power cut leaves (test_copies compares both with real ones).
What a copy can't hold is what lives in the kernel only: the locks of processes that outlive a kill, and changes that a
killed process had not synced before a power cut that follows. For these there are trials with real kills.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from eggwatch.store import durable
from tests.laws.crash.places import SECTION, Disks, Fates

CHUNK = 4096
OUTSIDE = ("journal", "told", "held.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The disks and the world outside at a point; of the disks, what has changed since the copy before."""

    point: int
    operation: str
    outside: dict[str, bytes]
    changes: dict[str, dict[int, bytes]]


class Keeper:
    """Writes copies to a file, right before the operations that are `wanted`, or in the middle of what they write."""

    def __init__(self, place: Disks, file: BinaryIO, *, fates: Fates, torn: bool) -> None:
        self._place, self._file, self._fates, self._torn = place, file, fates, torn
        self._power = place.open_power()
        self._last = {name: [bytes(SECTION)] * (disk.size // SECTION) for name, disk in place.disks.items()}
        self._write_all = durable.write_all

    def keep(self, point: int, operation: str) -> None:
        """A copy of this moment, or of the next one at which something is half written."""
        if self._torn:
            self._keep_torn(point, operation)
        else:
            self._keep(point, operation)

    def _keep(self, point: int, operation: str) -> None:
        changes = {}
        for name, disk in self._place.disks.items():
            blocks = disk.blocks(self._power[name], self._fates[name])
            changes[name] = _differences(self._last[name], blocks)
            self._last[name] = blocks
        files = [self._place.outside / name for name in OUTSIDE]
        outside = {file.name: file.read_bytes() for file in files if file.exists()}
        pickle.dump(Copy(point=point, operation=operation, outside=outside, changes=changes), self._file)

    def _keep_torn(self, point: int, operation: str) -> None:
        if durable.write_all is not self._write_all:
            return  # nothing was written since the last of these points

        def torn(fd: int, data: bytes | memoryview) -> None:
            durable.write_all, half = self._write_all, len(data) // 2
            durable.write_all(fd, bytes(data)[:half])
            self._keep(point, operation)
            durable.write_all(fd, bytes(data)[half:])

        durable.write_all = torn


def _differences(before: list[bytes], now: list[bytes]) -> dict[int, bytes]:
    return {
        number * SECTION + start: section[start : start + CHUNK]
        for number, (former, section) in enumerate(zip(before, now, strict=True))
        if former != section
        for start in range(0, SECTION, CHUNK)
        if former[start : start + CHUNK] != section[start : start + CHUNK]
    }


class Copies:
    """The copies in a file, one after the other."""

    def __init__(self, place: Disks, path: Path) -> None:
        self._place, self._path = place, path
        self._blocks = {name: bytearray(disk.size) for name, disk in place.disks.items()}
        self._outside: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[tuple[Copy, bool]]:
        """Each copy, and whether it differs from the one before in anything."""
        with self._path.open("rb") as file:
            while file.peek(1):
                copy: Copy = pickle.load(file)
                is_new = any(copy.changes.values()) or copy.outside != self._outside
                self._outside = copy.outside
                for name, changes in copy.changes.items():
                    for start, chunk in changes.items():
                        self._blocks[name][start : start + len(chunk)] = chunk
                yield copy, is_new

    def put_back(self) -> None:
        """Make the place what it was when the copy was made that came last."""
        for name, disk in self._place.disks.items():
            disk.put_back(self._blocks[name])
        shutil.rmtree(self._place.outside)
        self._place.outside.mkdir()
        for name, data in self._outside.items():
            (self._place.outside / name).write_bytes(data)
