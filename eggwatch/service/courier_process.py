"""Runs the courier as a child of the daemon if it has no unit of its own: starts it, restarts it, and stops it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence

from eggwatch.errors import in_words
from eggwatch.linux.process import Process

log = logging.getLogger("eggwatch")

CODE = "from eggwatch.cli import main; main()"
STOP_SECONDS = 6.0
PAUSE = 30.0
"""Seconds before a courier that has exited is restarted."""
UNUSABLE = 2
"""Its exit status for an invalid configuration: it is not started again before a reload."""


class CourierProcess:
    """Keeps one courier running for all indexes that have subscriptions."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """`arguments` are those of `eggwatch`, up to `notify` and its own."""
        self._arguments = list(arguments)
        self._process: Process | None = None
        self._not_before = 0.0
        self.fault: str | None = None
        """Why no courier runs; None if one does."""

    def check(self, *, wanted: bool) -> None:
        """Start it if it is needed and not running, and stop it if it is not needed."""
        if not wanted:
            self.stop()
            return
        if self._process is not None and (status := self._process.status()) is not None:
            self._process.end()
            self._process = None
            self._not_before = time.monotonic() + (float("inf") if status == UNUSABLE else PAUSE)
            how = f"ended with status {status}" if status >= 0 else f"was ended by signal {-status}"
            again = "not started again before a reload" if status == UNUSABLE else f"restarting in {PAUSE:g} s"
            self._tell(f"{how}; it is {again}; see the log")
        if self._process is None and time.monotonic() >= self._not_before:
            self._start()

    def _start(self) -> None:
        environment = {**os.environ, "NOTIFY_SOCKET": "", "WATCHDOG_USEC": ""}
        try:
            self._process = Process(CODE, *self._arguments, environment=environment, folder=None)
        except OSError as error:  # no process or descriptor is left: the indexes continue
            self._not_before = time.monotonic() + PAUSE
            self._tell(f"can't be started ({in_words(error)}); retrying in {PAUSE:g} s")
        else:
            self.fault = None

    def _tell(self, what: str) -> None:
        self.fault = f"the process that delivers mails and webhooks {what}"
        log.error("announce %s", self.fault)

    def reload(self) -> None:
        """Restart it with the current configuration."""
        self.stop()
        self._not_before = 0.0

    def begin_to_stop(self) -> None:
        """Ask it to exit after its running deliveries, without waiting."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """Stop it after its running deliveries."""
        self.begin_to_stop()
        process, self._process = self._process, None
        if process is not None:
            process.end(STOP_SECONDS)
