"""When a refusal may be told: as soon as its original has left the drop folder, so that nobody looks for it there."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable

from eggwatch.model.events import Entry, EventKind

LONGEST_WAIT = 30.0
"""Seconds after which a refusal is told although its original could not leave yet."""


class DelayedRefusals:
    """The refusals that are not told yet, each with the moment of the monotonic clock at which it may be."""

    def __init__(self, untold: Iterable[Entry], *, lying: Container[int | None]) -> None:
        """`lying` holds the serials of refusals whose originals are still in the drop folder."""
        self._due: dict[int, float] = {}
        self._latest: dict[str | None, int] = {}
        for entry in untold:
            self.add(entry)
            if entry.serial not in lying:
                self.release(entry.serial)

    def add(self, entry: Entry) -> None:
        """Note an event. A refusal is told before a newer verdict on its name: the last receipt is the latest."""
        self.release_name(entry.event.filename)
        if entry.event.kind is EventKind.REJECTED:
            self._due[entry.serial] = time.monotonic() + LONGEST_WAIT
            self._latest[entry.event.filename] = entry.serial

    def release(self, serial: int) -> None:
        """The original of a refusal has found its last place: it may be told."""
        if serial in self._due:
            self._due[serial] = 0.0

    def release_name(self, filename: str | None) -> bool:
        """There is a newer verdict on a name; whether a refusal of it may be told for that."""
        serial = self._latest.pop(filename, None)
        if serial is not None:
            self.release(serial)
        return serial is not None

    def release_all(self) -> None:
        """A stop is at hand: nothing is waited for any more."""
        self._due = dict.fromkeys(self._due, 0.0)

    def may_tell(self, serial: int) -> bool:
        """Whether its time has come."""
        return time.monotonic() >= self._due.get(serial, 0.0)

    def told(self, entry: Entry) -> None:
        """An event was told by everybody."""
        self._due.pop(entry.serial, None)
        if self._latest.get(entry.event.filename) == entry.serial:
            del self._latest[entry.event.filename]

    def next_due(self) -> float | None:
        """The first moment at which one may be told."""
        return min(self._due.values(), default=None)
