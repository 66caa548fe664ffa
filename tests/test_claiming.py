"""In which order uploads that may be read are copied, and how many at a time."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eggwatch import claiming
from eggwatch.claiming import CREDIT, Claiming
from eggwatch.model.sightings import Claim, Identity, Sighting
from eggwatch.store.spool import Changed

MIB = 1 << 20


class Copies:
    """Stands in for the spool: no bytes are moved, however large the uploads say they are."""

    def __init__(self) -> None:
        self.synced: list[list[str]] = []
        self.gone: set[str] = set()
        self.closed: set[str] = set()

    def claim(self, _: object, sighting: Sighting, *, at: str) -> Claim:
        """A claim without bytes."""
        if sighting.path in self.gone:
            raise Changed(sighting.path)
        if sighting.path in self.closed:
            raise PermissionError(sighting.path)
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

    def sync(self, claims: list[Claim]) -> None:
        """Note which would last."""
        self.synced.append([claim.path for claim in claims])


class Bench:
    """A stage with nothing real around it but the order of its work."""

    def __init__(self) -> None:
        self.copies, self.later, self.unreadable = Copies(), list[str](), list[str]()
        parts = SimpleNamespace(spool=self.copies, drop=None, now=lambda: 0.0)
        sights = SimpleNamespace(later=lambda path, now: self.later.append(path))
        self.has_room = True
        room = SimpleNamespace(let_in=lambda _: self.has_room)
        around = [cast(Any, one) for one in (parts, sights, room)]
        self.claiming = Claiming(*around, unreadable=lambda one, _: self.unreadable.append(one.path))

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


def test_giants_hold_up_nobody_before_as_much_was_copied_of_small_ones(bench: Bench) -> None:
    bench.add(("giant", CREDIT + 60 * MIB), *((f"small-{number}", 10 * MIB + number) for number in range(6)))
    assert bench.take()[-1] == "giant"


def test_a_few_large_ones_go_before_a_hundred_small_ones_but_no_hundred_large_ones(bench: Bench) -> None:
    bench.add(*((f"small-{number:03}", 1000 + number) for number in range(100)))
    bench.add(*((f"large-{number}", 20 * MIB + number) for number in range(10)))
    first = bench.take(20)
    assert sum(path.startswith("large") for path in first) == 3
    assert sum(path.startswith("large") for path in bench.take()) == 7


def test_of_one_filename_the_first_that_was_seen_goes_first(bench: Bench) -> None:
    """It is the one that is published, and the other one is refused."""
    bench.add(("x/demo-1.0.tar.gz", 9000), ("other", 50), ("y/Demo-1.0.tar.gz", 10))
    order = bench.take()
    assert order.index("x/demo-1.0.tar.gz") < order.index("y/Demo-1.0.tar.gz")


def test_one_at_least_is_copied_and_no_more_than_there_are_hands_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(("a", 1), ("b", 2), ("c", 3))
    assert bench.take(0) == []
    monkeypatch.setattr(claiming, "PORTION", 0.0)
    assert bench.take() == ["a"]
    monkeypatch.setattr(claiming, "PORTION", 60.0)
    assert bench.take(1) == ["b"]


def test_what_was_copied_lasts_before_it_is_passed_on(bench: Bench) -> None:
    bench.add(("a", 1), ("b", 2))
    assert bench.copies.synced == []
    assert bench.take() == bench.copies.synced[0] == ["a", "b"]


def test_what_has_no_room_has_changed_or_can_not_be_read_is_left_to_others(bench: Bench) -> None:
    bench.copies.gone.add("gone")
    bench.copies.closed.add("closed")
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
