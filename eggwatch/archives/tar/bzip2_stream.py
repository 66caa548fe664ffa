"""A bzip2 file unpacked once, from its first byte to its last, in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, UPLOAD_AGAIN, Findings, bytes_in_words
from eggwatch.archives.limits import check_ratio
from eggwatch.archives.unwritten import starts_with_zeros
from eggwatch.model.codes import Code

_bz2: Any = None
with suppress(ImportError):  # some Pythons are built without it
    _bz2 = import_module("bz2")

MAGIC = b"BZh"
_RAW = 128 << 10
_CHUNK = 1 << 20


def is_bzip2(file: BinaryIO, findings: Findings) -> bool:
    """Whether the file begins as a bzip2 does; else that is noted."""
    file.seek(0)
    head = file.read(len(MAGIC))
    if head == MAGIC and _bz2 is not None:
        return True
    if starts_with_zeros(file):
        findings.ends_early("The file starts with zeros.")
    elif head == MAGIC:
        findings.refuse(Code.GZIP_CORRUPT, "bzip2", "This Python was built without bzip2, so it can't be read.")
    else:
        message = f"The file starts with {bytes_in_words(head)}; a .tar.bz2 starts with BZh. {BUILD_AGAIN}"
        findings.refuse(Code.NOT_A_GZIP, "first bytes", message)
    return False


class Bzip2Stream:
    """Iterating gives the unpacked bytes; afterwards `whole` says whether its end was there, and its checksums true."""

    def __init__(self, file: BinaryIO, size: int, findings: Findings) -> None:
        self.whole = False
        self._file, self._size, self._findings = file, size, findings
        file.seek(0)

    def __iter__(self) -> Iterator[bytes]:
        stream, unpacked = _bz2.BZ2Decompressor(), 0
        while (raw := self._next(stream)) is not None:
            if stream.eof:  # pbzip2 writes one stream after the other, which all readers take for one file
                stream = _bz2.BZ2Decompressor()
            try:
                chunk = stream.decompress(raw, _CHUNK)
            except OSError as error:
                message = f"The bzip2 stream is damaged ({error}). {UPLOAD_AGAIN}"
                self._findings.refuse(Code.GZIP_CORRUPT, "bzip2", message, (0, self._size))
                return
            unpacked += len(chunk)
            if not check_ratio(unpacked, self._size, self._findings):
                return
            yield chunk

    def _next(self, stream: Any) -> bytes | None:
        """What to unpack next; None at the end, or where something is wrong."""
        if not stream.eof:
            raw = self._file.read(_RAW) if stream.needs_input else b""
            if stream.needs_input and not raw:
                self._findings.ends_early("The bzip2 stream ends in the middle.")
                return None
            return raw
        rest: bytes = stream.unused_data + self._file.read(_RAW)
        if rest.startswith(MAGIC):
            return rest
        self.whole = not rest
        if rest:
            message = f"Something follows the end of the bzip2 stream. {BUILD_AGAIN}"
            self._findings.refuse(Code.GZIP_TRAILING_DATA, "last bytes", message)
        return None
