"""Project pages that have just changed: in bulk each is rendered once for many archives, and otherwise at once."""

from __future__ import annotations

from collections.abc import Callable

LONGEST_HOLD = 0.3
"""Seconds for which a page waits at most for more archives of its project that are under way."""


class ChangedPages:
    """Projects whose page is to be rendered because of what has just happened. Moments of the monotonic clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def __contains__(self, project: str) -> bool:
        return project in self._since

    def __len__(self) -> int:
        return len(self._since)

    def add(self, project: str, *, now: float) -> None:
        """A project's page has changed; the first change that is not shown counts."""
        self._since.setdefault(project, now)

    def take(self, is_under_way: Callable[[str], bool], *, now: float) -> list[str]:
        """Take out, sorted, the projects of which nothing more is under way, or which have waited for long enough."""
        late = now - LONGEST_HOLD
        due = sorted(name for name, since in self._since.items() if since <= late or not is_under_way(name))
        for project in due:
            del self._since[project]
        return due

    def take_all(self) -> list[str]:
        """Take out all of them, sorted."""
        return self.take(lambda _: False, now=0.0)

    def next_due(self) -> float | None:
        """When the first one is rendered, whatever is under way."""
        return min((since + LONGEST_HOLD for since in self._since.values()), default=None)
