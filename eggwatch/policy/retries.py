"""What follows when news could not be delivered: when to try again, and when to put them aside."""

from __future__ import annotations

from dataclasses import dataclass, replace

PAUSES = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds before each further try; the last repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one subscription has come.

    `cursor`: every event up to this serial was delivered or put aside. `sending`: the last serial of a digest that was
    started, so that its repetition is the same. `since`: when the outage began, in seconds since the epoch.
    """

    cursor: int = 0
    sending: int | None = None
    failures: int = 0
    since: float | None = None
    error: str | None = None
    told_at: float = 0.0

    def told(self, serial: int, *, now: float) -> Progress:
        """Everything up to a serial was delivered, so the outage is over."""
        return Progress(cursor=serial, told_at=now)

    def passed(self, serial: int) -> Progress:
        """Nothing up to a serial concerns this subscription, or is left to it."""
        return replace(self, cursor=serial, sending=None)

    def failed(self, error: str, *, now: float) -> Progress:
        """The delivery failed. (A clock that was set back must not make the outage end later.)"""
        since = now if self.since is None else min(self.since, now)
        return replace(self, failures=self.failures + 1, since=since, error=error)


def pause(progress: Progress) -> float:
    """Seconds to wait before the next try, growing with each failure."""
    return PAUSES[min(progress.failures, len(PAUSES)) - 1] if progress.failures else 0.0


def gives_up(progress: Progress, *, give_up_after: float, now: float) -> bool:
    """True if the outage has lasted so long that undelivered events are put aside."""
    return progress.since is not None and now - progress.since >= give_up_after
