"""One index in the daemon: its rounds, its status, and how it starts again after an error."""

from __future__ import annotations

import functools
import gc
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import EggwatchError, FolderError, in_words
from eggwatch.linux.systemd import line_lacking
from eggwatch.model.events import timestamp
from eggwatch.model.status import Status
from eggwatch.notifiers.log_index import of_index
from eggwatch.pipeline.measures import Measures, Sample
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.pipeline.root_renderer import SpawnedRenderer
from eggwatch.pipeline.rounds import horizon, summary
from eggwatch.service.watcher import Bell, Watcher
from eggwatch.store.ballast import Ballast
from eggwatch.store.state.catalog import is_damaged
from eggwatch.store.state.orders import OrderBox, PendingOrder
from eggwatch.writer.catch_up import set_aside
from eggwatch.writer.folders import permissions_of, prepare_drop
from eggwatch.writer.index import Index, open_index
from eggwatch.writer.orders import Box, finish_begun, is_round, obey
from eggwatch.writer.status import StatusFile, state_of, tell_last

log = logging.getLogger("eggwatch")
P = ParamSpec("P")
R = TypeVar("R")

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before an index is opened again after an error; the last one repeats."""
STOP_SECONDS = 8.0
TELL_SECONDS = 10.0
"""Seconds after which the status is written even while uploads are in progress."""
BLIND_SCAN = 2.0
"""Seconds between scans while the kernel reports no events."""
REST = 10.0
"""A pause of this many times the last scan's duration follows it, even if there are events: anyone can move folders."""
IDLE_REST = 30.0
"""The same without events."""


def _labelled(method: Callable[Concatenate[IndexRunner, P], R]) -> Callable[Concatenate[IndexRunner, P], R]:
    """The log lines of this method name the index."""

    @functools.wraps(method)
    def labelled(self: IndexRunner, /, *arguments: P.args, **options: P.kwargs) -> R:
        with of_index(self._label):
            return method(self, *arguments, **options)

    return labelled


class IndexRunner:
    """One index in the daemon: it is opened, and opened again after an error, in the same way as after a crash."""

    def __init__(
        self, config: IndexConfig, bell: Bell, progress: Callable[[], None], *, label: str | None = None
    ) -> None:
        """`label` is the index's name in log lines, where there are several."""
        self._label = label
        self.config, self._bell, self._progress = config, bell, progress
        self.watcher = Watcher(config.drop, OrderBox(config.state).folder, bell)
        permissions = permissions_of(config)
        self._ballast = Ballast(config.state, config.public, permissions)
        self._status = StatusFile(config.state, config.public, permissions, make_room=self._ballast.give_piece)
        self.index: Index | None = None
        self.ready = False
        self._failures = 0
        self._next_scan = self._open_at = self._due = 0.0
        self._was_there: tuple[Path, ...] = ()
        self._errands: list[tuple[str, float, tuple[int, int, int]]] = []
        self._status_owed = True
        self._tell_at = 0.0
        self._measures = Measures()
        self._told: Status | None = None

    @_labelled
    def open(self) -> None:
        """Take the lock and start. EggwatchError if the operator has to act."""
        for folder in (self.config.public, self.config.state):
            if lacking := line_lacking(folder):
                raise FolderError(f"[index.{self.config.name}] {lacking}.")
        self.index = open_index(self.config, renderer=SpawnedRenderer)
        self._warn_of_closed_drop(self.index)
        self.index.pipeline.components.spool.progress = self._progress
        self.index.pipeline.measures = self._measures
        self._was_there = (self.config.ledger, self.config.public / "files")
        self._errands.clear()
        self.index.pipeline.components.inspectors.warm_up()
        self.watcher.check()
        if self.index.orders.pending():
            self._ballast.throw_off()
        finish_begun(self.index.pipeline, self.index.orders)
        self.index.pipeline.recover()
        self._next_scan = 0.0

    def _warn_of_closed_drop(self, index: Index) -> None:
        """Report a read-only drop folder: uploads are published, but cannot be removed from it."""
        lacking = line_lacking(self.config.drop)
        if lacking is None:
            index.pipeline.uploads.faults.resolve("unit")
        elif index.pipeline.uploads.faults.note("unit", lacking):
            log.error("[%s] %s", self.config.name, lacking)

    def channels(self) -> list[int]:
        """Descriptors that become readable when a child process has a result."""
        if self.index is None:
            return []
        components = self.index.pipeline.components
        front = components.front.channel()
        sockets = [*components.inspectors.sockets(), *([front] if front is not None else [])]
        return [channel.fileno() for channel in sockets]

    @_labelled
    def beat(self) -> None:
        """Run one round. After an error, pause, and start again from what is on the disk."""
        try:
            if self.index is None:
                self._reopen()
            else:
                self._work(self.index)
                if time.monotonic() > self._open_at + PAUSES[-1]:  # else the same error may come a round later
                    self._failures = 0
            if self.index is not None:
                self._due = self._next_due(self.index)
            return
        except sqlite3.DatabaseError as error:
            self.doubt_catalog(error)
        except Exception as error:
            is_for_operators = isinstance(
                error, (OSError, EggwatchError)
            )  # without a message, developers need its class
            why = in_words(error) if is_for_operators else f"{type(error).__name__}: {error}"
            self.fail(why, traceback=not is_for_operators)
        # Objects in the traceback can keep files open, so that the administrator could not unmount the disk.
        gc.collect()

    @_labelled
    def doubt_catalog(self, error: sqlite3.DatabaseError) -> None:
        """Start again after an error of the catalog, which is rebuilt if it is damaged."""
        if not is_damaged(error):
            self.fail(str(error))
            return
        self.fail(f"the catalog is damaged ({error}); it is rebuilt from the ledger")
        try:
            set_aside(self.config.catalog)
        except OSError as failure:  # a kernel mounts a disk with damage read-only: the other indexes continue
            log.error("[%s] the catalog can't be set aside yet: %s", self.config.name, in_words(failure))

    def _reopen(self) -> None:
        if time.monotonic() < self._open_at:
            return
        # Do not start a new index in the empty mount point of an unmounted disk.
        for path in self._was_there:
            if not path.exists():
                raise FolderError(f"{path} is missing. Is its disk mounted?")
        self.open()

    @_labelled
    def fail(self, what: str, *, traceback: bool = False) -> None:
        """Close the index after an error, to open it again later."""
        what = " ".join(what.split("\n  ")).rstrip(".")
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        log.error("[%s] %s; retrying in %g s, nothing is lost", self.config.name, what, pause, exc_info=traceback)
        self._open_at = time.monotonic() + pause
        if self.index is not None:
            index, self.index = self.index, None
            try:
                index.abandon()
            except OSError as failure:  # a network file system reports at close(2) what it could not write
                log.error("[%s] %s", self.config.name, in_words(failure))
        self._status.tell_down(f"stopped after an error, retrying in {pause:g} s: {what}", at=timestamp(time.time()))

    def _work(self, index: Index) -> None:
        for box, order in self._ballast.given_for(index.pending()):
            self._obey(index, box, order)
        now = time.monotonic()
        may_scan = now >= index.pipeline.scan.rests_until(REST)
        hints = self.watcher.take() if may_scan else self.watcher.take_paths()
        if now >= self._next_scan or self.watcher.is_to_check():
            if self.watcher.check():
                prepare_drop(self.config, index.pipeline.components.answers)
                if index.pipeline.mirror is not None:
                    index.pipeline.mirror.disturb()
            hints = None
        if hints is None:
            self._warn_of_closed_drop(index)
            index.pipeline.housekeeping.tidy(self.config.keep_rejected, self.config.keep_aside, now=time.time())
            self._ballast.take_in()
        index.pipeline.round(hints)
        if hints is None:
            self.watcher.compare(index.pipeline.uploads.folders)
            self._next_scan = now + self._scan_pause()
        self._next_scan = min(self._next_scan, now + self._scan_pause())
        if index.pipeline.mirror is not None and not index.pipeline.scan:
            self._next_scan = min(self._next_scan, index.pipeline.mirror.next_due() or self._next_scan)
        self._answer_errands(index)
        if not self.ready and not index.pipeline.is_working() and index.pipeline.pages_current():
            self.ready = True
            log.info("[%s] all that was there at start has been looked at", self.config.name)
        is_busy = index.pipeline.in_hand() or index.pipeline.scan
        if not is_busy or now >= self._tell_at:
            self._tell_status(index)  # do not delay an upload to log this, nor repeat it for each part of a scan
            self._tell_at = now + TELL_SECONDS

    def _scan_pause(self) -> float:
        """Without events the scan is all there is, so it comes more often; also while the drop folder is missed.

        A large folder is scanned less often, so that scans take a small part of the time.
        """
        if self.index is None:
            return self.config.scan
        uploads, cost = self.index.pipeline.uploads, self.index.pipeline.scan.cost
        if self.watcher.is_blind() or uploads.unwatched or "drop" in uploads.faults:
            return max(min(self.config.scan, BLIND_SCAN), REST * cost)
        return max(self.config.scan, IDLE_REST * cost)

    def _obey(self, index: Index, box: Box, order: PendingOrder) -> None:
        pipeline = index.pipeline
        if not is_round(order):
            obey(pipeline, box, order)
        elif index.orders.begin(order, serial=pipeline.components.ledger.end.serial):
            until = time.monotonic() + horizon(pipeline)
            self._errands.append((order.number, until, pipeline.tally.counts()))
            self._next_scan = 0.0

    def _answer_errands(self, index: Index) -> None:
        """Answer `run --once` when the round that it asked for is complete."""
        for errand in list(self._errands):
            number, until, since = errand
            pipeline = index.pipeline
            due = pipeline.next_due()
            if not pipeline.is_working() and (due is None or due > until):
                pipeline.components.front.finish()
                self._errands.remove(errand)
                index.orders.answer(number, summary(pipeline, since=since))

    def _tell_status(self, index: Index) -> None:
        self._status_owed = not self._status.is_due()
        if self._status_owed:
            return
        pipeline = index.pipeline
        self.set_fault("status", self._status.fault)
        self._told = state_of(pipeline, ready=self.ready, watching=self.watcher.fault)
        self._status_owed = not self._status.write(self._told, at=timestamp(time.time()))

    def sample(self) -> Sample:
        """For metrics: its last status; None while it is down."""
        return Sample(
            index=self.config.name,
            at=time.time(),
            state=self._told if self.index is not None else None,
            verdicts=dict(self._measures.verdicts),
            flaws=dict(self._measures.flaws),
            latencies=tuple(self._measures.latencies.counts),
            latency_total=self._measures.latencies.total,
        )

    def set_fault(self, what: str, fault: str | None) -> None:
        """Record a fault outside the pipeline; None clears it."""
        if self.index is not None and fault is not None:
            self.index.pipeline.uploads.faults.note(what, fault)
        elif self.index is not None:
            self.index.pipeline.uploads.faults.resolve(what)

    def in_short(self) -> str:
        """For `systemctl status`: what was published and rejected since the index was opened, and its faults."""
        if self.index is None:
            return f"{self.config.name}: stopped after an error, retrying; see the log"
        pipeline = self.index.pipeline
        faults = "".join(f"; {why}" for why in pipeline.uploads.faults.values())
        return f"{self.config.name}: {pipeline.tally.published} published, {pipeline.tally.refused} rejected{faults}"

    def next_due(self) -> float:
        """When this index needs the next beat, on the monotonic clock."""
        return self._open_at if self.index is None else self._due

    def _next_due(self, index: Index) -> float:
        """The same, to be asked where an error of the catalog, as of its disk, ends no other index."""
        due = index.pipeline.next_due()
        moments = [self._next_scan, *([due] if due is not None else [])]
        if self.watcher.asks_for_everything():
            moments.append(index.pipeline.scan.rests_until(REST))
        if self._status_owed or self._errands:
            moments.append(time.monotonic() + (0.05 if self._errands else 1.0))
        return min(moments)

    @_labelled
    def close(self) -> None:
        """Finish the current uploads, publish stale pages, and close the index; after an error, as a crash would."""
        self.watcher.stop()
        if self.index is None:
            return
        index, self.index = self.index, None
        try:
            self._finish(index.pipeline)
        except BaseException:
            index.abandon()
            raise
        index.close()

    def _finish(self, pipeline: Pipeline) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while pipeline.in_hand() and time.monotonic() < deadline:
            pipeline.inspect(0.1)
            pipeline.admit(pipeline.judge())
        pipeline.finish()
        tell_last(pipeline, self._status)

    def follow(self, before: IndexRunner) -> None:
        """Take the place of another one, which is closed: what was there once is still not made anew."""
        self._was_there = before._was_there
