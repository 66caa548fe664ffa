"""Checks archives in formats that PyPI no longer accepts (.egg .zip .tgz .tar.bz2), without their metadata."""

from __future__ import annotations

from typing import BinaryIO

from eggwatch.archives.findings import Findings
from eggwatch.archives.tar.bzip2_stream import Bzip2Stream, is_bzip2
from eggwatch.archives.tar.sdist import read_sdist, read_tar
from eggwatch.archives.wheel.wheel import read_wheel


def read_container(file: BinaryIO, size: int, text: str, findings: Findings) -> None:
    """Check the zip or tar in `file`, as the suffix of the filename `text` says; other suffixes are not checked.

    Every member is read to its end, and its name must be safe to unpack. Metadata is not read.
    """
    suffix = text.lower()
    if suffix.endswith((".zip", ".egg")):
        read_wheel(file, size, None, findings)
    elif suffix.endswith(".tgz"):
        read_sdist(file, size, None, findings)
    elif suffix.endswith(".tar.bz2") and is_bzip2(file, findings):
        read_tar(Bzip2Stream(file, size, findings), findings)
