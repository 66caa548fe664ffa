"""Which inspection begins next, with how much CPU time: bombs wait for each other, and honest uploads for none.

An inspection can't be paused, only be given up and begun again with more time. The first try of an archive has as much
as an honest one of its size needs, and workers that do nothing but first tries; who needs more goes on elsewhere. Bombs
are small and dear, so of those that wait the one goes first that has cost the least for its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from eggwatch.worker import Job, Worker

_MIB = 1024 * 1024

SMALL = 2 * _MIB
"""Archives from this size on are first tried apart from smaller ones."""

BIG = 32 * _MIB
"""Archives from this size on may take whole seconds, and hold up nobody else."""

FIRST_CPU = 0.01
"""CPU time of a first try: enough for two MiB of contents, and a hundredth of a bomb."""

CPU_A_MIB = 0.03
"""CPU time of a first try for each MiB of archive, twice what an honest one needs."""

README_CPU = 0.04
"""CPU time for a README."""

MORE = 8
"""So many times as long as the last try is the next one."""

AGAIN_CPU = 4.0
"""The longest try that is not the last; the last one is ended by the clock."""

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
"""How far each lane stands back for the others where cores are few."""


@dataclass(slots=True, kw_only=True, eq=False)
class Turn:
    """A job that waits or is in hand: how often it was tried, what CPU time that has cost, how a worker died of it."""

    job: Job
    tries: int = 0
    used: float = 0.0
    died: str | None = None

    @property
    def lane(self) -> Lane:
        """Where it waits."""
        if self.died is not None or (self.tries and self._cpu > AGAIN_CPU):
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
        """What it has cost so far for its size."""
        return self.used / (self.job.size + _WEIGHTLESS)

    @property
    def _cpu(self) -> float:
        first = FIRST_CPU + CPU_A_MIB * self.job.size / _MIB + (README_CPU if self.job.readme else 0.0)
        return first * float(MORE**self.tries)

    def give_up(self) -> None:
        """Note that the try was too short."""
        self.used += self._cpu
        self.tries += 1


@dataclass(slots=True)
class Queue:
    """One lane: its workers, of which there may be `size`, and the turns that wait for them."""

    lane: Lane
    size: int
    workers: list[Worker] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def next(self, blame: Mapping[str, int]) -> Turn:
        """Take out whose turn it is: the cheapest so far, of uploaders with the fewest stubborn files, the smallest."""
        turn = min(self.turns, key=lambda turn: (turn.price, blame.get(turn.job.owner, 0), turn.job.size))
        self.turns.remove(turn)
        return turn
