"""How much CPU time the inspection of an archive will take, if it is honest, by what it says of its own contents.

To ask takes microseconds. Nothing is judged here, and a lie is found out by the inspection itself. It only decides how
long a first try may take: a bomb that says what it holds is set aside before it costs anything, and one that does not
say so is cut short soon.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from eggwatch.archives.limits import most_inflated

_MIB = 1 << 20

AT_LEAST = 0.0005
"""Seconds for the smallest archive. Measured with generated archives, and held against 260 real ones."""
A_PACKED_MIB = 0.0012
"""Seconds for each MiB of the file: hashing its members and reading it."""
AN_INFLATED_MIB = 0.003
"""Seconds for each MiB that comes out of it: inflating, CRC, sha256."""
A_MEMBER = 15e-6
"""Seconds for each member of a wheel."""
A_TAR_MIB = 0.004
"""Seconds for each MiB of a tar, with so many members as source code has."""

HIGHEST_DEFLATED = 1032
"""Bytes that can come out of one byte of deflate (zlib's own figure)."""

MOST_ENTRIES = 256
"""Entries of a central directory that are added up; where there are more, the others are taken to be like them."""

_END = struct.Struct("<4s4H2LH")
_ENTRY_SIZE = 46


def expected_cpu(file: BinaryIO, text: str) -> float:
    """Seconds of CPU time that the archive in `file` asks for by what it declares; `text` is its filename.

    A wheel says it in the end record and the central directory (APPNOTE 4.3.12, 4.3.16), a gzip file in its last four
    bytes, ISIZE (RFC 1952, section 2.3.1). What can't be read asks for no more than its size does. OSError if the file
    can't be read.
    """
    size = file.seek(0, os.SEEK_END)
    packed = AT_LEAST + A_PACKED_MIB * size / _MIB
    if text.lower().endswith(".whl"):
        return packed + _wheel(file, size)
    return packed + A_TAR_MIB * _isize(file, size) / _MIB


def _isize(file: BinaryIO, size: int) -> int:
    """What the last four bytes say; 0 if it is more than may come out, as where the end of an upload is missing."""
    inflated = int.from_bytes(_at(file, max(0, size - 4), 4), "little")
    return inflated if inflated <= min(most_inflated(size), HIGHEST_DEFLATED * size) else 0


def _wheel(file: BinaryIO, size: int) -> float:
    end = _at(file, max(0, size - _END.size), _END.size)
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        return 0.0
    count, length, start = _END.unpack(end)[4:7]
    # Names have some fifty bytes; of zip64 all three are their largest values, and ask for as much as these would.
    directory = _at(file, min(start, size), min(length, size, MOST_ENTRIES * 128))
    entries, inflated = _sizes(directory)
    members: int = max(count, entries)
    if entries:
        inflated = inflated * members // entries
    return A_MEMBER * members + AN_INFLATED_MIB * inflated / _MIB


def _sizes(directory: bytes) -> tuple[int, int]:
    """How many entries were read of the beginning of a central directory, and the sum of their declared sizes."""
    position = entries = total = 0
    while entries < MOST_ENTRIES and directory.startswith(b"PK\x01\x02", position):
        if position + _ENTRY_SIZE > len(directory):
            break
        (inflated,) = struct.unpack_from("<L", directory, position + 24)
        total, entries = total + inflated, entries + 1
        position += _ENTRY_SIZE + sum(struct.unpack_from("<3H", directory, position + 28))
    return entries, total


def _at(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
