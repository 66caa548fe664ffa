"""Telling the news: at least once each, after it can be seen, with a cursor of its own for each notifier."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from eggwatch.errors import FolderError, in_words
from eggwatch.model.events import Entry, Event, EventKind, is_news
from eggwatch.model.names import shown
from eggwatch.model.queue import Fate
from eggwatch.notifiers import Notifier
from eggwatch.pipeline.components import Components
from eggwatch.store.state.history import entries_after

log = logging.getLogger("eggwatch")

PAUSES = (2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before a notifier that failed is asked again; the last one repeats."""
LONGEST_WAIT = 30.0
"""Seconds after which a refusal is told although its original could not leave yet."""


@contextmanager
def _receipt_of(path: str) -> Iterator[None]:
    """A receipt that can't be written is no obstacle."""
    try:
        yield
    except (OSError, FolderError) as error:
        log.error("announce %s: no receipt: %s", shown(path), in_words(error))


@dataclass(slots=True, kw_only=True)
class _Trouble:
    """A notifier failed: why, how often in a row, and the moment of the monotonic clock at which it is asked again."""

    why: str
    times: int
    until: float


class News:
    """Entries that some notifier has not told yet."""

    def __init__(self, parts: Components) -> None:
        self._parts = parts
        self._cursors = {notifier.name: parts.catalog.cursor(notifier.name) for notifier in parts.notifiers}
        first = min(self._cursors.values(), default=0)
        untold = entries_after(parts.ledger, parts.catalog, first) if parts.ledger.exists() else ()
        self._untold = deque(entry for entry in untold if is_news(entry.event))
        self._told: dict[str, set[int]] = {name: set() for name in self._cursors}
        staying = {original.serial for original in parts.catalog.originals() if original.fate is Fate.REJECTED}
        self._released = {entry.serial: 0.0 for entry in self._untold if entry.serial not in staying}
        self._latest = time.monotonic() + LONGEST_WAIT
        self._refused: dict[str | None, int] = {}
        self._troubles: dict[str, _Trouble] = {}
        self._staying: list[tuple[int, str, Callable[[], None]]] = []
        for entry in self._untold:
            self._release_older(entry)

    def add(self, entry: Entry) -> None:
        """Something has happened."""
        if not is_news(entry.event):
            return
        self._untold.append(entry)
        if entry.event.kind is EventKind.REJECTED:
            self._released[entry.serial] = time.monotonic() + LONGEST_WAIT
        self._release_older(entry)

    def _release_older(self, entry: Entry) -> None:
        """Refusals of a name are told before its newer verdict: the receipt that is written last is the latest."""
        self._release_name(entry.event.filename)
        if entry.event.kind is EventKind.REJECTED:
            self._refused[entry.event.filename] = entry.serial

    def _release_name(self, filename: str | None) -> bool:
        serial = self._refused.pop(filename, None)
        if serial is not None:
            self.release(serial)
        return serial is not None

    def release(self, serial: int) -> None:
        """The original of a refusal has found its last place: it may be told."""
        self._released[serial] = 0.0

    def known(self, event: Event, *, since: str) -> None:
        """An upload was there already: no event, but its uploader is told."""
        if self._release_name(event.filename):
            self.tell()
        with _receipt_of(event.filename or ""):
            self._parts.receipts.tell_known(event, since=since)

    def not_taken(self, path: str, reason: str) -> None:
        """Something in the drop can't be taken as it is: it stays there, and its uploader is told why."""
        log.warning("sight    %s: not taken: %s", shown(path), reason.replace("\n", " "))
        with _receipt_of(path):
            self._parts.receipts.tell_not_taken(path, path.rpartition("/")[2], reason)

    def waits(self, path: str, reason: str) -> None:
        """An upload has to wait for something that is not its uploader's business, who is told nevertheless."""
        with _receipt_of(path):
            self._parts.receipts.tell_waiting(path, path.rpartition("/")[2], reason)

    def too_large(self, path: str, reason: str) -> None:
        """An upload has to wait because of its own size: its uploader is told what to do."""
        with _receipt_of(path):
            self._parts.receipts.tell_too_large(path, path.rpartition("/")[2], reason)

    def held(self, path: str) -> None:
        """An upload has no verdict, for a fault of our own: its uploader is told, once, that it is not his."""
        with _receipt_of(path):
            self._parts.receipts.tell_held(path, path.rpartition("/")[2])

    def unfinished(self, path: str, why: str, *, since: float, until: float) -> None:
        """The rest of an upload has not come: its uploader is told since when, and until when it is waited for."""
        with _receipt_of(path):
            name = path.rpartition("/")[2]
            self._parts.receipts.tell_unfinished(path, name, why, since=since, until=until)

    def gone(self, path: str) -> None:
        """Nothing lies at a path any more, which had no verdict: who was told that it stays there is told so."""
        with _receipt_of(path):
            self._parts.receipts.tell_gone(path, path.rpartition("/")[2])

    def stays(self, serial: int, filename: str, path: str, why: str) -> None:
        """An original that was judged can't be removed: its receipt will say so, once it is there."""
        self._staying.append((serial, path, partial(self._parts.receipts.tell_staying, filename, path, why)))

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
            with _receipt_of(path):
                tell()

    def faults(self) -> dict[str, str]:
        """The notifiers that can't tell, and why."""
        return {name: f"{trouble.why}: tried again, nothing is lost" for name, trouble in self._troubles.items()}

    def tell(self) -> None:
        """Tell what can be seen; a notifier that fails is asked again, and holds up nobody else."""
        if self._untold:
            self._tell_all()
        if not self._untold:
            self._pass_over()
        self._tell_staying()

    def _tell_all(self) -> None:
        now = time.monotonic()
        for notifier in self._parts.notifiers:
            if notifier.name not in self._troubles or now >= self._troubles[notifier.name].until:
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
        told: list[int] = []
        try:
            try:
                for entry in self._due_for(notifier.name):
                    notifier.tell(entry)
                    kind = entry.event.kind
                    log.debug("announce %s: %s, by %s", shown(entry.event.filename or ""), kind, notifier.name)
                    told.append(entry.serial)
            finally:
                self._make_last(notifier.name, told)
            self._troubles.pop(notifier.name, None)
        except (OSError, FolderError) as error:
            self._pause(notifier.name, error)
        self._advance(notifier.name)

    def _make_last(self, name: str, told: list[int]) -> None:
        if told:
            self._parts.answers.sync()
            self._told[name].update(told)

    def _due_for(self, name: str) -> Iterator[Entry]:
        cursor, told = self._cursors[name], self._told[name]
        waiting: set[str | None] = set()
        for entry in self._untold:
            if entry.serial <= cursor or entry.serial in told:
                continue
            filename = entry.event.filename
            if filename in waiting or not self._may_tell(entry):
                waiting.add(filename)  # what happened to one name is told in its order
            else:
                yield entry

    def _pause(self, name: str, error: OSError | FolderError) -> None:
        times = self._troubles[name].times + 1 if name in self._troubles else 1
        seconds = PAUSES[min(times, len(PAUSES)) - 1]
        log.error("announce %s failed, asked again in %g s: %s", name, seconds, in_words(error))
        self._troubles[name] = _Trouble(why=in_words(error), times=times, until=time.monotonic() + seconds)

    def _may_tell(self, entry: Entry) -> bool:
        if entry.event.kind is EventKind.REJECTED:
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
        """When a refusal is told even if its original stays, or a notifier asked again."""
        waiting = [
            self._released.get(entry.serial, self._latest)
            for entry in self._untold
            if entry.event.kind is EventKind.REJECTED
        ]
        waiting += [trouble.until for trouble in self._troubles.values()]
        return min(waiting, default=None)

    def give_up_waiting(self) -> None:
        """A stop is at hand: tell refusals whose originals have not left, and ask who failed once more."""
        for trouble in self._troubles.values():
            trouble.until = 0.0
        for entry in self._untold:
            self._released[entry.serial] = 0.0
