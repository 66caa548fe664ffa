"""Uploads that come many at once are copied in portions: what happens to those that wait meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eggwatch.intake import claim
from eggwatch.model.queue import Stage
from eggwatch.pipeline import pipeline
from eggwatch.policy.terms import Terms
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork, quick_folder


@pytest.fixture(autouse=True)
def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that takes as long for one copy as a portion may take."""
    monkeypatch.setattr(claim, "PORTION", 0.0)


@pytest.fixture
def work() -> Iterator[IndexAtWork]:
    with quick_folder() as base, IndexAtWork(base) as work:
        yield work


def put_many(work: IndexAtWork, count: int, where: str = "") -> list[str]:
    """So many small wheels; their names."""
    names = []
    for number in range(count):
        name, data = wheel(f"some{number}")
        work.put(where + name, data)
        names.append(where + name)
    return names


def begin(work: IndexAtWork) -> Any:
    """The first copy is made, nothing is judged; the pipeline."""
    assert work.index is not None
    found = work.index.pipeline
    found.claim(found.settle(found.sight(None)))
    return found


def published(work: IndexAtWork) -> list[str]:
    """The filenames of all events that published something."""
    return sorted(event["filename"] for event in work.events() if event["event"] == "admitted")


def test_the_work_is_not_done_and_goes_on_at_once_while_uploads_wait(work: IndexAtWork) -> None:
    work.work()
    put_many(work, 3)
    found = begin(work)
    assert len(found.in_hand()) == 1
    assert found.is_working() and found.next_due() == 0.0
    work.work()
    assert len(published(work)) == 3 and work.lying() == []


def test_uploads_that_wait_are_not_taken_a_second_time(work: IndexAtWork) -> None:
    put_many(work, 3)
    found = begin(work)
    assert found.settle(found.sight(None)) == []
    work.work()
    assert len(work.events()) == 3


def test_nothing_turns_in_circles_while_all_hands_are_full(work: IndexAtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "MOST_IN_HAND", 0)
    work.work()
    put_many(work, 3)
    found = begin(work)
    assert found.in_hand() == [] and found.is_working()
    assert found.next_due() is None
    monkeypatch.setattr(pipeline, "MOST_IN_HAND", 2)
    work.work()
    assert len(published(work)) == 3


def test_status_says_that_they_wait_for_their_turn(work: IndexAtWork) -> None:
    put_many(work, 2)
    found = begin(work)
    assert [(row.stage, row.reason) for row in found.queue().rows] == [
        (Stage.IN_HAND, "being checked"),
        (Stage.WAITING, "waiting for its turn"),
    ]


def test_what_is_overwritten_deleted_or_renamed_meanwhile_counts_as_it_is_then(work: IndexAtWork) -> None:
    names = put_many(work, 5)
    (in_hand,) = begin(work).in_hand()
    overwritten, deleted, renamed, _ = (name for name in names if name != in_hand)
    project = overwritten.partition("-")[0]
    newer = wheel(project, files={f"{project}/new.py": b"new"})[1]
    work.put(overwritten, newer)
    (work.config.drop / deleted).unlink()
    (work.config.drop / "elsewhere").mkdir()
    (work.config.drop / renamed).rename(work.config.drop / "elsewhere" / renamed)
    work.work()
    assert published(work) == [name for name in names if name != deleted]
    assert (work.config.public / "files" / project / overwritten).read_bytes() == newer
    assert work.lying() == []


@pytest.mark.parametrize("how", ["link", "folder", "file in place of its folder", "no drop folder"])
def test_whatever_takes_their_place_meanwhile_stops_nothing(work: IndexAtWork, how: str) -> None:
    names = put_many(work, 3, "jane/")
    found = begin(work)
    last = next(name for name in reversed(names) if name not in found.in_hand())
    victim, drop = work.config.drop / last, work.config.drop
    if how == "link":
        victim.unlink()
        victim.symlink_to("nowhere")
    elif how == "folder":
        victim.unlink()
        victim.mkdir()
    elif how == "no drop folder":
        drop.rename(drop.with_name("away"))
    else:
        (drop / "jane").rename(drop / "john")
        (drop / "jane").write_text("")
    for _ in range(6):
        found.round()
    assert ("drop" in found.uploads.faults) == (how == "no drop folder")
    if how == "no drop folder":
        drop.with_name("away").rename(drop)
    work.work()
    expected = [name for name in names if name != last or how not in ("link", "folder")]
    assert published(work) == [Path(name).name for name in expected]


def test_what_waits_when_the_index_is_closed_is_found_again(work: IndexAtWork) -> None:
    names = put_many(work, 4)
    begin(work)
    work.close()
    work.open()
    work.work()
    assert published(work) == names and len(work.events()) == 4


def large(name: str, version: str) -> tuple[str, bytes]:
    """A wheel of 300 KiB."""
    return wheel(name, version, files={f"{name}/data": random.Random(1).randbytes(300 << 10)})


def test_a_project_belongs_to_who_was_seen_first_however_large_the_upload() -> None:
    """Else whoever sees a large upload wait could take its project with a small one."""
    with (
        quick_folder() as base,
        IndexAtWork(base, identity="folder", terms=Terms(first_uploader_owns=True)) as work,
    ):
        put_many(work, 4, "carol/")
        name, data = large("demo", "1.0")
        work.put(f"alice/{name}", data)
        begin(work)
        name, data = wheel("demo", "0.1")
        work.put(f"bob/{name}", data)
        work.work()
        told = [(event["event"], event["uploader"]) for event in work.events() if event.get("project") == "demo"]
        assert told == [("admitted", "alice"), ("rejected", "bob")]


def test_a_release_belongs_to_the_sdist_that_was_seen_first(work: IndexAtWork) -> None:
    put_many(work, 4)
    name, data = sdist("demo", "1.0", files={"data": random.Random(1).randbytes(300 << 10)})
    work.put(f"x/{name}", data)
    begin(work)
    second = sdist("demo", "1.0.0")
    work.put(f"y/{second[0]}", second[1])
    work.work()
    assert name in published(work) and second[0] not in published(work)
