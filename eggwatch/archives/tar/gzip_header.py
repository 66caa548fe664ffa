"""The optional fields in front of a gzip's data: a filename may stand there, no second archive, and no CRC."""

from __future__ import annotations

import struct
from typing import BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.model.codes import Code

LONGEST_NAME = 255
"""Bytes of the name of the file that was compressed."""

LARGEST_FIELDS = 64
"""Bytes of extra field and comment together; those that compressors write have a dozen."""

_FIXED = 10
_CRC, _EXTRA, _NAME, _COMMENT = 1 << 1, 1 << 2, 1 << 3, 1 << 4
_HEAD = _FIXED + 2 + LARGEST_FIELDS + LONGEST_NAME + 2


def check_header(file: BinaryIO, findings: Findings) -> None:
    """Note a header with room for something to hide (RFC 1952, 2.3); one that is cut off is no flaw."""
    file.seek(0)
    head = file.read(_HEAD)
    name, fields = _lengths(head)
    if name > LONGEST_NAME or fields > LARGEST_FIELDS:
        message = (
            f"The gzip's header holds {LARGEST_FIELDS} bytes and more beside a filename, or a filename of more than "
            f"{LONGEST_NAME} bytes. {BUILD_AGAIN}"
        )
        findings.refuse(Code.GZIP_HEADER, "gzip header", message, at=0)
    elif len(head) >= _FIXED and head[3] & _CRC:
        message = f"The gzip's header has a CRC of its own (FHCRC): uv can't inflate the file. {BUILD_AGAIN}"
        findings.refuse(Code.GZIP_HEADER, "gzip header", message, at=0)


def _lengths(head: bytes) -> tuple[int, int]:
    """Bytes of the name, and of extra field and comment together, as far as the head goes."""
    if len(head) < _FIXED + 2:
        return 0, 0
    flags = head[3]
    at = _FIXED
    extra = name = comment = 0
    if flags & _EXTRA:
        (extra,) = struct.unpack_from("<H", head, at)
        at += 2 + extra
    if flags & _NAME:
        name = _text_length(head, at)
        at += name + 1
    if flags & _COMMENT:
        comment = _text_length(head, at)
    return name, extra + comment


def _text_length(head: bytes, at: int) -> int:
    end = head.find(b"\0", at)
    return max(0, (len(head) if end < 0 else end) - at)
