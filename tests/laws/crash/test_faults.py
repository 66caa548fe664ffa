"""The proof can fail: each planted fault of order or durability turns a trial red that is green without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from tests.laws.crash.crew import Crew, crew_of
from tests.laws.crash.faults import FAULTS, Fault
from tests.laws.crash.places import KEPT, LOST, SAVED
from tests.laws.crash.test_kill import Count, assert_green
from tests.laws.crash.trial import FATES, Crash, Plan, Report, Series

MOST = 40
"""Trials after which a fault counts as not found."""
BATCH = 4
FOUND = "planted faults that turned the proof red"
LETTERS = {"l": LOST, "k": KEPT, "s": SAVED}
KILLED = sorted(name for name, fault in FAULTS.items() if fault.fates is None)
CUT = sorted(name for name, fault in FAULTS.items() if fault.fates is not None)


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """Helpers for faults that a kill brings to light."""
    with crew_of("disk") as crew:
        yield crew


@pytest.fixture(scope="module")
def powered() -> Iterator[Crew]:
    """Helpers for faults that only a power cut brings to light."""
    with crew_of("disks") as crew:
        yield crew


def fates_of(fault: Fault) -> int | None:
    """The index in FATES of the fates that bring a fault to light."""
    if fault.fates is None:
        return None
    wanted = dict(zip(("drop", "public", "state"), map(LETTERS.__getitem__, fault.fates), strict=True))
    return FATES.index(wanted)


def crashes_near(fault: Fault, points: list[str]) -> Iterator[tuple[Crash, ...]]:
    """Real crashes right before and right after the operations around which a fault shows."""
    fates = fates_of(fault)
    numbers = [number for number, point in enumerate(points, 1) if re.search(fault.near, point)]
    step = max(1, len(numbers) * 2 // MOST)
    for number in numbers[::step]:
        if fault.twice:
            yield from ((Crash(point=number), Crash(point=second, fates=fates)) for second in range(4, 40, 9))
        else:
            yield (Crash(point=number, fates=fates),)
            yield (Crash(point=number + 1, fates=fates),)


def is_red(report: Report) -> bool:
    """Whether something is wrong with the index; a fault that is no working code does not count."""
    assert not any("faults.py" in problem for problem in report.problems), f"the fault itself fails: {report}"
    return bool(report.problems)


def assert_found_by_crashes(crew: Crew, name: str) -> None:
    """A fault is found by real crashes, and the same trials are green without it."""
    crashes = list(islice(crashes_near(FAULTS[name], crew.points), MOST))
    for some in (crashes[start : start + BATCH] for start in range(0, len(crashes), BATCH)):
        if any(is_red(report) for report in crew.run(Plan(crashes=each, fault=name) for each in some)):
            assert_green(crew.run(Plan(crashes=each) for each in [*some, *crashes[:4]]))
            return
    raise AssertionError(f"{name} went unnoticed")


def assert_found_by_copies(crew: Crew, name: str) -> None:
    """A fault is found in the history or in the recovery of a copy, and the same copies are green without it."""
    fault = FAULTS[name]
    hunt = Series(fault=name, near=fault.near, fates=fates_of(fault), most=MOST)
    for some in (hunt, replace(hunt, to_the_end=1)):
        reports = crew.recover(some)
        if is_red(reports[-1]):
            points = tuple(report.point for report in (*reports[1:5], reports[-1]))
            assert_green(crew.recover(replace(some, fault=None, near=None, points=points, most=None)))
            return
    raise AssertionError(f"{name} went unnoticed")


def assert_found(crew: Crew, name: str) -> None:
    """A fault is found, one way or the other."""
    if FAULTS[name].twice or FAULTS[name].outlives:
        assert_found_by_crashes(crew, name)
    else:
        assert_found_by_copies(crew, name)


def test_there_are_many_faults() -> None:
    """At least a dozen."""
    assert len(FAULTS) >= 12


@pytest.mark.root
@pytest.mark.parametrize("name", KILLED)
def test_a_kill_brings_the_fault_to_light(crew: Crew, name: str, record_property: Count) -> None:
    """Killed around the fault, the index does not come to the same any more."""
    assert_found(crew, name)
    record_property(FOUND, 1)


@pytest.mark.root
@pytest.mark.parametrize("name", CUT)
def test_a_power_cut_brings_the_fault_to_light(powered: Crew, name: str, record_property: Count) -> None:
    """With the power cut around the fault, something that was told is gone."""
    assert_found(powered, name)
    record_property(FOUND, 1)
