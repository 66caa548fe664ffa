"""Which inspection begins next, with how much CPU time: bombs wait for each other, and honest uploads for none.

An inspection can't be paused, only be given up and begun again with more time. The first try of an archive has as much
as an honest one of its size needs, or less where it says of itself that it is soon done, and workers that do nothing
but first tries; who needs more goes on elsewhere, at once where it says so. Bombs are small and dear, so of those that
wait the one goes first that has cost, or says that it will cost, the least for its size.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from eggwatch.inspection.worker import Job, Worker

_MIB = 1024 * 1024

SMALL = 2 * _MIB
"""Archives from this size on are first tried apart from smaller ones."""

BIG = 32 * _MIB
"""Archives from this size on may take seconds, and must not delay others."""

FIRST_CPU = 0.01
"""The most CPU time of a first try: enough for two MiB of contents, and a hundredth of a bomb."""

CPU_A_MIB = 0.03
"""The same for each MiB of archive, twice what an honest one needs."""

README_CPU = 0.04
"""CPU time for a README."""

MORE = 8
"""So many times as long as the last try is the next one."""

TOO_MUCH = 2.0
"""An archive is not begun that says that it needs so many times what it may have: less may be said too carefully."""

AGAIN_CPU = 4.0
"""The longest try that is not the last; the last one is ended by the clock."""

LAST_TRY = 8
"""The number of a try that is the last one for any archive."""

_WEIGHTLESS = _MIB // 16
"""What the smallest archives are taken to weigh: to upload so much costs nothing."""


def slow_seconds(size: int) -> float:
    """The time that the last try gives an archive of `size` bytes: a minute, and one more for each 32 MiB."""
    return 60.0 * (1 + size / BIG)


class Lane(StrEnum):
    """Which workers a job waits for: first tries of small, middling and big archives, more tries, and the last try."""

    FAST = "fast"
    MIDDLE = "middle"
    BIG = "big"
    AGAIN = "again"
    SLOW = "slow"


NICE: Mapping[Lane, int] = {Lane.FAST: 5, Lane.MIDDLE: 7, Lane.BIG: 10, Lane.AGAIN: 12, Lane.SLOW: 15}
"""The nice value of each lane, which matters if there are few cores."""


@dataclass(slots=True, kw_only=True, eq=False)
class Turn:
    """A job that waits or is in hand: how often it was tried, and how a worker died of it.

    `used` is the CPU time of those tries at most, `needs` what the archive says it will take, in seconds.
    """

    job: Job
    tries: int = 0
    used: float = 0.0
    needs: float = 0.0
    died: str | None = None

    @property
    def lane(self) -> Lane:
        """Where it waits."""
        if self.died is not None or self.tries >= LAST_TRY or (self.tries and self._cpu > AGAIN_CPU):
            return Lane.SLOW
        if self.tries:
            return Lane.AGAIN
        return Lane.FAST if self.job.size < SMALL else Lane.MIDDLE if self.job.size < BIG else Lane.BIG

    @property
    def quick(self) -> float | None:
        """The CPU time after which the next try is given up; None for the last one."""
        return None if self.lane is Lane.SLOW else self._cpu

    @property
    def seconds(self) -> float:
        """The time by the clock after which the next try is ended, with its worker."""
        last = slow_seconds(self.job.size)
        return last if self.quick is None else min(last, 2.0 + 20 * self.quick)

    @property
    def price(self) -> float:
        """What it has cost so far for its size, or will cost by what it says."""
        return max(self.used, self.needs) / (self.job.size + _WEIGHTLESS)

    @property
    def _cpu(self) -> float:
        first = FIRST_CPU + CPU_A_MIB * self.job.size / _MIB + (README_CPU if self.job.readme else 0.0)
        return max(first * float(MORE**self.tries), 2 * self.needs)

    def give_up(self, needs: float = 0.0) -> None:
        """Note that the try was too short, and the seconds of CPU time that the archive says it needs."""
        self.used += self._cpu
        self.tries += 1
        self.needs = needs or self.needs


class Turns:
    """Turns that wait, of each uploader by price and size: whose it is next is known without looking at all of them."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[float, int, int, Turn]]] = {}
        """By uploader: price, size and number of arrival of each, sorted."""
        self._arrivals = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, turn: Turn) -> None:
        """Add an item, whose price is fixed until it is taken out."""
        self._arrivals += 1
        self._count += 1
        insort(self._of.setdefault(turn.job.owner, []), (turn.price, turn.job.size, self._arrivals, turn))

    def take(self, blame: Mapping[str, int], *, largest: bool) -> Turn:
        """Take out the cheapest, of uploaders with the least blame, and of those the smallest, or the largest."""
        sign = -1 if largest else 1

        def key(owner: str) -> tuple[float, int, int, int]:
            price, size, arrival, _ = self._of[owner][self._place(owner, largest=largest)]
            return price, blame.get(owner, 0), sign * size, arrival

        owner = min(self._of, key=key)
        *_, turn = self._of[owner].pop(self._place(owner, largest=largest))
        self._count -= 1
        if not self._of[owner]:
            del self._of[owner]
        return turn

    def _place(self, owner: str, *, largest: bool) -> int:
        """The index of the smallest or largest item with the lowest price; of equal ones the first."""
        turns = self._of[owner]
        if not largest:
            return 0
        last = bisect_right(turns, (turns[0][0], sys.maxsize)) - 1
        return bisect_left(turns, turns[last][:2])

    def clear(self) -> None:
        """Discard everything that is waiting."""
        self._of.clear()
        self._count = 0


@dataclass(slots=True)
class LaneQueue:
    """One lane: its workers, of which there may be `size`, and the turns that wait for them."""

    lane: Lane
    size: int
    workers: list[Worker] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns)
    _taken: int = 0

    def next(self, blame: Mapping[str, int]) -> Turn:
        """Take out whose turn it is: the cheapest so far, of uploaders with the fewest stubborn files, the smallest.

        Every third time it is the largest: a hundred bombs that are smaller than it should not be in its way.
        """
        self._taken += 1
        return self.turns.take(blame, largest=self._taken % 3 == 0)
