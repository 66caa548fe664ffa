"""Decides whether a missing file was deleted, or its disk is not mounted at the moment."""

from __future__ import annotations

from collections.abc import Set

WHOLE_SECONDS = 10.0
"""How long a file must be missing while the rest of its folder could be read."""


class Absences:
    """Since when files are missing; all times are seconds of one monotonic clock."""

    def __init__(self, *, seconds: float = WHOLE_SECONDS) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def disturb(self) -> None:
        """The folder may have been incomplete: the time of missing files starts again at the next scan."""
        self._since.clear()

    def may_leave(self, gone: Set[str], *, now: float) -> set[str]:
        """Which of the files that are missing `now` were deleted."""
        self._since = {path: self._since.get(path, now) for path in gone}
        return {path for path, since in self._since.items() if now - since >= self._seconds}

    def next_due(self) -> float | None:
        """When the next of them counts as deleted; None if none is missing."""
        return min(self._since.values()) + self._seconds if self._since else None
