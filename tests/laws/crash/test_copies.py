"""A copy of the disks is what a real crash leaves: names, modes, links, sizes and bytes."""

from __future__ import annotations

import pytest

from tests.laws.crash.crew import crew_of
from tests.laws.crash.trial import Crash

pytestmark = pytest.mark.root


def assert_same(kind: str, crashes: list[Crash]) -> None:
    """After each of these crashes the tree is that of the copy which was kept there."""
    with crew_of(kind, 1) as crew:
        for crash in crashes:
            copied, crashed = crew.compare(crash)
            assert copied == crashed, crash


def test_a_copy_is_what_a_kill_leaves() -> None:
    """In the first step: what follows depends in part on how fast the machine is."""
    assert_same("disk", [Crash(point=point, torn=point == 57) for point in (30, 57, 64, 71)])


def test_a_copy_is_what_a_power_cut_leaves() -> None:
    """With everything saved, kept and lost, and with one of each in turn."""
    assert_same("disks", [Crash(point=point, fates=fates) for point, fates in ((66, 0), (66, 13), (66, 26), (71, 5))])
