"""Limits on the size of an archive's contents."""

from __future__ import annotations

from collections.abc import Iterable

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.archives.folder_tree import count_folders
from eggwatch.model.codes import Code

FREE_GROWTH = 64 << 20
"""Bytes to which every archive may inflate, whatever its ratio (PyPI's rule)."""

HIGHEST_RATIO = 50
"""Inflated bytes for each byte of the archive, above `FREE_GROWTH` (PyPI's rule)."""

LARGEST_TOTAL = 16 << 30
"""Most bytes to which an archive may inflate."""

MOST_MEMBERS = 200_000
"""Members of one archive, and also folders that contain them: each becomes a file or folder when it is unpacked."""

MOST_NAME_BYTES = 32 << 20
"""Bytes of memory for all names and link targets of one archive."""

LARGEST_METADATA = 8 << 20
"""Bytes of METADATA or PKG-INFO."""


def most_inflated(size: int) -> int:
    """Most bytes to which an archive of `size` bytes may inflate."""
    return min(LARGEST_TOTAL, max(FREE_GROWTH, HIGHEST_RATIO * size))


def check_ratio(inflated: int, size: int, findings: Findings) -> bool:
    """True if an archive of `size` bytes may inflate to `inflated` bytes; otherwise a flaw is added."""
    if inflated <= most_inflated(size):
        return True
    findings.refuse(
        Code.COMPRESSION_RATIO,
        f"{size} bytes",
        f"The archive has {size} bytes and inflates to {inflated} or more; {most_inflated(size)} are allowed "
        f"({HIGHEST_RATIO} times its size above {FREE_GROWTH}). {BUILD_AGAIN}",
    )
    return False


def name_bytes(name: str) -> int:
    """Most bytes of memory that a name takes: one character outside Latin-1 makes all others as wide."""
    return len(name) if name.isascii() else 4 * len(name)


def refuse_many_folders(paths: Iterable[str], findings: Findings) -> bool:
    """True, with a flaw added, if these members are in too many folders to check them."""
    count = count_folders(paths)
    if count <= MOST_MEMBERS:
        return False
    message = f"The members are in {count} folders; {MOST_MEMBERS} are allowed. Build several smaller projects."
    findings.refuse(Code.TOO_MANY_MEMBERS, f"{count} folders", message)
    return True
