"""Law 3 without power cuts: the index is killed before any change of the disk, and goes on as if nothing had been."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.laws.crash.crew import Crew, crew_of
from tests.laws.crash.history import STEPS
from tests.laws.crash.trial import Crash, Plan

FULL = os.environ.get("EGGWATCH_CRASH") == "full"
PARTS = 4


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """Helpers who play the history."""
    with crew_of("plain") as crew:
        yield crew


def assert_green(crew: Crew, plans: list[Plan]) -> None:
    """Every one of these trials ends well."""
    red = [report for report in crew.run(plans) if report.problems]
    assert not red, f"{len(red)} of {len(plans)} trials:\n" + "\n".join(map(str, red[:5]))


def test_the_history_is_short_and_has_every_operation(crew: Crew) -> None:
    """At most a dozen steps; each operation of store/ and targets/ that changes the disk is among the kill points."""
    assert len(STEPS) <= 12
    operations = {point.split()[0] for point in crew.points}
    wanted = {"write", "rename", "link", "unlink", "mkdir", "append", "sync", "chmod", "tell"}
    assert wanted | {"sqlite-open", "sqlite-create", "sqlite-commit", "sqlite-finish"} <= operations
    assert len(crew.points) > 300


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_point(crew: Crew, part: int) -> None:
    """Killed before any change of the disk and started again, it comes to the same; readers see no broken view."""
    points = [point for point in range(1, len(crew.points) + 1) if point % PARTS == part]
    assert_green(crew, [Plan(crashes=(Crash(point=point),)) for point in points])


def test_killed_in_the_middle_of_a_write(crew: Crew) -> None:
    """A file or a line that is only half written does no harm: neither in the ledger nor anywhere else."""
    writes = [number for number, point in enumerate(crew.points, 1) if re.match("write|append", point)]
    lines = [number for number in writes if crew.points[number - 1].startswith("append")]
    some = sorted({*lines, *writes[:: 1 if FULL else 6]})
    assert_green(crew, [Plan(crashes=(Crash(point=point, torn=True),)) for point in some])


def test_killed_again_while_it_recovers(crew: Crew) -> None:
    """A second kill soon after the restart changes nothing."""
    points = range(1, len(crew.points) + 1, 1 if FULL else 17)
    assert_green(crew, [Plan(crashes=(Crash(point=point), Crash(point=point * 7 % 50 + 1))) for point in points])


def test_killed_with_workers(crew: Crew) -> None:
    """With inspectors and the renderer in processes of their own it is the same."""
    points = range(5, len(crew.points), 29 if FULL else 117)
    assert_green(crew, [Plan(crashes=(Crash(point=point),), workers=True) for point in points])
