"""Plays the history under strace: before each kill point it makes a system call that says its name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from eggwatch.store import durable
from tests.laws.crash.history import STEPS, Player
from tests.laws.crash.places import Place

MARK = "/kill-point/"
PEOPLE, NOTHING = "people", "nothing"


def mark(operation: str, subject: str) -> None:
    """A system call that changes nothing and can be found in the trace."""
    os.access(f"{MARK}{operation}/{Path(subject).name}", os.F_OK)


class TracedPlayer(Player):
    """Marks what people do, so that it is not taken for the index's doing."""

    def once(self, what: str, action: Callable[[], None]) -> None:
        """Something that people do."""

        def marked() -> None:
            mark(PEOPLE, what)
            action()
            mark(NOTHING, what)

        super().once(what, marked)


def main(base: str, workers: str) -> None:
    """Play the whole history in a new place."""
    place = Place(Path(base))
    mark(PEOPLE, "a drop folder")
    place.clear()
    mark(NOTHING, "")
    if workers == "careless":
        durable.unlink = lambda path: path.unlink(missing_ok=True) is None
    player = TracedPlayer(place, workers=workers == "workers")
    with durable.observed(mark):
        player.play(len(STEPS))


if __name__ == "__main__":
    main(*sys.argv[1:])
