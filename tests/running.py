"""The real daemon as a process, and how tests wait. Only Python's own library is used: booted machines have no more."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENT = 120.0
"""Seconds after which a test gives up: one or two are enough on a quiet machine, but tests run on busy ones."""


def until(
    what: str | Callable[[], str], condition: Callable[[], Any], *, seconds: float = PATIENT, pause: float | None = None
) -> Any:
    """Wait until `condition()` is true and answer with it; AssertionError names `what` if that takes too long.

    `pause` is the time between two looks; without it they become rarer, because each takes half a millisecond of CPU
    time: a twentieth of what was waited, from 5 to 50 ms.
    """
    begun = time.monotonic()
    while not (answer := condition()):
        waited = time.monotonic() - begun
        if waited >= seconds:
            raise AssertionError(f"waited {seconds:g} s in vain: {what if isinstance(what, str) else what()}")
        time.sleep(min(max(0.005, waited / 20), 0.05) if pause is None else pause)
    return answer


def until_files_get_later_times(path: Path) -> None:
    """Wait until what is changed now gets a later ctime than `path` has: file systems' clocks are coarser than ours."""
    probe = path.with_name(f".{path.name[:100]}.probe")
    before = path.stat().st_ctime_ns
    until("a tick of the file system's clock", lambda: probe.touch() or probe.stat().st_ctime_ns > before)
    probe.unlink()


def open_files(pid: int) -> list[str]:
    """What the descriptors of a process lead to; one that is closed meanwhile is left out."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


class Daemon:
    """`eggwatch run` as a process that may be started more than once, and what it has said.

    As a context manager it is started, and must end with 0, at the end of the block at the latest.
    """

    def __init__(self, command: Sequence[str | Path], **options: Any) -> None:
        self._command, self._options = [str(word) for word in command], options
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lines: list[str] = []
        self._lines_before = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, error: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if error is None:
            self.stop()
        else:
            with contextlib.suppress(Exception):
                self.kill()

    def launch(self) -> Self:
        """Begin; nobody waits for `ready`."""
        self._lines_before = len(self._lines)
        options = {"stdin": subprocess.DEVNULL, **self._options}
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True, **options)
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        return self

    def start(self) -> Self:
        """Begin, and wait until all that was there at start has been looked at."""
        self.launch()
        try:
            self.wait_for(r"^ready\b")
        except BaseException:
            with contextlib.suppress(Exception):
                self.kill()
            raise
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            self._lines.extend(lines)

    @property
    def log(self) -> str:
        """What it has written to standard error, in all its lives."""
        return "".join(list(self._lines))

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until what it has said since its start matches."""
        match: re.Match[str] = until(
            lambda: f"{pattern!r} in\n{self.log}", lambda: self._said(pattern) or self._ended(pattern)
        )
        return match

    def _said(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, "".join(self._lines[self._lines_before :]), re.MULTILINE)

    def _ended(self, pattern: str) -> re.Match[str] | None:
        """What matches of the last lines of one that has ended; None while it runs."""
        if self.is_running():
            return None
        assert self._reader is not None
        self._reader.join(PATIENT)
        match = self._said(pattern)
        assert match, f"ended before {pattern!r}:\n{self.log}"
        return match

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it in order: exit status 0. Does nothing if it was ended before."""
        self._end(number, 0)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL, -signal.SIGKILL)

    def _end(self, number: int, expected: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            code = process.wait(PATIENT)
        finally:
            process.kill()
            if self._reader is not None:
                self._reader.join(10)
        assert code == expected, f"exit {code}, not {expected}:\n{self.log}"
