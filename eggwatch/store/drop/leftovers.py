"""Answers in a folder of eggwatch, and which of them have expired."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from eggwatch.policy.retention import Keeping, Leaving, outlived
from eggwatch.store.durable import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What is left of one kind of answers, in files (each with its reason) and bytes, and how many went."""

    kept: int = 0
    size: int = 0
    deleted: int = 0


REASONS = (".reason.txt", ".reason.json")


def leavings_in(place: Place) -> list[Leaving]:
    """Receipts, refused files and their reasons, each file with its own."""
    groups: dict[str, list[str]] = {}
    for name in _files_in(place):
        stem = next((name.removesuffix(suffix) for suffix in REASONS if name.endswith(suffix)), name)
        groups.setdefault(stem, []).append(name)
    groups.pop("earlier", None)
    return [_leaving_of(place, names) for names in groups.values()]


def _files_in(place: Place) -> list[str]:
    """The files there, without folders: earlier/, and any of other accounts."""
    with os.scandir(place.folder) as entries:
        return [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]


def _leaving_of(place: Place, names: list[str]) -> Leaving:
    """They have been there since the last of them was created or changed: no uploader can set a ctime."""
    # The JSON goes last: as long as it is there, a crash in between is recognised and finished.
    names = sorted(names, key=lambda name: (name.endswith(REASONS[1]), name))
    found = [os.stat(name, dir_fd=place.folder, follow_symlinks=False) for name in names]
    return Leaving(
        names=tuple(names),
        since=max(status.st_ctime for status in found),
        size=sum(status.st_size for status in found),
    )


def below(folder: str, leaving: Leaving) -> Leaving:
    """The same as seen from the folder above."""
    return replace(leaving, names=tuple(f"{folder}/{name}" for name in leaving.names))


def tidied(leavings: list[Leaving], keeping: Keeping, *, now: float, delete: Callable[[str], object]) -> Leftovers:
    """Delete, by their names, what is not kept any longer; say what is left. `now` in seconds since the epoch."""
    gone = outlived(leavings, keeping, now=now)
    for leaving in gone:
        for name in leaving.names:
            delete(name)
    return Leftovers(
        kept=len(leavings) - len(gone),
        size=sum(leaving.size for leaving in leavings) - sum(leaving.size for leaving in gone),
        deleted=len(gone),
    )
