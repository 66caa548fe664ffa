"""When an archive that is gone may leave the index of a folder."""

from __future__ import annotations

from eggwatch.policy.absence import Absences


def test_what_is_gone_may_leave_after_a_while() -> None:
    """Each path for itself."""
    absences = Absences(seconds=10.0)
    assert absences.may_leave({"a"}, now=0.0) == set()
    assert absences.may_leave({"a", "b"}, now=5.0) == set()
    assert absences.next_due() == 10.0
    assert absences.may_leave({"a", "b"}, now=10.0) == {"a"}
    assert absences.may_leave({"b"}, now=15.0) == {"b"}


def test_what_comes_back_begins_anew() -> None:
    """The while is one without a break."""
    absences = Absences(seconds=10.0)
    absences.may_leave({"a"}, now=0.0)
    absences.may_leave(set(), now=5.0)
    assert absences.may_leave({"a"}, now=12.0) == set() and absences.next_due() == 22.0


def test_a_folder_that_was_not_whole_lets_nothing_leave_for_a_while() -> None:
    """A disk was unmounted, or mounted: what is gone since then may be on it."""
    absences = Absences(seconds=10.0)
    absences.may_leave({"a"}, now=0.0)
    absences.disturb()
    assert absences.next_due() is None
    assert absences.may_leave({"a"}, now=11.0) == set()
    assert absences.may_leave({"a"}, now=21.0) == {"a"}
