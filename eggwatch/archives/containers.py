"""Archives of formats that PyPI no longer takes (.egg .zip .tgz .tar.bz2): the container, whatever lies in it."""

from __future__ import annotations

from typing import BinaryIO

from eggwatch.archives.findings import Findings
from eggwatch.archives.tar.bzip2_stream import Bzip2Stream, is_bzip2
from eggwatch.archives.tar.sdist import read_sdist, read_tar
from eggwatch.archives.wheel.wheel import read_wheel


def read_container(file: BinaryIO, size: int, text: str, findings: Findings) -> None:
    """Check the whole zip or tar in `file`, for what its filename `text` says; of other suffixes nothing.

    Every member is read to its end, and has a name that is safe to unpack. No metadata is looked for.
    """
    suffix = text.lower()
    if suffix.endswith((".zip", ".egg")):
        read_wheel(file, size, None, findings)
    elif suffix.endswith(".tgz"):
        read_sdist(file, size, None, findings)
    elif suffix.endswith(".tar.bz2") and is_bzip2(file, findings):
        read_tar(Bzip2Stream(file, size, findings), findings)
