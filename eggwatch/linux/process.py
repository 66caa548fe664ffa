"""Starts another Python process of eggwatch, limits its memory and CPU time, and ends it."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])
_ALLOCATIONS = 10_000
_BEGIN = f"import gc, sys; gc.set_threshold({_ALLOCATIONS}, 10, 10); sys.path.insert(0, sys.argv.pop(1))\n"
PLAIN = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
MEMORY_LIMIT = 1 << 30
"""Bytes of address space of a process that reads foreign bytes."""
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


class Process:
    """A child process that runs code of eggwatch, and the socket to its standard input.

    It is spawned, never forked, and its only other descriptors are standard output and error, so it holds no lock if
    the parent is killed. When the parent ends for any reason, the socket is closed, and the child ends.
    """

    def __init__(
        self, code: str, *arguments: str, environment: Mapping[str, str] = PLAIN, folder: str | None = "/"
    ) -> None:
        """`code` finds the `arguments` in `sys.argv[1:]`. `folder` is its working directory; None: ours."""
        self.channel, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-I", "-c", _BEGIN + code, _ROOT, *arguments]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), env=environment, cwd=folder)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def receive(self) -> bytes:
        """The bytes received from it; empty if it has ended."""
        try:
            return self.channel.recv(1 << 20)
        except ConnectionError:
            return b""

    def status(self) -> int | None:
        """Its exit status, or the signal that ended it as a negative number; None while it is alive."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to end, without waiting."""
        self._process.terminate()

    def end(self, seconds: float = 0.0) -> int:
        """End it, with SIGKILL after so many seconds; returns its exit status."""
        self.channel.close()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def readable(channels: Iterable[socket.socket], seconds: float) -> set[socket.socket]:
    """Those from which something can be received, after at most so many seconds. select(2) names no descriptor above
    1023."""
    by_descriptor, poll = {channel.fileno(): channel for channel in channels}, select.poll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    return {by_descriptor[descriptor] for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)}


@contextmanager
def channel_to_parent(*, niceness: int) -> Iterator[socket.socket]:
    """Our end of the socket, in such a process; it does not outlive its parent from now on, and gives way to others."""
    die_with_parent()
    with suppress(OSError):
        os.nice(niceness)
    with suppress(ConnectionError), socket.socket(fileno=0) as channel:  # the parent has ended, maybe amid an answer
        yield channel


def die_with_parent() -> None:
    """End when the daemon ends, however it ends; take no new privileges, leave no core file."""
    from eggwatch.linux.libc import libc

    parent = os.getppid()
    prctl = libc().prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGIO, signal.SIG_DFL)


def collect_less_often() -> None:
    """Look for garbage after 10 000 new objects instead of 700, and not in what is loaded by now.

    A rendered README leaves so much of it that looking through all modules again and again took a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 10, 10)


def limit_memory() -> None:
    """Limit the memory of this process."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def allow_cpu(seconds: float) -> None:
    """Limit the CPU time that the process may still use; then SIGXCPU ends it."""
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
