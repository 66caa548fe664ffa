"""Telling the news: at least once each, after it can be seen, with a cursor of its own for each notifier."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from eggwatch.errors import DISK_FULL, FolderError, in_words
from eggwatch.linux.accounts import door_user
from eggwatch.model.events import Entry, Event, EventKind, is_news
from eggwatch.model.queue import Fate
from eggwatch.notifiers import Notifier
from eggwatch.notifiers.receipts import Receipts
from eggwatch.pipeline.remarks import LaterRemarks
from eggwatch.policy.retries import Progress
from eggwatch.store.drop.answers import Answers
from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.cursors import Cursors
from eggwatch.store.state.history import entries_after
from eggwatch.store.state.ledger import Ledger

log = logging.getLogger("eggwatch")

PAUSES = (2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before a notifier that failed is asked again; the last one repeats."""
KEEP_SECONDS = 1.0
"""Seconds until cursors have to be written: after a crash events are repeated, with the same key."""
FULL_SECONDS = 10.0
"""Seconds until they are tried again where the disk is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Why a notifier fails, how often in a row, and the moment of the monotonic clock at which it is asked again."""

    why: str
    times: int
    until: float


class LocalDelivery:
    """What one notifier has delivered: all events up to its cursor, and some after it."""

    def __init__(self, notifier: Notifier, *, cursor: int) -> None:
        self.name, self.cursor = notifier.name, cursor
        self.outage: Outage | None = None
        self._notifier = notifier
        self._told: set[int] = set()

    def tell(
        self, untold: Iterable[Entry], *, may_tell: Callable[[Entry], bool], make_last: Callable[[], None]
    ) -> None:
        """Deliver events in order; those before a failure are not repeated, once `make_last` is done.

        `untold` are the entries that some notifier has not delivered. During a pause nothing happens.
        """
        if self.outage is not None and time.monotonic() < self.outage.until:
            return
        told: list[int] = []
        try:
            try:
                for entry in self._due(untold, may_tell):
                    self._notifier.tell(entry)
                    log.debug("announce %s: %s, by %s", entry.event.filename or "", entry.event.kind, self.name)
                    told.append(entry.serial)
            finally:
                if told:
                    make_last()
                    self._told.update(told)
            self.outage = None
        except (OSError, FolderError) as error:
            times = 1 if self.outage is None else self.outage.times + 1
            seconds = PAUSES[min(times, len(PAUSES)) - 1]
            log.error("announce %s failed, retrying in %g s: %s", self.name, seconds, in_words(error))
            self.outage = Outage(why=in_words(error), times=times, until=time.monotonic() + seconds)
        self._advance(untold)

    def _due(self, untold: Iterable[Entry], may_tell: Callable[[Entry], bool]) -> Iterator[Entry]:
        waiting: set[str | None] = set()
        for entry in untold:
            if entry.serial <= self.cursor or entry.serial in self._told:
                continue
            filename = entry.event.filename
            if filename in waiting or not may_tell(entry):
                waiting.add(filename)  # the events of one name are delivered in order
            else:
                yield entry

    def _advance(self, untold: Iterable[Entry]) -> None:
        for entry in untold:
            if entry.serial > self.cursor:
                if entry.serial not in self._told:
                    break
                self._told.discard(entry.serial)
                self.cursor = entry.serial


LONGEST_WAIT = 30.0
"""Seconds after which a rejection is announced although its original could not be moved yet."""


class DelayedRefusals:
    """The rejections that are not announced yet, each with the earliest moment of the monotonic clock.

    A rejection is announced as soon as its original has been moved, so that nobody looks for it in vain. What the
    upload door has left is taken back by it, and is not moved.
    """

    def __init__(self, untold: Iterable[Entry], *, lying: Container[int | None]) -> None:
        """`lying` holds the serials of refusals whose originals are still in the drop folder."""
        self._due: dict[int, float] = {}
        self._latest: dict[str | None, int] = {}
        for entry in untold:
            self.add(entry)
            if entry.serial not in lying:
                self.release(entry.serial)

    def add(self, entry: Entry) -> None:
        """Add an event. A rejection is announced before a newer verdict on its name: the last receipt is the newest."""
        self.release_name(entry.event.filename)
        if entry.event.kind is EventKind.REJECTED and door_user(entry.event.path or "") is None:
            self._due[entry.serial] = time.monotonic() + LONGEST_WAIT
            self._latest[entry.event.filename] = entry.serial

    def release(self, serial: int) -> None:
        """Release a rejection whose original is in its final place."""
        self._due.pop(serial, None)

    def release_late(self) -> None:
        """Release those whose moment has come: what they wait for now, such as a notifier that fails, is no moment."""
        if self._due:
            now = time.monotonic()
            self._due = {serial: moment for serial, moment in self._due.items() if moment > now}

    def release_name(self, filename: str | None) -> bool:
        """Release the rejections of a name that has a newer verdict; returns whether there were any."""
        serial = self._latest.pop(filename, None)
        if serial is not None:
            self.release(serial)
        return serial is not None

    def release_all(self) -> None:
        """A stop is at hand: nothing is waited for any more."""
        self._due.clear()

    def may_tell(self, serial: int) -> bool:
        """Whether its time has come."""
        return serial not in self._due

    def told(self, entry: Entry) -> None:
        """Forget an event that all notifiers have delivered."""
        if self._latest.get(entry.event.filename) == entry.serial:
            del self._latest[entry.event.filename]

    def next_due(self) -> float | None:
        """The earliest moment of all."""
        return min(self._due.values(), default=None)


class News:
    """The events that some notifier has not delivered yet."""

    def __init__(
        self,
        notifiers: Iterable[Notifier],
        *,
        receipts: Receipts,
        answers: Answers,
        cursors: Cursors,
        ledger: Ledger,
        catalog: Catalog,
    ) -> None:
        """`notifiers` are told of events; `receipts`, one of them, also of what is no event."""
        self._receipts, self._answers, self._cursors = receipts, answers, cursors
        self._ledger, self._catalog = ledger, catalog
        self._deliveries = [LocalDelivery(one, cursor=cursors.cursor(one.name)) for one in notifiers]
        untold = entries_after(ledger, catalog, self._told_by_all()) if ledger.exists() else ()
        self._untold = deque(entry for entry in untold if is_news(entry.event))
        lying = {original.serial for original in catalog.originals() if original.fate is Fate.REJECTED}
        self._refusals = DelayedRefusals(self._untold, lying=lying)
        self.remarks = LaterRemarks(receipts)
        self._keep_at: float | None = None
        """When to write down how far the notifiers are, with the first beat after it; of the monotonic clock."""

    def _told_by_all(self) -> int:
        return min((delivery.cursor for delivery in self._deliveries), default=0)

    def add(self, entry: Entry) -> None:
        """Something has happened."""
        if is_news(entry.event):
            self._untold.append(entry)
            self._refusals.add(entry)

    def release(self, serial: int) -> None:
        """Release a rejection whose original is in its final place."""
        self._refusals.release(serial)

    def known(self, event: Event, *, since: str) -> None:
        """Tell the uploader of a file that was published already, which is not an event."""
        if self._refusals.release_name(event.filename):
            self.tell()
        self._receipts.tell_known(event, since=since)

    def faults(self) -> dict[str, str]:
        """The notifiers that fail, and why."""
        return {one.name: f"{one.outage.why}; retrying, nothing is lost" for one in self._deliveries if one.outage}

    def tell(self) -> None:
        """Deliver the events whose pages are visible; a notifier that fails is retried, and does not delay others."""
        if self._untold:
            self._refusals.release_late()
            for delivery in self._deliveries:
                delivery.tell(self._untold, may_tell=self._may_tell, make_last=self._answers.sync)
            lowest = self._told_by_all()
            while self._untold and self._untold[0].serial <= lowest:
                self._refusals.told(self._untold.popleft())
        if not self._untold:  # what is no news is not to be read again at the next start
            for delivery in self._deliveries:
                delivery.cursor = max(delivery.cursor, self._ledger.end.serial)
        self._keep_cursors()
        self.remarks.tell(entry.serial for entry in self._untold)
        self._receipts.make_last()

    def _keep_cursors(self) -> None:
        """Write the cursors of the notifiers, once for several events in a row."""
        cursors, now = self._cursors, time.monotonic()
        moved = [one for one in self._deliveries if one.cursor != cursors.cursor(one.name)]
        if moved and self._keep_at is None:
            self._keep_at = now + KEEP_SECONDS
        if moved and self._keep_at is not None and now >= self._keep_at:
            self._keep_at = None
            try:
                cursors.keep({one.name: Progress(cursor=one.cursor) for one in moved})
            except OSError as error:
                # Pages and orders go on; after a crash, what was announced meanwhile is announced once more.
                if error.errno not in DISK_FULL:
                    raise
                log.warning("announce %s can't be written now, and is tried again: %s", cursors.path, in_words(error))
                self._keep_at = now + FULL_SECONDS

    def _may_tell(self, entry: Entry) -> bool:
        if entry.event.kind is EventKind.REJECTED:
            return self._refusals.may_tell(entry.serial)
        return self._catalog.is_visible(serial=entry.serial, project=entry.event.project)

    def next_due(self) -> float | None:
        """When a rejection is announced even if its original can't be moved, or a notifier is retried."""
        moments = [self._refusals.next_due(), *(one.outage.until for one in self._deliveries if one.outage)]
        return min((moment for moment in moments if moment is not None), default=None)

    def give_up_waiting(self) -> None:
        """Before the daemon stops, announce rejections whose originals are still there, and retry failed notifiers."""
        self._refusals.release_all()
        self._keep_at = 0.0
        for delivery in self._deliveries:
            delivery.outage = None
