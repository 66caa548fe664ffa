"""Telling the news: at least once each, after it can be seen, with a cursor of its own for each notifier."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial

from eggwatch.errors import FolderError
from eggwatch.model.events import Entry, Event, is_news
from eggwatch.model.names import shown
from eggwatch.notifiers import Notifier
from eggwatch.parts import Parts
from eggwatch.policy.keeping import Keeping
from eggwatch.store.answers import Tally
from eggwatch.store.catalog import Reader
from eggwatch.store.ledger import START, Ledger, Position

log = logging.getLogger("eggwatch")

RECEIPTS = Keeping(age=7 * 86400.0)
TIDY_SECONDS = 3600.0
AGAIN = 2.0
"""Seconds after which a notifier that failed is asked again, should nothing else happen."""
JUMP = 3600.0
"""Seconds by which the clock is set ahead before it is doubted."""
UNSURE_SECONDS = 86400.0
"""For so long after it was, nothing is deleted for its age: it may be set back."""
LONGEST_WAIT = 30.0
"""Seconds after which a refusal is told although its original could not leave yet."""


def uptime() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def entries_after(ledger: Ledger, reader: Reader, serial: int) -> Iterator[Entry]:
    """The entries with a serial above `serial`, without reading those before it where the catalog knows the place."""
    place = reader.event_at(serial)
    start = START if place is None else _after(ledger, place, serial)
    return (entry for entry in ledger.read(start) if entry.serial > serial)


def _after(ledger: Ledger, place: tuple[int, int], serial: int) -> Position:
    with ledger.path.open("rb") as file:
        file.seek(place[0])
        line = file.read(place[1])
    return Position(offset=sum(place), serial=serial, sha256=hashlib.sha256(line[:-1]).hexdigest(), length=place[1])


class News:
    """Entries that some notifier has not told yet."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cursors = {notifier.name: parts.catalog.cursor(notifier.name) for notifier in parts.notifiers}
        first = min(self._cursors.values(), default=0)
        untold = entries_after(parts.ledger, parts.catalog, first) if parts.ledger.exists() else ()
        self._untold = deque(entry for entry in untold if is_news(entry.event))
        self._told: dict[str, set[int]] = {name: set() for name in self._cursors}
        staying = {original.serial for original in parts.catalog.originals() if original.fate == "rejected"}
        self._released = {entry.serial: 0.0 for entry in self._untold if entry.serial not in staying}
        self._latest = time.monotonic() + LONGEST_WAIT
        self._refused: dict[str | None, int] = {}
        self._again: float | None = None
        self._tidy_at = self._sure_at = 0.0
        self._started: float | None = None
        self.leavings: dict[str, Tally] = {}
        """What lay of our answers in the drop folder when it was last tidied, by folder."""
        self._staying: list[tuple[int, str, Callable[[], None]]] = []
        for entry in self._untold:
            self._release_older(entry)

    def add(self, entry: Entry) -> None:
        """Something has happened."""
        if not is_news(entry.event):
            return
        self._untold.append(entry)
        if entry.event.kind == "rejected":
            self._released[entry.serial] = time.monotonic() + LONGEST_WAIT
        self._release_older(entry)

    def _release_older(self, entry: Entry) -> None:
        """Refusals of a name are told before its newer verdict: the receipt that is written last is the latest."""
        self._release_name(entry.event.filename)
        if entry.event.kind == "rejected":
            self._refused[entry.event.filename] = entry.serial

    def _release_name(self, filename: str | None) -> bool:
        serial = self._refused.pop(filename, None)
        if serial is not None:
            self.release(serial)
        return serial is not None

    def release(self, serial: int) -> None:
        """The original of a refusal has found its last place: it may be told, and is counted at the next scan."""
        self._released[serial] = 0.0
        self._tidy_at = 0.0

    def known(self, event: Event, *, since: str) -> None:
        """An upload was there already: no event, but its uploader is told."""
        if self._release_name(event.filename):
            self.tell()
        try:
            self._parts.receipts.tell_known(event, since=since)
        except (OSError, FolderError) as error:
            log.error("announce %s: no receipt: %s", shown(event.filename or ""), error)

    def not_taken(self, path: str, reason: str) -> None:
        """Something in the drop can't be taken as it is: it stays there, and its uploader is told why."""
        log.warning("sight    %s: not taken: %s", shown(path), reason)
        try:
            self._parts.receipts.tell_not_taken(path, path.rpartition("/")[2], reason)
        except (OSError, FolderError) as error:
            log.error("announce %s: no receipt: %s", shown(path), error)

    def waits(self, path: str, reason: str) -> None:
        """An upload has to wait for something that is not its uploader's business, who is told nevertheless."""
        try:
            self._parts.receipts.tell_waiting(path, path.rpartition("/")[2], reason)
        except (OSError, FolderError) as error:
            log.error("announce %s: no receipt: %s", shown(path), error)

    def stays(self, serial: int, filename: str, path: str) -> None:
        """An original that was judged may not be removed: its receipt will say so, once it is there."""
        self._staying.append((serial, path, partial(self._parts.receipts.tell_staying, filename, path)))

    def left(self, uploads: Iterable[tuple[str, str]]) -> None:
        """Each (path, why) is no new upload, and stays where it is: its receipt says so after what is untold yet."""
        for path, why in uploads:
            log.warning("judge    %s: not taken: %s", shown(path), why)
            tell = partial(self._parts.receipts.tell_not_taken, path, path.rpartition("/")[2], why)
            self._staying.append((self._parts.ledger.end.serial, path, tell))

    def _tell_staying(self) -> None:
        untold = {entry.serial for entry in self._untold}
        due = [one for one in self._staying if one[0] not in untold]
        self._staying = [one for one in self._staying if one[0] in untold]
        for _, path, tell in due:
            try:
                tell()
            except (OSError, FolderError) as error:
                log.error("announce %s: no receipt: %s", shown(path), error)

    def tidy(self, refused: Keeping, *, now: float) -> None:
        """Once an hour, and after refusals, delete receipts whose week is over, and refused files that are not kept.

        `now` in seconds since the epoch.
        """
        if uptime() < self._tidy_at:
            return
        self._tidy_at = uptime() + TIDY_SECONDS
        answers, sure = self._parts.answers, self._is_sure_of(now)
        try:
            self.leavings = {
                "receipts": answers.tidy_receipts(RECEIPTS if sure else Keeping(), now=now),
                "rejected": answers.tidy_refusals(refused if sure else Keeping(size=refused.size), now=now),
            }
            with suppress(FolderError):  # every look at the drop folder says that it is not there
                self._parts.drop.sweep_copies(now=now if sure else 0.0)
        except (OSError, FolderError) as error:
            log.error("announce old answers can't be deleted: %s", error)
            return
        if deleted := self.leavings["rejected"].deleted:
            log.info("announce rejected/: %d refused files were kept long enough, and deleted (keep-rejected)", deleted)

    def _is_sure_of(self, now: float) -> bool:
        """Whether the time of day has not been set ahead within the last day."""
        started, before = now - uptime(), self._started
        self._started = started
        if before is not None and started > before + JUMP:
            self._sure_at = uptime() + UNSURE_SECONDS
            log.warning("announce the clock was set ahead by %.0f s: old answers stay for a day", started - before)
        return uptime() >= self._sure_at

    def tell(self) -> None:
        """Tell what can be seen; a notifier that fails is asked again, and holds up nobody else."""
        if self._untold:
            self._tell_all()
        if not self._untold:
            self._pass_over()
        self._tell_staying()

    def _tell_all(self) -> None:
        self._again = None
        for notifier in self._parts.notifiers:
            self._tell_one(notifier)
        lowest = min(self._cursors.values(), default=0)
        while self._untold and self._untold[0].serial <= lowest:
            told = self._untold.popleft()
            self._released.pop(told.serial, None)
            if self._refused.get(told.event.filename) == told.serial:
                del self._refused[told.event.filename]

    def _pass_over(self) -> None:
        """Nothing is left to tell: what is no news is not to be read again at the next start."""
        end = self._parts.ledger.end.serial
        for name in [name for name, cursor in self._cursors.items() if cursor < end]:
            self._cursors[name] = end
            self._parts.catalog.move_cursor(name, end)

    def _tell_one(self, notifier: Notifier) -> None:
        cursor, told = self._cursors[notifier.name], self._told[notifier.name]
        waiting: set[str | None] = set()
        for entry in self._untold:
            if entry.serial <= cursor or entry.serial in told:
                continue
            name = entry.event.filename
            if name in waiting or not self._may_tell(entry):
                waiting.add(name)  # what happened to one name is told in its order
                continue
            try:
                notifier.tell(entry)
            except (OSError, FolderError) as error:
                log.error("announce %s: %s failed, will try again: %s", entry.serial, notifier.name, error)
                self._again = time.monotonic() + AGAIN
                break
            log.debug("announce %s: %s, by %s", shown(entry.event.filename or ""), entry.event.kind, notifier.name)
            told.add(entry.serial)
        if told:
            self._parts.answers.sync()
        self._advance(notifier.name)

    def _may_tell(self, entry: Entry) -> bool:
        if entry.event.kind == "rejected":
            return time.monotonic() >= self._released.get(entry.serial, self._latest)
        return self._parts.catalog.is_visible(serial=entry.serial, project=entry.event.project)

    def _advance(self, name: str) -> None:
        before = cursor = self._cursors[name]
        told = self._told[name]
        for entry in self._untold:
            if entry.serial > cursor:
                if entry.serial not in told:
                    break
                told.discard(entry.serial)
                cursor = entry.serial
        if cursor != before:
            self._cursors[name] = cursor
            self._parts.catalog.move_cursor(name, cursor)

    def next_due(self) -> float | None:
        """When a refusal is told even if its original stays, or a notifier that failed is asked again."""
        waiting = [
            self._released.get(entry.serial, self._latest) for entry in self._untold if entry.event.kind == "rejected"
        ]
        if self._again is not None:
            waiting.append(self._again)
        return min(waiting, default=None)

    def give_up_waiting(self) -> None:
        """A stop is at hand: tell refusals whose originals have not left."""
        for entry in self._untold:
            self._released[entry.serial] = 0.0
