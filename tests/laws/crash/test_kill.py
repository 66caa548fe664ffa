"""Law 3 without power cuts: the index is killed before any change of the disk, and goes on as if nothing had been.

Every point is tried from a copy of the disk (see `copies`). Some points are tried with a real kill of the process too:
there a second kill follows, or helper processes outlive the first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.laws.crash.crew import Crew, crew_of
from tests.laws.crash.history import STEPS
from tests.laws.crash.trial import Crash, Plan, Report, Series

FULL = os.environ.get("EGGWATCH_CRASH") == "full"
PARTS = 8
SPARE = 200
"""Points that a play may have more than another: how often the root pages are rendered depends on the time it takes."""
Count = Callable[[str, object], None]
"""`record_property`: numbers are summed up and printed at the end of a run."""


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """Helpers who play the history, and are killed."""
    with crew_of("plain") as crew:
        yield crew


@pytest.fixture(scope="module")
def copiers() -> Iterator[Crew]:
    """Helpers who keep copies of a disk."""
    with crew_of("disk") as crew:
        yield crew


def assert_green(reports: Iterable[Report]) -> None:
    """Every one of these trials ends well."""
    everyone = list(reports)
    red = [report for report in everyone if report.problems]
    assert not red, f"{len(red)} of {len(everyone)} trials:\n" + "\n".join(map(str, red[:5]))


def test_the_history_is_short_and_has_every_operation(crew: Crew) -> None:
    """At most a dozen steps; each operation of store/ and targets/ that changes the disk is among the kill points."""
    assert len(STEPS) <= 12
    operations = {point.split()[0] for point in crew.points}
    wanted = {"write", "rename", "link", "unlink", "mkdir", "append", "sync", "chmod", "tell"}
    assert wanted | {"sqlite-open", "sqlite-create", "sqlite-commit", "sqlite-finish"} <= operations
    assert len(crew.points) > 300


@pytest.mark.root
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_point(copiers: Crew, part: int, record_property: Count) -> None:
    """Killed before any change of the disk and started again, it comes to the same; readers see no broken view."""
    start, middle, end = (len(copiers.points) * number // (2 * PARTS) + 1 for number in range(2 * part, 2 * part + 3))
    is_last = part == PARTS - 1
    halves = range(start, middle), range(middle, end + SPARE if is_last else end)
    reports = copiers.recover(*(Series(points=tuple(half)) for half in halves))
    assert_green(reports)
    tried = [report for report in reports if report.point]
    assert [report.point for report in tried] == list(range(start, start + len(tried)))
    assert is_last or len(tried) == end - start
    record_property("kill points tried", len(tried))
    record_property("distinct trees recovered", sum(report.is_distinct for report in tried))


@pytest.mark.root
def test_killed_in_the_middle_of_a_write(copiers: Crew) -> None:
    """A file or a line that is only half written does no harm: neither in the ledger nor anywhere else."""
    writes = [number for number, point in enumerate(copiers.points, 1) if re.match("write|append", point)]
    lines = [number for number in writes if copiers.points[number - 1].startswith("append")]
    some = sorted({*lines, *writes[:: 1 if FULL else 6]})
    assert_green(copiers.recover(*(Series(points=tuple(half), torn=True) for half in (some[::2], some[1::2]))))


def test_killed_again_while_it_recovers(crew: Crew) -> None:
    """A second kill soon after the restart changes nothing."""
    points = range(1, len(crew.points) + 1, 1 if FULL else 17)
    crashes = [(Crash(point=point), Crash(point=point * 7 % 50 + 1)) for point in points]
    assert_green(crew.run(Plan(crashes=two, steps=1) for two in crashes))


def test_killed_with_workers(crew: Crew) -> None:
    """With inspectors and the renderer in processes of their own it is the same."""
    points = range(5, len(crew.points), 29 if FULL else 117)
    assert_green(crew.run(Plan(crashes=(Crash(point=point),), workers=True) for point in points))
