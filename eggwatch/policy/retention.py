"""How long rejected files are kept, by age and by total size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long something is kept: seconds, or bytes of all together, of which the oldest go first; None is forever."""

    age: float | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Files that are deleted together: their names, since when they exist (seconds since the epoch), their bytes."""

    names: tuple[str, ...]
    since: float
    size: int


def outlived(leavings: Iterable[Leaving], keeping: Keeping, *, now: float) -> list[Leaving]:
    """Those that may go, the oldest first; `now` in seconds since the epoch. One larger than all may be goes alone."""
    gone, room = [], keeping.size
    for leaving in sorted(leavings, key=lambda leaving: (leaving.since, leaving.names), reverse=True):
        too_large = keeping.size is not None and leaving.size > keeping.size
        if room is not None and not too_large:
            room -= leaving.size
        too_old = keeping.age is not None and leaving.since < now - keeping.age
        if too_large or too_old or (room is not None and room < 0):
            gone.append(leaving)
    return gone[::-1]
