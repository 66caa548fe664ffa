"""Has an order carried out by the process that holds the lock, or by this process if none does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import LockHeldError, TimeoutReachedError
from eggwatch.store.ballast import Ballast
from eggwatch.store.state.lock import Lock
from eggwatch.store.state.orders import Given, OrderBox
from eggwatch.writer.folders import make_folders, permissions_of
from eggwatch.writer.index import Index, opened_index
from eggwatch.writer.orders import drain
from eggwatch.writer.status import StatusFile, tell_last

PAUSE = 0.02


def ask(config: IndexConfig, order: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """Have an order carried out; raises TimeoutReachedError, and withdraws the order, if that takes too long.

    Waiting processes try to take the lock: the one that gets it carries out all waiting orders.
    """
    permissions = permissions_of(config)
    Ballast(config.state, config.public).throw_off()
    make_folders(config, permissions)
    deadline = time.monotonic() + seconds
    with OrderBox(config.state, permissions).giving(order) as given:
        while True:
            do_what_is_asked(config)
            if (answer := given.answer()) is not None:
                return answer
            if time.monotonic() >= deadline:
                return _given_up(given, seconds)
            time.sleep(PAUSE)


def do_what_is_asked(config: IndexConfig) -> None:
    """Carry out all waiting orders, unless another process has the lock."""
    if Lock(config.state / "lock").is_held():
        return
    try:
        with told_index(config) as index:
            index.pipeline.finish()
    except LockHeldError:
        return
    Ballast(config.state, config.public, permissions_of(config)).take_in()


def _given_up(given: Given, seconds: float) -> dict[str, Any]:
    withdrawn = given.withdraw()
    if (answer := given.answer()) is not None:
        return answer
    what = "withdrawn, and will not be carried out" if withdrawn else "started, and may still be carried out"
    raise TimeoutReachedError(
        f"The daemon has not answered within {seconds:g} s.",
        remedy=f"'eggwatch status' shows what it is doing. The order was {what}.",
    )


@contextmanager
def told_index(config: IndexConfig) -> Iterator[Index]:
    """An index for one command (`opened_index`): waiting orders (STATE/orders/) are carried out first.

    Afterwards both status files are written.
    """
    with opened_index(config) as index:
        drain(index.pipeline, index.orders)
        yield index
        tell_last(index.pipeline, StatusFile(config.state, config.public, permissions_of(config)))
