"""Telling the news: at least once each, after it can be seen, with a cursor of its own for each notifier."""

from __future__ import annotations

from collections import deque

from eggwatch.model.events import Entry, Event, EventKind, is_news
from eggwatch.model.queue import Fate
from eggwatch.pipeline.components import Components
from eggwatch.pipeline.delayed_refusals import DelayedRefusals
from eggwatch.pipeline.local_delivery import LocalDelivery
from eggwatch.pipeline.remarks import LaterRemarks
from eggwatch.policy.retries import Progress
from eggwatch.store.state.history import entries_after


class News:
    """What has happened, and some notifier has not told yet."""

    def __init__(self, components: Components) -> None:
        self._components = components
        cursors, catalog, ledger = components.cursors, components.catalog, components.ledger
        self._deliveries = [LocalDelivery(one, cursor=cursors.cursor(one.name)) for one in components.notifiers]
        untold = entries_after(ledger, catalog, self._told_by_all()) if ledger.exists() else ()
        self._untold = deque(entry for entry in untold if is_news(entry.event))
        lying = {original.serial for original in catalog.originals() if original.fate is Fate.REJECTED}
        self._refusals = DelayedRefusals(self._untold, lying=lying)
        self.remarks = LaterRemarks(components.receipts)

    def _told_by_all(self) -> int:
        return min((delivery.cursor for delivery in self._deliveries), default=0)

    def add(self, entry: Entry) -> None:
        """Something has happened."""
        if is_news(entry.event):
            self._untold.append(entry)
            self._refusals.add(entry)

    def release(self, serial: int) -> None:
        """The original of a refusal has found its last place: it may be told."""
        self._refusals.release(serial)

    def known(self, event: Event, *, since: str) -> None:
        """An upload was there already: no event, but its uploader is told."""
        if self._refusals.release_name(event.filename):
            self.tell()
        self._components.receipts.tell_known(event, since=since)

    def faults(self) -> dict[str, str]:
        """The notifiers that can't tell, and why."""
        return {one.name: f"{one.outage.why}; retrying, nothing is lost" for one in self._deliveries if one.outage}

    def tell(self) -> None:
        """Tell what can be seen; a notifier that fails is asked again, and holds up nobody else."""
        if self._untold:
            self._tell_all()
        if not self._untold:  # what is no news is not to be read again at the next start
            for delivery in self._deliveries:
                delivery.cursor = max(delivery.cursor, self._components.ledger.end.serial)
        self._keep_cursors()
        self.remarks.tell(entry.serial for entry in self._untold)

    def _tell_all(self) -> None:
        for delivery in self._deliveries:
            delivery.tell(self._untold, may_tell=self._may_tell, make_last=self._components.answers.sync)
        lowest = self._told_by_all()
        while self._untold and self._untold[0].serial <= lowest:
            self._refusals.told(self._untold.popleft())

    def _may_tell(self, entry: Entry) -> bool:
        if entry.event.kind is EventKind.REJECTED:
            return self._refusals.may_tell(entry.serial)
        return self._components.catalog.is_visible(serial=entry.serial, project=entry.event.project)

    def _keep_cursors(self) -> None:
        cursors = self._components.cursors
        moved = [one for one in self._deliveries if one.cursor != cursors.cursor(one.name)]
        if moved:
            cursors.keep({one.name: Progress(cursor=one.cursor) for one in moved})

    def next_due(self) -> float | None:
        """When a refusal is told even if its original stays, or a notifier asked again."""
        moments = [self._refusals.next_due(), *(one.outage.until for one in self._deliveries if one.outage)]
        return min((moment for moment in moments if moment is not None), default=None)

    def give_up_waiting(self) -> None:
        """A stop is at hand: tell refusals whose originals have not left, and ask who failed once more."""
        self._refusals.release_all()
        for delivery in self._deliveries:
            delivery.outage = None
