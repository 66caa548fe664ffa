"""What may go of our own leavings."""

from __future__ import annotations

import pytest

from eggwatch.policy.retention import Keeping, Leaving, outlived

LEAVINGS = [Leaving(names=(name,), since=since, size=10) for name, since in (("b", 20.0), ("a", 10.0), ("c", 30.0))]


@pytest.mark.parametrize(
    ("keeping", "gone"),
    [
        (Keeping(), []),
        (Keeping(age=30), []),
        (Keeping(age=29), ["a"]),
        (Keeping(age=15), ["a", "b"]),
        (Keeping(age=5), ["a", "b", "c"]),
        (Keeping(size=30), []),
        (Keeping(size=29), ["a"]),
        (Keeping(size=10), ["a", "b"]),
        (Keeping(size=0), ["a", "b", "c"]),
        (Keeping(age=15, size=20), ["a", "b"]),
    ],
)
def test_the_oldest_go_first(keeping: Keeping, gone: list[str]) -> None:
    """By age, by the size of all together, or by both."""
    assert [leaving.names[0] for leaving in outlived(LEAVINGS, keeping, now=40.0)] == gone


def test_one_that_alone_is_too_large_takes_no_other_along() -> None:
    """A single large upload had deleted what everybody else was told."""
    large = Leaving(names=("large",), since=35.0, size=31)
    assert outlived([*LEAVINGS, large], Keeping(size=30), now=40.0) == [large]


def test_the_clock_may_be_wrong() -> None:
    """What comes from the future stays by its age."""
    assert outlived(LEAVINGS, Keeping(age=1), now=0.0) == []
