"""The courier: delivers notifications to mail servers, webhooks and programs, in a process beside the daemon.

It reads ledger, catalog and pages like any other reader, so it needs no lock, no access to the drop folder and no
capability; the daemon needs no network. Every subscription is a route with its own cursor and its own retries: a mail
server that is down does not delay webhooks.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import EggwatchError, in_words
from eggwatch.model.events import Entry, Event, EventKind, is_news, seconds_of, timestamp
from eggwatch.model.news import Notice
from eggwatch.notifiers import Messenger, NeverDelivered, NotDelivered
from eggwatch.notifiers.log_index import of_index
from eggwatch.notifiers.registry import messenger_of
from eggwatch.policy.retries import Progress, gives_up, pause
from eggwatch.policy.subscriptions import Digest, Subscription
from eggwatch.readers.local import IndexReader
from eggwatch.store.state.catalog_reader import Reader
from eggwatch.store.state.cursors import DAEMON, Cursors
from eggwatch.store.state.deliveries import DeadLetter, Deliveries
from eggwatch.store.state.history import entries_after

log = logging.getLogger("eggwatch")

LOOK_SECONDS = 0.25
"""Seconds between checks of the ledger's size; nothing else is read until it changes."""
LONGEST_WAIT = 60.0
"""Seconds after which it is looked again whether a digest is due: the clock may be set."""
AT_MOST = 500
"""How many events are in one digest, and how many are read before the cursor is saved."""


class Route:
    """The delivery of the ledger's events to one subscription."""

    def __init__(
        self,
        config: IndexConfig,
        subscription: Subscription,
        messenger: Messenger | None,
        deliveries: Deliveries,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        """Without a `messenger` each delivery tries to make one. After `stop` it begins no further delivery."""
        self._stop = stop or threading.Event()
        self.config, self.subscription = config, subscription
        self._messenger, self._deliveries = messenger, deliveries
        self._reader = IndexReader(config=config)
        self._again = 0.0
        self._seen: tuple[int, ...] | None = None
        self._has_written = self._is_let_go = False
        self._unwritten: Progress | None = None
        self._letters: list[DeadLetter] = []

    @property
    def name(self) -> str:
        """The name of its cursor."""
        return self.subscription.name

    def step(self) -> float:
        """Deliver what can be delivered now; returns after how many seconds to continue."""
        now = time.monotonic()
        if now < self._again:
            return min(self._again - now, LOOK_SECONDS)
        seen = self._size()
        if seen == self._seen:
            return LOOK_SECONDS
        self._seen = seen if self._deliver_all() else None
        return LOOK_SECONDS

    def _size(self) -> tuple[int, ...]:
        """A value that changes with every event."""
        try:
            status = self.config.ledger.stat()
        except OSError:
            return ()
        return status.st_size, status.st_ino

    def _deliver_all(self) -> bool:
        """True if all events were delivered or put aside."""
        self._write_down()
        progress = self._deliveries.cursors.of(self.name) or self._begun()
        if progress is None:
            return False
        with self._reader.catalog() as catalog:
            if catalog is None:
                return False
            after = entries_after(self._reader.ledger(), catalog, progress.cursor)
            known = list(itertools.islice(after, AT_MOST))
            entries = list(itertools.takewhile(lambda entry: is_visible(entry, catalog), known))
        # Close the catalog first: servers may be slow.
        return self._tell(entries, progress) and len(entries) == len(known)

    def _begun(self) -> Progress | None:
        """The cursor of a new subscription: after all events that happened before the daemon first read it."""
        begun = Cursors(self.config.state, DAEMON).kept().get(self.name)
        return None if begun is None else self._keep(begun)

    def _tell(self, entries: list[Entry], progress: Progress) -> bool:
        if isinstance(self.subscription, Digest):
            return self._tell_together(entries, progress, every=self.subscription.every)
        for entry in entries:
            if self._stop.is_set():  # another courier tells the rest
                return False
            if not self._concerns(entry):
                progress = progress.passed(entry.serial)
            elif (after := self._deliver([entry], progress)) is None:
                return False
            else:
                progress = after
        return self._pass(entries, progress)

    def _pass(self, entries: list[Entry], progress: Progress) -> bool:
        """Record that these were delivered; returns whether there are no further ones."""
        if entries and (passed := progress.passed(entries[-1].serial)) != self._deliveries.cursors.of(self.name):
            self._keep(passed)
        return len(entries) < AT_MOST

    def _tell_together(self, entries: list[Entry], progress: Progress, *, every: float) -> bool:
        """Send a digest if it is due; one whose delivery was interrupted is sent again unchanged."""
        wanted = [entry for entry in entries if self._concerns(entry)]
        if progress.sending is not None:
            wanted = [entry for entry in wanted if entry.serial <= progress.sending]
        if not wanted:
            return self._pass(entries, progress)
        if progress.sending is None and (left := self._time_left(wanted[0], progress, every)) > 0:
            self._again = time.monotonic() + min(left, LONGEST_WAIT)
            return False
        begun = self._keep(replace(progress, sending=wanted[-1].serial))
        return self._deliver(wanted, begun) is not None

    def _time_left(self, first: Entry, progress: Progress, every: float) -> float:
        age = time.time() - max(seconds_of(first.event.at), progress.told_at)
        return 0.0 if age < 0 else every - age  # the clock was set back, perhaps by years

    def _concerns(self, entry: Entry) -> bool:
        return is_news(entry.event) and self.subscription.wants(entry.event)

    def _deliver(self, entries: Sequence[Entry], progress: Progress) -> Progress | None:
        """The cursor after these events were delivered or put aside; None if they have to wait."""
        if not self._has_written:  # nor is the first told where it can't be written down: it would be after each start
            self._keep(progress)
        notices = [notice_of(self.config, entry.serial, entry.sha256, entry.event) for entry in entries]
        try:
            self._send(notices)
        except NeverDelivered as error:
            self._put_aside(notices, in_words(error))
            return self._keep(progress.told(entries[-1].serial, now=time.time()))
        except NotDelivered as error:
            return self._failed(notices, progress, in_words(error))
        for notice in notices:
            log.info("announce %s: %s, by %s", notice.event.filename or "", notice.event.kind, self.name)
        return self._keep(progress.told(entries[-1].serial, now=time.time()))

    def _send(self, notices: Sequence[Notice]) -> None:
        """Deliver; whatever else goes wrong, as in a template of the administrator's, is an outage like any other."""
        try:
            self._messenger = self._messenger or messenger_of(self.subscription)
            self._messenger.deliver(notices)
        except NotDelivered:
            raise
        except EggwatchError as error:
            raise NotDelivered(error.message) from error
        except Exception as error:
            log.exception("announce %s: an error in eggwatch itself, or in a template", self.name)
            raise NotDelivered(f"{type(error).__name__}: {in_words(error)}") from error

    def _keep(self, progress: Progress) -> Progress:
        self._unwritten = progress
        self._write_down()
        return progress

    def _write_down(self) -> None:
        """Write what was put aside, and how far this is. Before that, as on a full disk, nothing more is delivered."""
        if self._is_let_go:
            return
        while self._letters:
            self._deliveries.put_aside(self._letters[0])
            del self._letters[0]
        if self._unwritten is not None:
            self._deliveries.keep(self.name, self._unwritten)
            self._unwritten, self._has_written = None, True

    def let_go(self) -> None:
        """Write nothing any more: what is still being delivered comes too late, and another courier delivers it too."""
        self._is_let_go = True

    def _failed(self, notices: Sequence[Notice], progress: Progress, error: str) -> Progress | None:
        now = time.time()
        failed = progress.failed(error, now=now)
        self._again = time.monotonic() + pause(failed)
        if gives_up(failed, give_up_after=self.subscription.give_up_after, now=now):
            self._put_aside(notices, error)
            failed = failed.passed(notices[-1].serial)
        self._keep(failed)
        log.log(
            logging.ERROR if failed.failures == 1 else logging.WARNING,
            "announce %s: %s; retrying in %g s, nothing is lost",
            self.name,
            error,
            pause(failed),
        )
        return None

    def _put_aside(self, notices: Sequence[Notice], error: str) -> None:
        """To be written with the next progress."""
        at = timestamp(time.time())
        self._letters += [
            DeadLetter(subscription=self.name, key=notice.key, serial=notice.serial, at=at, error=error)
            for notice in notices
        ]
        log.error("announce %s: put aside for 'eggwatch notify --retry': %s", self.name, error)

    def retry(self) -> bool:
        """Retry this subscription's undelivered events; returns whether all were delivered."""
        letters = [letter for letter in self._deliveries.letters() if letter.subscription == self.name]
        arrived = [self._retry(letter) for letter in letters]  # try each, even if others have failed
        return all(arrived)

    def is_ready(self) -> bool:
        """Whether nothing that it needs for a delivery is missing or wrong."""
        return self._messenger is not None

    def _retry(self, letter: DeadLetter) -> bool:
        entry = self._entry(letter.serial)
        if entry is None:
            log.error("announce %s: the ledger no longer has serial %d", self.name, letter.serial)
            return False
        notice = notice_of(self.config, entry.serial, entry.sha256, entry.event)
        try:
            self._send([notice])
        except NotDelivered as error:
            self._deliveries.failed_again(replace(letter, at=timestamp(time.time()), error=in_words(error)))
            return False
        self._deliveries.delivered(letter)
        log.info("announce %s: %s, by %s, after retries", entry.event.filename or "", entry.event.kind, self.name)
        return True

    def _entry(self, serial: int) -> Entry | None:
        with self._reader.catalog() as catalog:
            entries = [] if catalog is None else entries_after(self._reader.ledger(), catalog, serial - 1)
            return next((entry for entry in entries if entry.serial == serial), None)


def is_visible(entry: Entry, catalog: Reader) -> bool:
    """Whether the pages of these events are published; events that are not announced do not have to wait."""
    project = None if entry.event.kind is EventKind.REJECTED else entry.event.project
    return not is_news(entry.event) or catalog.is_visible(serial=entry.serial, project=project)


class Courier:
    """All routes of one index, each in a thread of its own."""

    def __init__(self, config: IndexConfig, deliveries: Deliveries, *, label: str | None = None) -> None:
        """`label` is the index's name in log lines, where there are several."""
        self._deliveries, self._label = deliveries, label
        deliveries.cursors.open([subscription.name for subscription in config.subscriptions])
        self._stop = stop = threading.Event()
        self.routes = [Route(config, one, _messenger(one), deliveries, stop=stop) for one in config.subscriptions]
        self._threads: list[threading.Thread] = []
        self._retries: list[threading.Thread] = []

    def start(self) -> None:
        """Start delivering."""
        self._threads = [threading.Thread(target=self._carry, args=(route,), daemon=True) for route in self.routes]
        for thread in self._threads:
            thread.start()

    def _carry(self, route: Route) -> None:
        with of_index(self._label):
            while not self._stop.is_set():
                self._stop.wait(max(_guarded(route.name, route.step), 0.01))

    def _retry(self, route: Route) -> None:
        with of_index(self._label):
            route.retry()

    def is_alive(self) -> bool:
        """Whether every route still has its thread."""
        return all(thread.is_alive() for thread in self._threads)

    def look_around(self) -> None:
        """Carry out a requested retry, after one that is under way: two would send the same."""
        if not any(thread.is_alive() for thread in self._retries) and self._deliveries.is_asked_to_retry():
            self._retries = [threading.Thread(target=self._retry, args=(one,), daemon=True) for one in self.routes]
            for thread in self._retries:
                thread.start()

    def stop(self, seconds: float) -> None:
        """Start no new deliveries, and wait at most so long for running ones; interrupted ones are repeated later."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for route in self.routes:
            route.let_go()

    def deliver_once(self) -> bool:
        """Deliver what can be delivered now; returns whether nothing has failed."""
        for route in self.routes:
            before = None
            while (cursor := self._deliveries.cursors.cursor(route.name)) != before:
                before = cursor
                _guarded(route.name, route.step)
        known = [self._deliveries.cursors.of(route.name) for route in self.routes]
        has_failed = any(progress is not None and progress.since is not None for progress in known)
        return not has_failed and all(route.is_ready() for route in self.routes)


def _messenger(subscription: Subscription) -> Messenger | None:
    """What delivers to it; None, and it is said, if a template, a library or a file is missing or wrong."""
    try:
        return messenger_of(subscription)
    except EggwatchError as error:
        log.error("announce %s: %s Its news wait, and no others", subscription.name, error.message)
        return None


def _guarded(name: str, step: Callable[[], float]) -> float:
    """One step of a route; a bug of ours delays this route, and no other."""
    try:
        return step()
    except (EggwatchError, OSError, json.JSONDecodeError) as error:
        log.error("announce %s: %s", name, error)
    except Exception:
        log.exception("announce %s: delayed by an error in eggwatch itself", name)
    return 60.0


def sample(config: IndexConfig, now: float) -> Notice:
    """The sample of `eggwatch notify --test`: it says that it is a test, and names no real file."""
    event = Event(
        kind=EventKind.ADMITTED,
        at=timestamp(now),
        project="eggwatch-test",
        version="1.0",
        filename="eggwatch_test-1.0-py3-none-any.whl",
        sha256="0" * 64,
        size=0,
        uploader=None,
        reason="this is only a test of eggwatch's news",
    )
    return notice_of(config, 0, f"{int(now):012x}", event)


def try_each(config: IndexConfig) -> Iterator[tuple[str, str | None]]:
    """Send the sample through every subscription; yields its name, and the error, if any."""
    for subscription in config.subscriptions:
        try:
            messenger_of(subscription).deliver([sample(config, time.time())])
            yield subscription.name, None
        except (NotDelivered, EggwatchError) as error:
            yield subscription.name, in_words(error)


def notice_of(config: IndexConfig, serial: int, sha256: str, event: Event) -> Notice:
    """An event of the ledger as it is delivered; `sha256` is that of its line, which is unique."""
    key = f"{config.name}-{serial}-{sha256[:12]}"
    urls = (config.index_url, config.rules_url)
    return Notice(key=key, index=config.name, serial=serial, event=event, index_url=urls[0], rules_url=urls[1])
