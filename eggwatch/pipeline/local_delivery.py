"""The delivery of news to one notifier of this machine: its cursor, and its failures."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from eggwatch.errors import FolderError, in_words
from eggwatch.model.events import Entry
from eggwatch.model.names import shown
from eggwatch.notifiers import Notifier

log = logging.getLogger("eggwatch")

PAUSES = (2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before a notifier that failed is asked again; the last one repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Why a notifier fails, how often in a row, and the moment of the monotonic clock at which it is asked again."""

    why: str
    times: int
    until: float


class LocalDelivery:
    """What one notifier has told of what there is to tell: all up to its cursor, and some after it."""

    def __init__(self, notifier: Notifier, *, cursor: int) -> None:
        self.name, self.cursor = notifier.name, cursor
        self.outage: Outage | None = None
        self._notifier = notifier
        self._told: set[int] = set()

    def tell(
        self, untold: Iterable[Entry], *, may_tell: Callable[[Entry], bool], make_last: Callable[[], None]
    ) -> None:
        """Tell what may be told, in order; what was told before a failure is not told again, once `make_last` is done.

        `untold` are the entries that some notifier has not told. Nothing happens before the end of a pause.
        """
        if self.outage is not None and time.monotonic() < self.outage.until:
            return
        told: list[int] = []
        try:
            try:
                for entry in self._due(untold, may_tell):
                    self._notifier.tell(entry)
                    log.debug("announce %s: %s, by %s", shown(entry.event.filename or ""), entry.event.kind, self.name)
                    told.append(entry.serial)
            finally:
                if told:
                    make_last()
                    self._told.update(told)
            self.outage = None
        except (OSError, FolderError) as error:
            self._pause(error)
        self._advance(untold)

    def _due(self, untold: Iterable[Entry], may_tell: Callable[[Entry], bool]) -> Iterator[Entry]:
        waiting: set[str | None] = set()
        for entry in untold:
            if entry.serial <= self.cursor or entry.serial in self._told:
                continue
            filename = entry.event.filename
            if filename in waiting or not may_tell(entry):
                waiting.add(filename)  # what happened to one name is told in its order
            else:
                yield entry

    def _pause(self, error: OSError | FolderError) -> None:
        times = 1 if self.outage is None else self.outage.times + 1
        seconds = PAUSES[min(times, len(PAUSES)) - 1]
        log.error("announce %s failed, asked again in %g s: %s", self.name, seconds, in_words(error))
        self.outage = Outage(why=in_words(error), times=times, until=time.monotonic() + seconds)

    def _advance(self, untold: Iterable[Entry]) -> None:
        for entry in untold:
            if entry.serial > self.cursor:
                if entry.serial not in self._told:
                    break
                self._told.discard(entry.serial)
                self.cursor = entry.serial
