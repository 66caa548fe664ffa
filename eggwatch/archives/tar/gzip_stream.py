"""A gzip file inflated once, from its first byte to its trailer, in chunks of bounded size."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, UPLOAD_AGAIN, ByteRange, Findings
from eggwatch.archives.inflating import zlib
from eggwatch.archives.limits import check_ratio
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted

MAGIC = b"\x1f\x8b"
"""The first two bytes of each member of a gzip file (RFC 1952, 2.3.1)."""

_RAW = 128 << 10
_CHUNK = 1 << 20
_GZIP = 31
_BEFORE = 64 << 10


class GzipStream:
    """Iterating yields the inflated bytes; afterwards `whole` is True if nothing follows a valid trailer.

    The inflater compares CRC-32 and size (RFC 1952, 2.3.1). A stream that is cut off, damaged or too large, or that is
    followed by something, ends early, and the reason is added to the findings.
    """

    def __init__(self, file: BinaryIO, size: int, findings: Findings) -> None:
        self.whole = False
        self._file = file
        self._size = size
        self._findings = findings
        self._raw = b""
        self._read = 0
        self._inflated = 0
        file.seek(0)

    def __iter__(self) -> Iterator[bytes]:
        ended = yield from self._member()
        if not ended:
            return
        self.whole = self._position == self._size
        if not self.whole:
            self._note_rest()

    @property
    def _position(self) -> int:
        return self._read - len(self._raw)

    def _note_rest(self) -> None:
        """Add a flaw about what follows the first member: another member, or something else."""
        position = self._position
        count = self._size - position
        self._file.seek(position)
        if self._file.read(len(MAGIC)) == MAGIC:
            # pip goes on and unpacks the next member, uv stops here.
            message = f"Another gzip member follows the first one. {BUILD_AGAIN}"
            self._findings.refuse(Code.GZIP_MEMBERS, f"{count} bytes", message, at=position)
            return
        message = f"{counted(count, 'byte follows', 'bytes follow')} the end of the gzip stream. {BUILD_AGAIN}"
        self._findings.refuse(Code.GZIP_TRAILING_DATA, f"{count} bytes", message, (position, self._size))

    def _member(self) -> Generator[bytes, None, bool]:
        """Inflate the first member; returns True if its trailer is valid."""
        stream = zlib.decompressobj(wbits=_GZIP)
        while not stream.eof:
            try:
                chunk = self._step(stream)
            except zlib.error as error:
                self._note_damage(str(error))
                return False
            if chunk is None or not self._may_grow(len(chunk)):
                return False
            yield chunk
        self._raw = stream.unused_data
        return True

    def _step(self, stream: Any) -> bytes | None:
        """The next chunk, which may be empty; None if the file ended in the middle of the member."""
        chunk: bytes = stream.decompress(self._raw, _CHUNK)
        if stream.eof:
            return chunk
        self._raw = stream.unconsumed_tail
        # After a full chunk there may be more output, even if all input is consumed.
        if not self._raw and len(chunk) < _CHUNK and not self._refill():
            self._findings.ends_early("The gzip stream ends in the middle.")
            return chunk or None
        return chunk

    def _refill(self) -> bool:
        self._raw = self._file.read(_RAW)
        self._read += len(self._raw)
        return bool(self._raw)

    def _may_grow(self, count: int) -> bool:
        self._inflated += count
        return check_ratio(self._inflated, self._size, self._findings)

    def _note_damage(self, reason: str) -> None:
        # The inflater does not say where in its last input.
        message = f"The gzip stream is damaged ({reason}), somewhere before byte {self._read}. {UPLOAD_AGAIN}"
        self._findings.refuse(Code.GZIP_CORRUPT, "gzip", message, self._near(), at=self._position)
        # A wrong CRC is detected at the end of the member, and the unwritten part may be anywhere in it.
        self._findings.suspect((0, self._size))

    def _near(self) -> ByteRange:
        return max(0, self._read - len(self._raw) - _BEFORE), self._size


LONGEST_NAME = 255
"""Most bytes of the original filename."""

LARGEST_FIELDS = 64
"""Most bytes of extra field and comment together; compressors write about a dozen."""

_FIXED = 10
_CRC, _EXTRA, _NAME, _COMMENT = 1 << 1, 1 << 2, 1 << 3, 1 << 4
_HEAD = _FIXED + 2 + LARGEST_FIELDS + LONGEST_NAME + 2


def check_header(file: BinaryIO, findings: Findings) -> None:
    """Reject a header in which something could be hidden (RFC 1952, 2.3); an incomplete one is not a flaw."""
    file.seek(0)
    head = file.read(_HEAD)
    name, fields = _lengths(head)
    if name > LONGEST_NAME or fields > LARGEST_FIELDS:
        message = (
            f"The gzip header has more than {LARGEST_FIELDS} bytes of extra field and comment, or a filename of more "
            f"than {LONGEST_NAME} bytes. {BUILD_AGAIN}"
        )
        findings.refuse(Code.GZIP_HEADER, "gzip header", message, at=0)
    elif len(head) >= _FIXED and head[3] & _CRC:
        message = f"The gzip header has a CRC of its own (FHCRC), so uv can't inflate the file. {BUILD_AGAIN}"
        findings.refuse(Code.GZIP_HEADER, "gzip header", message, at=0)


def _lengths(head: bytes) -> tuple[int, int]:
    """Bytes of the name, and of extra field and comment together, as far as `head` shows."""
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
