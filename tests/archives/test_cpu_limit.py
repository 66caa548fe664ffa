"""CPU time that a block may use."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from eggwatch.archives.cpu_limit import OutOfTimeError, cpu_limit


def work(seconds: float) -> None:
    """Use so much CPU time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_block_that_takes_too_much_is_broken_off() -> None:
    """No `except Exception` holds the error up, and afterwards neither clock nor handler is left."""
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTimeError), cpu_limit(0.01):
        try:
            work(5.0)
        except Exception:
            pytest.fail("held up")
    assert (signal.getitimer(signal.ITIMER_REAL), signal.getsignal(signal.SIGALRM)) == ((0.0, 0.0), handler)
    work(0.05)


def test_an_error_that_is_swallowed_comes_again() -> None:
    """A finalizer, or a bare `except`, loses one; not the next."""
    swallowed = 0
    with pytest.raises(OutOfTimeError), cpu_limit(0.01):
        while swallowed < 3:
            try:
                work(5.0)
            except BaseException:
                swallowed += 1
                if swallowed == 2:
                    raise


def test_waiting_costs_nothing() -> None:
    """The clock rings on the way, and nothing is raised."""
    with cpu_limit(0.05):
        time.sleep(0.1)  # the subject


@pytest.mark.parametrize(("outer", "inner"), [(0.01, 5.0), (5.0, 0.01)])
def test_a_block_within_another_keeps_to_both_limits(outer: float, inner: float) -> None:
    """Whoever catches the error can tell whose it is; the outer limit goes on after the inner block."""
    with pytest.raises(OutOfTimeError) as raised, cpu_limit(outer) as outer_end, cpu_limit(inner) as inner_end:
        work(5.0)
    assert raised.value.end == min(outer_end, inner_end)
    with pytest.raises(OutOfTimeError), cpu_limit(0.05):
        with cpu_limit(5.0):
            work(0.001)
        work(5.0)
    work(0.05)


def test_another_thread_has_no_limit() -> None:
    """Signals are for the main one."""
    done = []

    def run() -> None:
        with cpu_limit(0.001):
            work(0.02)
            done.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done
