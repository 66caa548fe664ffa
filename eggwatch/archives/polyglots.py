"""Files that are a zip and a tar at once: what a reader finds in them depends on the reader (PyPI refuses them)."""

from __future__ import annotations

import tarfile
from typing import BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.archives.tar.header import BLOCK
from eggwatch.model.codes import Code

_END_SIGNATURE = b"PK\x05\x06"
_END_SIZE = 22
_TAIL = (1 << 16) + _END_SIZE


def is_also_tar(file: BinaryIO) -> bool:
    """True if tarfile takes the first block for a header: with either checksum, and whatever its format.

    tarfile itself is asked, since it is the reader that would be misled.
    """
    file.seek(0)
    try:
        tarfile.TarInfo.frombuf(file.read(BLOCK), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def is_also_zip(file: BinaryIO, size: int) -> bool:
    """True if zipfile.is_zipfile says so: a whole end record lies in the last 64 KiB.

    pip asks that first, whatever the suffix, and then unpacks the file as a zip, be it only one that lies inside of
    the sdist in a block that deflate left alone. The rule is that of Pythons before 3.14, which look no further.
    """
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read(size - start)
    return 0 <= tail.rfind(_END_SIGNATURE) <= len(tail) - _END_SIZE


def refuse_polyglot(other: str, subject: str, findings: Findings) -> None:
    """Note that the file can be read as the `other` format too."""
    message = f"The file is a {other} too, and what it holds depends on who reads it. {BUILD_AGAIN}"
    findings.refuse(Code.ZIP_TAR_POLYGLOT, subject, message)
