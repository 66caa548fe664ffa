"""Decides whether a missing file was deleted, or its disk is not mounted at the moment."""

from __future__ import annotations

from collections.abc import Set

WHOLE_SECONDS = 10.0
"""So long a file must have been gone from a folder that was whole all the time."""


class Absences:
    """Since when files are gone; all times are seconds of one monotonic clock."""

    def __init__(self, *, seconds: float = WHOLE_SECONDS) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def disturb(self) -> None:
        """The folder is not whole, or may not have been: what is gone counts from the next look on."""
        self._since.clear()

    def may_leave(self, gone: Set[str], *, now: float) -> set[str]:
        """Which of the files that are gone `now` were deleted."""
        self._since = {path: self._since.get(path, now) for path in gone}
        return {path for path, since in self._since.items() if now - since >= self._seconds}

    def next_due(self) -> float | None:
        """When the next of them may leave; None if none is gone."""
        return min(self._since.values()) + self._seconds if self._since else None
