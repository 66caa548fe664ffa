"""How much an archive may grow when it is inflated."""

from __future__ import annotations

from collections.abc import Iterable

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.archives.folder_tree import count_folders
from eggwatch.model.codes import Code

FREE_GROWTH = 64 << 20
"""Bytes that any archive may inflate to, whatever the ratio (PyPI's rule)."""

HIGHEST_RATIO = 50
"""Bytes out of one byte of archive, beyond `FREE_GROWTH` (PyPI's rule)."""

LARGEST_TOTAL = 16 << 30
"""Bytes that no archive may inflate beyond."""

MOST_MEMBERS = 200_000
"""Members of one archive, and folders that they lie in: each becomes a file or folder where it is unpacked."""

MOST_NAME_BYTES = 32 << 20
"""Bytes of memory for all names and link targets of one archive."""

LARGEST_METADATA = 8 << 20
"""Bytes of METADATA or PKG-INFO."""


def most_inflated(size: int) -> int:
    """Bytes that an archive of `size` bytes may inflate to."""
    return min(LARGEST_TOTAL, max(FREE_GROWTH, HIGHEST_RATIO * size))


def check_ratio(inflated: int, size: int, findings: Findings) -> bool:
    """True if an archive of `size` bytes may inflate to `inflated`; else the flaw is noted."""
    if inflated <= most_inflated(size):
        return True
    findings.refuse(
        Code.COMPRESSION_RATIO,
        f"{size} bytes",
        f"The archive has {size} bytes and inflates to {inflated} or more; {most_inflated(size)} are allowed "
        f"({HIGHEST_RATIO} times its size beyond {FREE_GROWTH}). {BUILD_AGAIN}",
    )
    return False


def name_bytes(name: str) -> int:
    """Bytes of memory that a name takes at most: one foreign letter widens all the others too."""
    return len(name) if name.isascii() else 4 * len(name)


def refuse_many_folders(paths: Iterable[str], findings: Findings) -> bool:
    """True if these members lie in so many folders that nobody looks on; the flaw is noted."""
    count = count_folders(paths)
    if count <= MOST_MEMBERS:
        return False
    message = f"The members lie in {count} folders; {MOST_MEMBERS} are looked at. Split the project."
    findings.refuse(Code.TOO_MANY_MEMBERS, f"{count} folders", message)
    return True
