"""Which inspection begins next, with how much CPU time: bombs wait for each other, and honest uploads for none.

An inspection can't be paused, only be given up and begun again with more time. The first try of an archive has as much
as an honest one of its size needs, or less where it says of itself that it is soon done, and workers that do nothing
but first tries; who needs more goes on elsewhere, at once where it says so. Bombs are small and dear, so of those that
wait the one goes first that has cost, or says that it will cost, the least for its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from eggwatch.inspection.worker import Job, Worker

_MIB = 1024 * 1024

SMALL = 2 * _MIB
"""Archives from this size on are first tried apart from smaller ones."""

BIG = 32 * _MIB
"""Archives from this size on may take whole seconds, and hold up nobody else."""

FIRST_CPU = 0.01
"""The most CPU time of a first try: enough for two MiB of contents, and a hundredth of a bomb."""

CPU_A_MIB = 0.03
"""The same for each MiB of archive, twice what an honest one needs."""

README_CPU = 0.04
"""CPU time for a README."""

MORE = 8
"""So many times as long as the last try is the next one."""

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
"""How far each lane stands back for the others where cores are few."""


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


@dataclass(slots=True)
class LaneQueue:
    """One lane: its workers, of which there may be `size`, and the turns that wait for them."""

    lane: Lane
    size: int
    workers: list[Worker] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    _taken: int = 0

    def next(self, blame: Mapping[str, int]) -> Turn:
        """Take out whose turn it is: the cheapest so far, of uploaders with the fewest stubborn files, the smallest.

        Every third time it is the largest: a hundred bombs that are smaller than it should not be in its way.
        """
        self._taken += 1
        sign = -1 if self._taken % 3 == 0 else 1
        turn = min(self.turns, key=lambda turn: (turn.price, blame.get(turn.job.owner, 0), sign * turn.job.size))
        self.turns.remove(turn)
        return turn
