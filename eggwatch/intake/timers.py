"""When paths of the drop folder are checked again, unless an event comes first."""

from __future__ import annotations

import heapq

MOST_DUE = 256
"""Paths that are looked at again in one go."""


class Timers:
    """A moment of the process's monotonic clock for each path that waits for one."""

    def __init__(self) -> None:
        self._moments: dict[str, float] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._moments

    def at(self, path: str, moment: float) -> None:
        """Look at a path again at a moment."""
        self._moments[path] = moment

    def after(self, path: str, seconds: float, *, now: float) -> None:
        """Look at a path again after so many seconds; the more there are that wait, the longer each one waits."""
        self._moments[path] = now + seconds * (1 + len(self._moments) / MOST_DUE)

    def later(self, path: str, *, now: float) -> None:
        """Look at a path again in an instant."""
        self._moments[path] = now + 0.05

    def forget(self, path: str) -> None:
        """Nothing is to be looked at."""
        self._moments.pop(path, None)

    def due(self, now: float) -> set[str]:
        """Paths whose time has come, those that wait for longest first, and not too many; each is given out once."""
        due = [(moment, path) for path, moment in self._moments.items() if moment <= now]
        paths = {path for _, path in heapq.nsmallest(MOST_DUE, due)}
        for path in paths:
            del self._moments[path]
        return paths

    def next_due(self) -> float | None:
        """When the next path is to be looked at."""
        return min(self._moments.values(), default=None)
