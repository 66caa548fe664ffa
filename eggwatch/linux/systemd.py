"""Notifies systemd by sd_notify(3): ready, reloading, stopping, and that the loop still works; takes its sockets.

Without $NOTIFY_SOCKET nothing is sent. No thread sends "alive": if the loop hangs, the watchdog has to notice it.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from eggwatch.model.names import shown

log = logging.getLogger("eggwatch")

EXTENSION = 120.0
"""By how many seconds a start or stop that makes progress extends its time limit."""
EXTEND_EVERY = 10.0
STATUS_EVERY = 1.0
LONGEST_STATUS = 300

Send = Callable[[str], object]


class Supervisor:
    """The service manager that started the daemon, if there is one."""

    def __init__(self) -> None:
        self._send = _sender()
        self._watchdog = _watchdog_seconds() if self._send is not None else None
        self._running = False
        self._said, self._say_at = "", 0.0
        self._ping_at = self._extend_at = 0.0

    @property
    def longest_silence(self) -> float | None:
        """Seconds after which `progress` should be called at the latest; None without a watchdog."""
        return None if self._watchdog is None else self._watchdog / 3

    def progress(self) -> None:
        """Report that work was done. Most calls send nothing."""
        if self._send is None:
            return
        now, lines = time.monotonic(), []
        if self._watchdog is not None and now >= self._ping_at:
            lines.append("WATCHDOG=1")
            self._ping_at = now + self._watchdog / 3
        if not self._running and now >= self._extend_at:
            lines.append(f"EXTEND_TIMEOUT_USEC={EXTENSION * 1e6:.0f}")
            self._extend_at = now + EXTEND_EVERY
        if lines:
            self._tell(*lines)

    def status(self, text: str) -> None:
        """What `systemctl status` shows, in one line; sent when it has changed, at most once a second."""
        now, text = time.monotonic(), shown(" ".join(text.split())[:LONGEST_STATUS])
        if text != self._said and now >= self._say_at:
            self._said, self._say_at = text, now + STATUS_EVERY
            self._tell(f"STATUS={text}")

    def ready(self) -> None:
        """Report that the first round, or a reload, is finished."""
        self._running = True
        self._tell("READY=1")

    def reloading(self) -> None:
        """Report that a reload has started; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the daemon is stopping."""
        self._running = False
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        """Send a message; an error is logged, and is no reason to stop."""
        if self._send is not None:
            try:
                self._send("\n".join(lines))
            except OSError as error:
                log.debug("systemd could not be notified of %s: %s", lines, error)


def _sender() -> Send | None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return None
    try:
        from systemd.daemon import notify
    except ImportError:  # python3-systemd is optional, as it has to be compiled
        return lambda message: _send(address, message)
    send: Send = notify
    return send


def _send(address: str, message: str) -> None:
    """Send one datagram as sd_notify(3) does; `@` marks an abstract address."""
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(message.encode(), target)


def _watchdog_seconds() -> float | None:
    """The interval of the watchdog (sd_watchdog_enabled(3)); None without one, or if it is for another process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    wanted = os.environ.get("WATCHDOG_USEC", "")
    return int(wanted) / 1e6 if wanted.isdecimal() and int(wanted) > 0 else None


FIRST_PASSED = 3


def passed_sockets() -> list[socket.socket]:
    """The listening sockets of the .socket unit that started this process (sd_listen_fds(3)), to be taken once."""
    count, pid = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    passed = [socket.socket(fileno=fd) for fd in range(FIRST_PASSED, FIRST_PASSED + int(count))]
    for one in passed:
        one.set_inheritable(False)
    return passed


_found_writable: set[Path] = set()
"""Folders that this process was able to write to, so the unit must allow it."""


def line_lacking(folder: Path) -> str | None:
    """Why this service can only read a folder, in words; None if it can write to it.

    A folder that was replaced or mounted over after the start is read-only: systemd makes paths writable only when it
    starts the service.
    """
    if "INVOCATION_ID" not in os.environ:
        return None
    # The folder, or the one that it would be made in; one of a network file system whose server is gone is not there.
    there = next((path for path in (folder, *folder.parents) if os.path.exists(path)), Path("/"))
    if not os.statvfs(there).f_flag & os.ST_RDONLY:
        _found_writable.add(folder)
        return None
    if folder in _found_writable:
        return f"{folder} was replaced or mounted over since this service began: run 'systemctl restart {_unit()}'"
    place = str(folder).replace("%", "%%")
    line = f'ReadWritePaths="{place}"' if " " in place else f"ReadWritePaths={place}"
    by_hand = f"add {line} to [Service] by 'systemctl edit {_unit()}', and restart it"
    return f"{folder} is read-only for this service: run 'sudo eggwatch setup', or {by_hand}"


def _unit() -> str:
    """The service that this process belongs to."""
    names = [line.rpartition("/")[2] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return next((name for name in names if name.endswith(".service")), "eggwatch.service")
