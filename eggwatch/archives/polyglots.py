"""Files that are a zip and a tar at once: each tool finds other contents in them (PyPI rejects them)."""

from __future__ import annotations

import tarfile
from typing import BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.archives.tar.header import BLOCK
from eggwatch.archives.zip.directory import END_SIGNATURE
from eggwatch.model.codes import Code

_END_SIZE = 22
_TAIL = (1 << 16) + _END_SIZE


def is_also_tar(file: BinaryIO) -> bool:
    """True if tarfile takes the first block for a header.

    tarfile itself decides, since it is the reader that would be misled.
    """
    file.seek(0)
    try:
        tarfile.TarInfo.frombuf(file.read(BLOCK), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def is_also_zip(file: BinaryIO, size: int) -> bool:
    """True if zipfile.is_zipfile is: a complete end record is in the last 64 KiB.

    pip calls it first, whatever the suffix, and unpacks the file as a zip, even if that is only a zip inside the sdist
    which deflate stored uncompressed. The rule is that of Pythons before 3.14, which check nothing else.
    """
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read(size - start)
    return 0 <= tail.rfind(END_SIGNATURE) <= len(tail) - _END_SIZE


def refuse_polyglot(other: str, subject: str, findings: Findings) -> None:
    """Reject the file because it can be read as the `other` format, too."""
    message = f"The file is also a {other}, and its contents depend on the tool that reads it. {BUILD_AGAIN}"
    findings.refuse(Code.ZIP_TAR_POLYGLOT, subject, message)
