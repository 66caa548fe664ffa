"""How long the bytes of removed files stay for readers of the page of a moment ago, whatever the clock is set to."""

from __future__ import annotations

from eggwatch.model.events import seconds_of


class Grace:
    """The grace period of one index. `now` is in seconds since the epoch and may jump."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def left(self, at: str, *, now: float) -> float:
        """Seconds until the bytes of what was removed `at` a moment (RFC 3339) may go; 0 or less if they may now.

        A removal that seems to lie in the future was made before the clock was set back: it gets its grace
        from the first look after that, and no more.
        """
        since = min(self._since.get(at, seconds_of(at)), now)
        if since < seconds_of(at):
            self._since[at] = since
        return since + self._seconds - now
