"""The daemon: one loop over all indexes, woken by events, by inspectors, or by the clock."""

from __future__ import annotations

import logging
import select
import signal
import sqlite3
import time
from collections.abc import Callable
from types import FrameType

from eggwatch.config.index_config import Config
from eggwatch.errors import EggwatchError, FolderError, LedgerError, in_words, may_pass
from eggwatch.linux.mounts import Mounts
from eggwatch.linux.systemd import Supervisor
from eggwatch.service.courier_process import CourierProcess
from eggwatch.service.index_runner import IndexRunner
from eggwatch.service.metrics import Metrics
from eggwatch.service.watcher import Bell
from eggwatch.writer.index import check_sources

log = logging.getLogger("eggwatch")

LONGEST_SLEEP = 5.0


class Daemon:
    """All indexes in the foreground, until SIGTERM or SIGINT."""

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        *,
        when_ready: Callable[[], None],
        when_reloaded: Callable[[Config], None],
        metrics: Metrics | None = None,
        courier: CourierProcess | None = None,
    ) -> None:
        """`reload()` reads the configuration again; `when_ready()` is called once, after the first scan.

        `when_reloaded(config)` is called with each new configuration. `courier` is None if it has its own unit.
        """
        self._metrics = metrics or Metrics(config)
        self._bell = Bell()
        self._mounts = Mounts()
        self._supervisor = Supervisor()
        self._runners = self._runners_of(config)
        self._reload, self._when_ready, self._when_reloaded = reload, when_ready, when_reloaded
        self._courier = courier
        self._stopping = self._reloading = self._was_ready = False

    def _runners_of(self, config: Config) -> list[IndexRunner]:
        several = len(config.indexes) > 1
        return [
            IndexRunner(index, self._bell, self._supervisor.progress, label=index.name if several else None)
            for index in config.indexes.values()
        ]

    def run(self) -> None:
        """Work until a signal stops it. Raises EggwatchError if the operator has to act before it can start."""
        signal.set_wakeup_fd(self._bell.writable, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)
        try:
            for runner in self._runners:
                self._supervisor.progress()
                self._open(runner)
            while not self._stopping:
                self._beat()
        finally:
            self._close()

    def _open(self, runner: IndexRunner) -> None:
        try:
            runner.open()
        except sqlite3.DatabaseError as error:
            runner.doubt_catalog(error)
        except (OSError, LedgerError, FolderError) as error:
            if len(self._runners) == 1 and not may_pass(error):
                raise
            runner.fail(in_words(error))  # the other indexes continue

    def _beat(self) -> None:
        reloads, self._reloading = self._reloading, False
        if reloads:
            self._reload_configuration()
        for runner in self._runners:
            self._supervisor.progress()
            runner.beat()
        self._check_news()
        self._metrics.tell(runner.sample() for runner in self._runners)
        for runner in self._runners:
            runner.set_fault("metrics", self._metrics.fault_of(runner.config.name))
        self._supervisor.status(", ".join(runner.in_short() for runner in self._runners))
        if not self._was_ready and self._is_ready():
            self._was_ready = True
            self._when_ready()
            self._supervisor.ready()
        elif reloads and self._was_ready:
            self._supervisor.ready()
        if not self._stopping:
            self._sleep()

    def _check_news(self) -> None:
        """Keep a courier running while an open index has subscriptions."""
        if self._courier is None:
            return
        subscribed = [runner for runner in self._runners if runner.config.subscriptions]
        self._courier.check(wanted=any(runner.index is not None for runner in subscribed))
        for runner in subscribed:
            runner.set_fault("news", self._courier.fault)

    def _is_ready(self) -> bool:
        """True if all indexes have had their first scan, except those that can't be opened."""
        ready = [runner.ready for runner in self._runners if runner.index is not None]
        return bool(ready) and all(ready)

    def _sleep(self) -> None:
        due = min(runner.next_due() for runner in self._runners)
        longest = min(LONGEST_SLEEP, self._supervisor.longest_silence or LONGEST_SLEEP)
        timeout = max(0.0, min(due - time.monotonic(), longest))
        poll = select.poll()  # epoll would report the list of mounts as readable all the time
        poll.register(self._bell.readable, select.POLLIN)
        if self._mounts.descriptor is not None:
            poll.register(self._mounts.descriptor, select.POLLPRI)
        for runner in self._runners:
            for channel in runner.channels():
                poll.register(channel, select.POLLIN)
        rung = {descriptor for descriptor, _ in poll.poll(timeout * 1000)}
        if self._mounts.descriptor in rung:
            for runner in self._runners:
                runner.watcher.mounts_changed()
        self._bell.silence()

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stopping = True

    def _hang_up(self, _: int, __: FrameType | None) -> None:
        self._reloading = True

    def _reload_configuration(self) -> None:
        """Use the changed configuration, unless it is invalid or moves a folder of a running index."""
        if self._was_ready:
            self._supervisor.reloading()
        try:
            config = self._reload()
            self._check_folders(config)
            for index in config.indexes.values():
                check_sources(index)
            runners = self._runners_of(config)
            self._metrics.configure(config)
        except EggwatchError as error:
            log.error("reload failed, still using the old configuration: %s", error)
            return
        self._close_indexes()
        before = {runner.config.name: runner for runner in self._runners}
        for runner in runners:
            if runner.config.name in before:
                runner.follow(before[runner.config.name])
        self._runners = runners
        self._when_reloaded(config)
        if self._courier is not None:
            self._courier.reload()
        log.info("reload: the configuration was read again")

    def _check_folders(self, config: Config) -> None:
        for runner in self._runners:
            new, old = config.indexes.get(runner.config.name), runner.config
            if new is not None and new.folders != old.folders:
                raise FolderError(
                    f"[index.{old.name}] moves a folder of a running index.",
                    remedy="Stop the daemon, move the folder, and start it again.",
                )

    def _close(self) -> None:
        signal.set_wakeup_fd(-1)
        self._supervisor.stopping()
        if self._courier is not None:
            self._courier.begin_to_stop()  # stops in parallel with the indexes: both can take seconds
        self._close_indexes()
        if self._courier is not None:
            self._courier.stop()
        self._metrics.end()
        self._bell.close()
        self._mounts.close()

    def _close_indexes(self) -> None:
        for runner in self._runners:
            try:
                runner.close()
            except Exception:
                log.exception("[%s] could not stop cleanly; the next start recovers", runner.config.name)
