"""How long each try may take, and whose archive is inspected next."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.inspection import queues
from eggwatch.inspection.queues import AGAIN_CPU, Lane, LaneQueue, Turn
from eggwatch.inspection.worker import Job


def turn(size: int = 1000, *, tries: int = 0, owner: str = "", readme: bool = False) -> Turn:
    """A turn that was given up so often."""
    found = Turn(job=Job(number=0, path=Path(), filename="", size=size, owner=owner, readme=readme))
    for _ in range(tries):
        found.give_up()
    return found


def test_each_try_has_more_time_until_the_last_which_only_the_clock_ends() -> None:
    tried = [turn(tries=tries) for tries in range(5)]
    assert [one.lane for one in tried] == [Lane.FAST, Lane.AGAIN, Lane.AGAIN, Lane.SLOW, Lane.SLOW]
    assert [one.quick is None for one in tried] == [False, False, False, True, True]
    assert all(one.quick < 2 * AGAIN_CPU for one in tried[:3] if one.quick)
    assert tried[4].seconds == queues.slow_seconds(1000)


def test_a_larger_archive_and_one_with_a_readme_have_more_time_at_once() -> None:
    assert turn(8 << 20).quick == pytest.approx(0.25)
    assert (turn(readme=True).quick or 0) > (turn().quick or 0)
    assert (turn(1 << 30).quick or 0) > 30


def order(*turns: Turn, blame: dict[str, int] | None = None) -> list[int]:
    """Which of them go first, by their place among the arguments."""
    queue, waiting = LaneQueue(Lane.AGAIN, 1), list(turns)
    for one in turns:
        queue.turns.add(one)
    return [waiting.index(queue.next(blame or {})) for _ in turns]


def test_who_has_cost_the_least_for_its_size_goes_first() -> None:
    assert order(turn(8 << 20, tries=1), turn(4000, tries=2), turn(4000, tries=1)) == [0, 2, 1]


def test_who_says_that_it_will_cost_much_for_its_size_goes_last_before_it_has_cost_anything() -> None:
    greedy = turn(4000)
    greedy.give_up(5.0)
    assert order(greedy, turn(4000, tries=2)) == [1, 0]


def test_of_those_never_tried_the_smallest_goes_first_and_every_third_time_the_largest() -> None:
    assert order(turn(30), turn(10), turn(20), turn(10), turn(25)) == [1, 3, 0, 2, 4]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2), st.sampled_from("abc")), max_size=12),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)),
)
def test_the_order_is_that_of_a_look_at_all_who_wait(
    waiting: list[tuple[int, int, str]], blame: dict[str, int]
) -> None:
    """By price, blame of the uploader, and size; every third time the largest."""
    turns = [turn(size << 20, tries=tries, owner=owner) for size, tries, owner in waiting]
    left, expected = list(turns), []
    for number in range(1, len(turns) + 1):
        sign = 1 if number % 3 else -1
        first = min(left, key=lambda one: (one.price, blame.get(one.job.owner, 0), sign * one.job.size))
        expected.append(turns.index(first))
        left.remove(first)
    assert order(*turns, blame=blame) == expected


def test_an_uploader_of_bombs_waits_for_the_others() -> None:
    assert order(turn(10, owner="mallory"), turn(20, owner="jane"), blame={"mallory": 3}) == [1, 0]
