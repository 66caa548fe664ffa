"""A command in a process of its own that is killed before one of its changes of the disk."""

from __future__ import annotations

import os
from collections.abc import Callable

from eggwatch.linux import syncing
from eggwatch.store import durable


class Killer:
    """Ends the process before the nth change of the disk, as SIGKILL would."""

    def __init__(self, moment: int) -> None:
        self._left = moment

    def __call__(self, operation: str, subject: str) -> None:
        """One more change."""
        self._left -= 1
        if self._left < 0:
            os._exit(9)


def killed(work: Callable[[], object], moment: int) -> bool:
    """Work in a child that is killed at a moment, counted from 0; False when it came to its end before."""
    child = os.fork()
    if child == 0:
        try:
            syncing._threads.cache_clear()  # its threads did not come along
            with durable.observed(Killer(moment)):
                work()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9
