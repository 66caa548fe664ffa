"""Law 3 with power cuts: what was not synced may be lost, half there, or there, on each of three file systems."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product

import pytest

from tests.laws.crash.crew import Crew, crew_of
from tests.laws.crash.test_kill import Count, assert_green
from tests.laws.crash.trial import FATES, Crash, Plan, Series

pytestmark = pytest.mark.root

FULL = os.environ.get("EGGWATCH_CRASH") == "full"
PARTS = 4
EVERY = 1 if FULL else 5


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """Helpers, each with three file systems that can lose their power."""
    with crew_of("disks") as crew:
        yield crew


def fates_of(point: int, salt: int = 0) -> int:
    """What becomes of unsynced changes: another combination at each point, the same in each run."""
    return (point * 10 + point // len(FATES) + salt * 7) % len(FATES)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_power_fails_at_any_point(crew: Crew, part: int, record_property: Count) -> None:
    """With the power cut before any change of the disk, what was told stays, and no durable upload is lost."""
    by_fates: dict[int, set[int]] = {}
    for point, salt in product(range(1, len(crew.points) + 1, EVERY), range(3 if FULL else 1)):
        by_fates.setdefault(fates_of(point, salt), set()).add(point)
    some = [Series(points=tuple(points), fates=fates) for fates, points in by_fates.items() if fates % PARTS == part]
    reports = crew.recover(*some)
    assert_green(reports)
    record_property("power cuts tried", sum(report.point > 0 for report in reports))


@pytest.mark.parametrize("first", ["kill", "power cut"])
def test_the_power_fails_while_it_recovers(crew: Crew, first: str) -> None:
    """A power cut soon after a kill, or after another power cut, is no worse."""
    plans = []
    for point in range(1, len(crew.points) + 1, 5 if FULL else 23):
        soon = Crash(point=point * 7 % 50 + 1, fates=fates_of(point, 1))
        before = Crash(point=point) if first == "kill" else Crash(point=point + 11, fates=fates_of(point))
        plans.append(Plan(crashes=(before, soon), steps=1))
    assert_green(crew.run(plans))


def test_the_power_fails_in_the_middle_of_a_line(crew: Crew) -> None:
    """A torn line of the ledger that reached the disk was never told, and is cut."""
    lines = [number for number, point in enumerate(crew.points, 1) if point.startswith("append")]
    saved = [number for number, fates in enumerate(FATES) if fates["state"] == 0]
    by_fates = {fates: tuple(lines[number :: len(saved)]) for number, fates in enumerate(saved)}
    series = (Series(points=points, fates=fates, torn=True) for fates, points in by_fates.items() if points)
    assert_green(crew.recover(*series))
