"""Files that are a zip and a tar at once: what a reader finds in them depends on the reader (PyPI refuses them)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, BrokenError, Findings
from eggwatch.archives.tar_header import BLOCK, parse_header

_END_SIGNATURE = b"PK\x05\x06"
_END = struct.Struct("<4s4H2LH")
_TAIL = 0xFFFF + _END.size


def is_also_tar(file: BinaryIO) -> bool:
    """True if the first block is a tar header with a true checksum."""
    file.seek(0)
    block = file.read(BLOCK)
    if len(block) < BLOCK or not block[148:156].strip(b" \0"):
        return False
    try:
        parse_header(block)
    except BrokenError:
        return False
    return True


def is_also_zip(file: BinaryIO, size: int) -> bool:
    """True if an end record, with its directory before it, ends exactly where the file ends.

    A zip inside of an sdist may lie near its end, in a block that deflate left alone; that is no polyglot.
    """
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read(size - start)
    at = tail.rfind(_END_SIGNATURE)
    while at >= 0:
        record = tail[at : at + _END.size]
        if len(record) == _END.size and _ends_file(file, start + at, record, size):
            return True
        at = tail.rfind(_END_SIGNATURE, 0, at)
    return False


def _ends_file(file: BinaryIO, position: int, record: bytes, size: int) -> bool:
    _, _, _, _, count, length, _, comment = _END.unpack(record)
    if position + _END.size + comment != size or length > position:
        return False
    file.seek(position - length)
    return not count or file.read(4) == b"PK\x01\x02"


def refuse_polyglot(other: str, subject: str, findings: Findings) -> None:
    """Note that the file can be read as the `other` format too."""
    message = f"The file is a {other} too, and what it holds depends on who reads it. {BUILD_AGAIN}"
    findings.refuse("zip-tar-polyglot", subject, message)
