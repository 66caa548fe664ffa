"""The daemon: one loop over all indexes, woken by a bell, by inspectors, or by the clock."""

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
        newsroom: CourierProcess | None = None,
    ) -> None:
        """`reload()` reads the configuration again; `when_ready()` is called once, after the first look.

        `when_reloaded(config)` is told of each configuration that replaced the one before.
        `newsroom` carries news outside; None where somebody else does.
        """
        self._metrics = metrics or Metrics(config)
        self._bell = Bell()
        self._mounts = Mounts()
        self._supervisor = Supervisor()
        self._stations = self._stations_of(config)
        self._reload, self._when_ready, self._when_reloaded = reload, when_ready, when_reloaded
        self._newsroom = newsroom
        self._stopping = self._reloading = self._was_ready = False

    def _stations_of(self, config: Config) -> list[IndexRunner]:
        several = len(config.indexes) > 1
        return [
            IndexRunner(index, self._bell, self._supervisor.progress, label=index.name if several else None)
            for index in config.indexes.values()
        ]

    def run(self) -> None:
        """Work until told to stop. EggwatchError where the operator has to act before anything can begin."""
        signal.set_wakeup_fd(self._bell.writable, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)
        try:
            for station in self._stations:
                self._supervisor.progress()
                self._open(station)
            while not self._stopping:
                self._beat()
        finally:
            self._close()

    def _open(self, station: IndexRunner) -> None:
        try:
            station.open()
        except sqlite3.DatabaseError as error:
            station.doubt_catalog(error)
        except (OSError, LedgerError, FolderError) as error:
            if len(self._stations) == 1 and not may_pass(error):
                raise
            station.fail(in_words(error))  # the other indexes do not suffer from it

    def _beat(self) -> None:
        reloads, self._reloading = self._reloading, False
        if reloads:
            self._reload_configuration()
        for station in self._stations:
            self._supervisor.progress()
            station.beat()
        self._check_news()
        self._metrics.tell(station.sample() for station in self._stations)
        for station in self._stations:
            station.heed("metrics", self._metrics.fault_of(station.config.name))
        self._supervisor.status(", ".join(station.in_short() for station in self._stations))
        if not self._was_ready and self._is_ready():
            self._was_ready = True
            self._when_ready()
            self._supervisor.ready()
        elif reloads and self._was_ready:
            self._supervisor.ready()
        if not self._stopping:
            self._sleep()

    def _check_news(self) -> None:
        """Somebody carries the news, as soon as there are indexes whose news can be read."""
        if self._newsroom is None:
            return
        told = [station for station in self._stations if station.config.subscriptions]
        self._newsroom.check(wanted=any(station.index is not None for station in told))
        for station in told:
            station.heed("news", self._newsroom.fault)

    def _is_ready(self) -> bool:
        """All indexes have had their first look, but those that can't be opened."""
        ready = [station.ready for station in self._stations if station.index is not None]
        return bool(ready) and all(ready)

    def _sleep(self) -> None:
        due = min(station.next_due() for station in self._stations)
        longest = min(LONGEST_SLEEP, self._supervisor.longest_silence or LONGEST_SLEEP)
        timeout = max(0.0, min(due - time.monotonic(), longest))
        poll = select.poll()  # epoll would call the list of mounts readable all the time
        poll.register(self._bell.readable, select.POLLIN)
        if self._mounts.descriptor is not None:
            poll.register(self._mounts.descriptor, select.POLLPRI)
        for station in self._stations:
            for channel in station.channels():
                poll.register(channel, select.POLLIN)
        rung = {descriptor for descriptor, _ in poll.poll(timeout * 1000)}
        if self._mounts.descriptor in rung:
            for station in self._stations:
                station.watcher.mounts_changed()
        self._bell.silence()

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stopping = True

    def _hang_up(self, _: int, __: FrameType | None) -> None:
        self._reloading = True

    def _reload_configuration(self) -> None:
        """Take a changed configuration, unless it is wrong or moves a folder of a running index."""
        if self._was_ready:
            self._supervisor.reloading()
        try:
            config = self._reload()
            self._check_folders(config)
            stations = self._stations_of(config)
            self._metrics.configure(config)
        except EggwatchError as error:
            log.error("reload failed, the old configuration stays in use: %s", error)
            return
        for station in self._stations:
            station.close()
        self._stations = stations
        self._when_reloaded(config)
        if self._newsroom is not None:
            self._newsroom.reload()
        log.info("reload: the configuration was read again")

    def _check_folders(self, config: Config) -> None:
        for station in self._stations:
            new, old = config.indexes.get(station.config.name), station.config
            if new is not None and (new.drop, new.public, new.state) != (old.drop, old.public, old.state):
                raise FolderError(
                    f"[index.{old.name}] moves a folder of a running index.",
                    remedy="Stop the daemon, move the folder, and start it again.",
                )

    def _close(self) -> None:
        signal.set_wakeup_fd(-1)
        self._supervisor.stopping()
        if self._newsroom is not None:
            self._newsroom.begin_to_stop()  # beside us: both may have something under way that takes seconds
        for station in self._stations:
            try:
                station.close()
            except Exception:
                log.exception("[%s] could not stop cleanly; the next start recovers", station.config.name)
        if self._newsroom is not None:
            self._newsroom.stop()
        self._metrics.end()
        self._bell.close()
        self._mounts.close()
