"""In which order uploads that may be read are copied, and how many at a time."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eggwatch.errors import FolderError
from eggwatch.intake import claim as claiming
from eggwatch.intake.claim import CREDIT, IN_A_ROW, OLDEST_TURN, ClaimQueue
from eggwatch.model.sightings import Claim, Identity, Sighting
from eggwatch.store.public.spool import Changed, Steps

MIB = 1 << 20


class Copies:
    """Stands in for the spool: no bytes are moved, however large the uploads say they are."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.errors: dict[str, Exception] = {}
        self.steps: dict[str, int] = {}
        self.stepped: list[str] = []

    def progress(self) -> None:
        """Nobody asks."""

    def claiming(self, _: object, sighting: Sighting, *, at: str) -> Steps[Claim]:
        """A claim without bytes, after as many steps as are wanted."""
        for _step in range(self.steps.get(sighting.path, 0)):
            self.stepped.append(sighting.path)
            yield
        if sighting.path in self.gone:
            raise Changed(sighting.path)
        if sighting.path in self.errors:
            raise self.errors[sighting.path]
        return Claim(
            number=0,
            path=sighting.path,
            filename=sighting.filename,
            identity=sighting.identity,
            sha256="",
            size=sighting.identity.size,
            uid=0,
            uploader=None,
            at=at,
        )


class Bench:
    """A stage with nothing real around it but the order of its work."""

    def __init__(self) -> None:
        self.copies, self.later, self.unreadable = Copies(), list[str](), list[str]()
        self.told: list[str] = []
        timers = SimpleNamespace(later=lambda path, now: self.later.append(path))
        uploads = SimpleNamespace(timers=timers, has_its_turn=lambda path: self.told.append(path))
        self.has_room = True
        space = SimpleNamespace(let_in=lambda _, reserved: self.has_room, is_open=lambda: None)
        around = [cast(Any, one) for one in (None, self.copies, uploads, space)]
        self.claiming = ClaimQueue(*around, now=lambda: 0.0, unreadable=self._unreadable)

    def _unreadable(self, upload: Sighting, _: OSError) -> None:
        self.unreadable.append(upload.path)

    def add(self, *uploads: tuple[str, int]) -> None:
        """Uploads (path, bytes) that may be read."""
        self.claiming.add([(sighting(path, size), False) for path, size in uploads])

    def take(self, most: int = 100) -> list[str]:
        """The paths of one portion."""
        return [claim.path for claim, _ in self.claiming.portion(most, lambda: None)]


def sighting(path: str, size: int) -> Sighting:
    """An upload of so many bytes."""
    identity = Identity(dev=1, ino=1, size=size, mtime_ns=0, ctime_ns=0)
    return Sighting(path=path, filename=os.path.basename(path), identity=identity, uid=0, since=0.0)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(claiming, "PORTION", 60.0)
    return Bench()


def test_the_smallest_goes_first_and_every_third_time_the_largest(bench: Bench) -> None:
    bench.add(("e", 5), ("b", 2), ("a", 1), ("d", 4), ("c", 3))
    assert bench.take() == ["a", "b", "e", "c", "d"]
    assert not bench.claiming


def test_those_that_come_later_are_sorted_in(bench: Bench) -> None:
    bench.add(("c", 3), ("d", 4))
    assert bench.take(1) == ["c"]
    bench.add(("a", 1), ("e", 5))
    assert bench.claiming.paths() == {"a", "d", "e"}
    assert bench.take() == ["a", "e", "d"]


def test_giants_hold_up_nobody_but_at_times(bench: Bench) -> None:
    """Every sixteenth time the one that waits for longest is copied, so that it is not held up for ever."""
    bench.add(("giant", CREDIT + 1), *((f"small-{number:02}", 1000 + number) for number in range(40)))
    assert bench.take().index("giant") == OLDEST_TURN - 1


def test_a_giant_is_in_the_way_of_no_other_large_one(bench: Bench) -> None:
    bench.add(*((f"small-{number:03}", 1000 + number) for number in range(100)))
    bench.add(("giant", 1 << 40), ("large", 20 * MIB))
    assert bench.take(3)[-1] == "large"


def test_a_few_large_ones_go_before_a_hundred_small_ones_but_no_hundred_large_ones(bench: Bench) -> None:
    bench.add(*((f"small-{number:03}", 1000 + number) for number in range(100)))
    bench.add(*((f"large-{number}", 20 * MIB + number) for number in range(10)))
    first = bench.take(20)
    assert sum(path.startswith("large") for path in first) == 3
    assert sum(path.startswith("large") for path in bench.take()) == 7


def test_of_those_that_weigh_the_same_the_first_that_was_seen_goes_first_at_either_end(bench: Bench) -> None:
    """The same bytes under another filename are refused: which of the two that is, does not depend on the turn."""
    bench.add(("a", 1), ("b", 1), ("x", 9), ("y", 9), ("z", 9))
    assert bench.take() == ["a", "b", "x", "y", "z"]


def test_small_ones_of_one_project_follow_each_other_and_large_ones_do_not(bench: Bench) -> None:
    """Its page is rendered once for them."""
    versions = [f"demo-{number}-py3-none-any.whl" for number in range(20)]
    bench.add(*((f"small-{number:03}", 1000) for number in range(50)))
    bench.add(*((path, 900) for path in versions), ("large-1.0.tar.gz", MIB), ("large-2.0.tar.gz", MIB))
    order = bench.take()
    assert order[:IN_A_ROW] == versions[:IN_A_ROW]
    assert order.index("large-2.0.tar.gz") - order.index("large-1.0.tar.gz") > 1


def test_where_many_small_ones_wait_a_portion_takes_longer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share the syncs and the commit; a few, or large ones, go on at once."""
    monkeypatch.setattr(claiming, "PORTION", 0.0)
    monkeypatch.setattr(claiming, "BULK_PORTION", 60.0)
    bench.add(*((f"large-{number}", MIB) for number in range(50)))
    assert len(bench.take()) == 1
    bench.add(*((f"small-{number}", 1000) for number in range(50)))
    assert len(bench.take()) > 50


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x/demo-1.0.tar.gz", "y/Demo-1.0.tar.gz"),
        ("x/demo-1.0.tar.gz", "y/demo-1.0.0.tar.gz"),
        ("x/demo-1.0-py3-none-any.whl", "y/demo-0.1.tar.gz"),
        ("x/not an archive.whl", "y/not an archive.whl"),
    ],
)
def test_of_one_project_the_first_that_was_seen_goes_first(bench: Bench, first: str, second: str) -> None:
    """It may be the one to which filename, release or project belong, however small the second one is."""
    bench.add((first, 9000), ("other", 50))
    bench.add((second, 10), ("another", 40))
    order = bench.take()
    assert order.index(first) < order.index(second)


def test_a_large_one_that_waits_behind_a_small_one_of_its_project_is_large_nevertheless(bench: Bench) -> None:
    bench.add(("x/demo-1.0.tar.gz", 1), ("y/demo-1.0.tar.gz", 4 << 30))
    bench.add(*((f"small-{number}", 1000 + number) for number in range(10)))
    assert bench.take()[-1] == "y/demo-1.0.tar.gz"


def test_who_waits_is_said_to_wait_for_its_turn(bench: Bench) -> None:
    bench.add(("a", 1), ("b", 2))
    assert bench.told == ["a", "b"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ELOOP, "a link"), NotADirectoryError(errno.ENOTDIR, "a file"), FolderError("gone")]
)
def test_what_lies_there_instead_by_now_stops_nothing_else(bench: Bench, error: Exception) -> None:
    bench.copies.errors["changed"] = error
    bench.add(("changed", 1), ("a", 2))
    assert bench.take() == ["a"] and bench.later == ["changed"]


def test_an_error_of_our_own_disk_is_no_matter_of_one_upload(bench: Bench) -> None:
    bench.copies.errors["a"] = OSError(errno.ENOSPC, "no space")
    bench.add(("a", 1))
    with pytest.raises(OSError, match="no space"):
        bench.take()


def test_one_at_least_is_copied_and_no_more_than_there_are_hands_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(("a", 1), ("b", 2), ("c", 3))
    assert bench.take(0) == []
    monkeypatch.setattr(claiming, "PORTION", 0.0)
    assert bench.take() == ["a"]
    monkeypatch.setattr(claiming, "PORTION", 60.0)
    assert bench.take(1) == ["b"]


def test_what_has_no_room_has_changed_or_can_not_be_read_is_left_to_others(bench: Bench) -> None:
    bench.copies.gone.add("gone")
    bench.copies.errors["closed"] = PermissionError()
    bench.add(("gone", 1), ("closed", 2))
    assert bench.take() == [] and not bench.claiming
    assert (bench.later, bench.unreadable) == (["gone"], ["closed"])
    bench.has_room = False
    bench.add(("a", 1))
    assert bench.take() == [] and not bench.claiming


def test_others_have_their_turn_after_each_copy(bench: Bench) -> None:
    bench.add(("a", 1), ("b", 2))
    turns: list[Path] = []
    bench.claiming.portion(10, lambda: turns.append(Path()))
    assert len(turns) == 2


def test_a_giant_is_copied_in_parts_and_holds_up_nobody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that come while it is under way are copied first; it goes on nevertheless, its project after it."""
    monkeypatch.setattr(claiming, "SLICE", 0.001)
    monkeypatch.setattr(claiming, "PORTION", 0.0)
    monkeypatch.setattr(claiming, "CHUNK", 1)
    bench.copies.steps["giant-1.0.tar.gz"] = 1_000_000
    bench.add(("giant-1.0.tar.gz", 4096 * MIB))
    assert bench.take() == [] and bench.claiming
    bench.add(("giant-2.0.tar.gz", 1), *((f"small{number}-1.0.tar.gz", MIB) for number in range(8)))
    taken: list[str] = []
    for _ in range(12):
        before = len(bench.copies.stepped)
        taken += bench.take()
    assert taken == [f"small{number}-1.0.tar.gz" for number in range(8)]
    assert len(bench.copies.stepped) > before and "giant-2.0.tar.gz" in bench.claiming.paths()
    bench.claiming.let_go()
    assert bench.claiming.paths() == {"giant-2.0.tar.gz"}


def test_forty_giants_hold_up_no_smaller_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of which less is left goes before them."""
    monkeypatch.setattr(claiming, "CHUNK", 1)
    monkeypatch.setattr(claiming, "SLICE", 0.001)
    monkeypatch.setattr(claiming, "PORTION", 0.0)
    for number in range(40):
        bench.copies.steps[f"giant{number}"] = 1_000_000
        bench.add((f"giant{number}", (4096 + number) * MIB))
    for _ in range(20):
        assert bench.take() == []
    bench.add(("large", 200 * MIB))
    assert [name for _ in range(4) for name in bench.take()] == ["large"]


def test_the_next_of_a_project_is_copied_when_the_one_before_it_was_or_could_not_be(bench: Bench) -> None:
    bench.copies.gone.add("demo-1.0.tar.gz")
    bench.add(("demo-1.0.tar.gz", 5), ("demo-2.0.tar.gz", 4), ("demo-3.0.tar.gz", 3))
    assert bench.take() == ["demo-2.0.tar.gz", "demo-3.0.tar.gz"]
