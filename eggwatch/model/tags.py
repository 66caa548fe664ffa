"""Compatibility tags of a wheel: which are known, and which PyPI takes (PEP 425, PEP 600, PEP 656, PyPI's list)."""

from __future__ import annotations

import re

MOST_TAGS = 500
"""Tags that one compressed set may stand for; honest ones stand for a dozen."""

_COMMON = re.compile(r"(?:many|musl)?linux.*_x86_64")


def count_tags(stem: str) -> int:
    """How many tags the last three parts of a wheel's name stand for, without making them."""
    total = 1
    for part in stem.split("-")[-3:]:
        total *= part.count(".") + 1
    return total


def only_for(filename: str) -> str | None:
    """A sentence about a wheel for other systems than most servers, Linux on x86_64; None about all else."""
    if not filename.endswith(".whl"):
        return None
    platforms = filename[: -len(".whl")].rpartition("-")[2].split(".")
    if any(platform == "any" or _COMMON.fullmatch(platform) for platform in platforms):
        return None
    return f"It is for {', '.join(platforms)} only: pip and uv on other systems don't find it."
