"""Finds folders of indexes that are nested, or the same folder under two names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

Owned = tuple[str, str]
"""A folder by the name of its index and its key: drop, public or state."""


def overlapping(named: Iterable[tuple[Owned, Path]]) -> list[tuple[Owned, str]]:
    """All pairs of such folders, by index and key, each with the later one of the two."""
    places = [(owned, Path(os.path.realpath(path))) for owned, path in named]
    return [
        (one, f"{_said(one)} ({path}) and {_said(other)} ({second}) must not share a folder or contain one another")
        for number, (one, path) in enumerate(places)
        for other, second in places[:number]
        if _lies_in(path, second) or _lies_in(second, path)
    ]


def _said(owned: Owned) -> str:
    return f"[index.{owned[0]}] {owned[1]}"


def _lies_in(inner: Path, outer: Path) -> bool:
    """True if a folder is, or is inside, another, by path or by inode (a bind mount has another path)."""
    place = device_and_inode(outer)
    return inner.is_relative_to(outer) or (
        place is not None and any(device_and_inode(folder) == place for folder in (inner, *inner.parents))
    )


def device_and_inode(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a folder; None if it does not exist, or this account cannot see it."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def overlapped(place: Path, folders: Iterable[Path]) -> Path | None:
    """The first folder that is `place`, contains it or is inside it; links are resolved first."""
    real = Path(os.path.realpath(place))
    for folder in folders:
        other = Path(os.path.realpath(folder))
        if _lies_in(real, other) or _lies_in(other, real):
            return folder
    return None
