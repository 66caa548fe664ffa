"""A limit on the CPU time of a block of code, which is interrupted when it has used it up."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SHORTEST_NAP = 0.001
AGAIN = 0.05
"""Seconds until the error is raised again, because one raised in a finalizer, or in a bare `except`, is lost."""

_ends: list[float] = []
"""When each active limit ends, in CPU time of this process; the outermost is first."""


class OutOfTimeError(BaseException):
    """The CPU time of a limit is used up. A BaseException, so that no `except Exception` on the way catches it."""

    def __init__(self, end: float) -> None:
        super().__init__(end)
        self.end = end


@contextmanager
def cpu_limit(seconds: float) -> Iterator[float]:
    """Raise `OutOfTimeError` in the block once it has used so much CPU time; works in the main thread, on POSIX.

    Limits can be nested. The block gets its `end`, to tell its own error from that of an outer limit.
    """
    end = time.process_time() + seconds
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield end
        return
    before = signal.signal(signal.SIGALRM, _look)
    try:
        _ends.append(end)
        _set_clock()
        yield end
    finally:
        if end in _ends:  # else an outer limit was over before this one began
            _ends.remove(end)
        _set_clock()
        signal.signal(signal.SIGALRM, before)


def _look(*_: object) -> None:
    """Check the CPU time when the real-time timer ends. (CPU timers only count whole ticks of the kernel, 4 ms.)"""
    _set_clock()
    now = time.process_time()
    for end in _ends:
        if end <= now:
            raise OutOfTimeError(end)


def _set_clock() -> None:
    left = min(_ends) - time.process_time() if _ends else None
    nap = 0.0 if left is None else AGAIN if left <= 0 else max(left, SHORTEST_NAP)
    signal.setitimer(signal.ITIMER_REAL, nap)
