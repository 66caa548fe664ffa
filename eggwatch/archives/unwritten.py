"""Finds parts of a file that were never written: holes and runs of zeros where a check fails.

A killed SMB client leaves a preallocated file whose end is zeros; a client that writes the tail first leaves
zeros at the beginning. Zeros only matter where a check fails: a stored member full of zeros is fine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import BinaryIO

from eggwatch.archives.findings import ByteRange

SHORTEST_RUN = 512
"""Zero bytes in a row that count as an unwritten block."""

FARTHEST_SCAN = 1 << 30
"""Most bytes of one archive that are scanned for zeros, over all damaged ranges."""

_CHUNK = 1 << 20
_RUN = bytes(SHORTEST_RUN)


def starts_with_zeros(file: BinaryIO) -> bool:
    """True if the first block, or all of a shorter file, is zeros."""
    file.seek(0)
    head = file.read(SHORTEST_RUN)
    return bool(head) and not any(head)


def unwritten(file: BinaryIO, size: int, suspects: Iterable[ByteRange]) -> ByteRange | None:
    """The first damaged range that overlaps a hole or a run of 512 zero bytes, or None."""
    left = FARTHEST_SCAN
    for start, end in suspects:
        # A run that begins or ends outside the range counts, too.
        first, last = max(0, start - SHORTEST_RUN + 1), min(size, end + SHORTEST_RUN - 1)
        if _has_hole(file, start, min(size, end)) or _has_run(file, first, min(last, first + left)):
            return start, min(size, end)
        left -= min(left, max(0, last - first))
    return None


def _has_hole(file: BinaryIO, start: int, end: int) -> bool:
    """Ask the file system, which finds a hole of any size at once; False if it does not support that."""
    try:
        descriptor = file.fileno()
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            # Every file has a hole at its end: only one before `end` counts.
            return start < end and os.lseek(descriptor, start, os.SEEK_HOLE) < end
        finally:
            # `file` buffers, and relies on the position of the descriptor.
            os.lseek(descriptor, before, os.SEEK_SET)
    except (AttributeError, OSError):
        return False


def _has_run(file: BinaryIO, start: int, end: int) -> bool:
    file.seek(start)
    tail = b""
    at = start
    while at < end:
        chunk = file.read(min(_CHUNK, end - at))
        if not chunk:
            return False
        if _RUN in tail + chunk:
            return True
        at += len(chunk)
        tail = chunk[-(SHORTEST_RUN - 1) :]
    return False
