"""Many files that get no verdict, whoever makes them: nobody waits for them, and few of them are answered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eggwatch.intake import answered, scan
from eggwatch.readers.status import standing
from eggwatch.store.drop.folder import PORTION
from eggwatch.writer.status import state_of
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, quick_folder

MANY = 3 * PORTION


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexAtWork]:
    """A machine on which each moment suffices for one part of a scan only."""
    monkeypatch.setattr(scan, "SECONDS", 0.0)
    monkeypatch.setattr(scan, "AT_LEAST", 1)
    with quick_folder() as base, IndexAtWork(base) as work:
        yield work


def put_file(path: Path) -> None:
    path.write_bytes(b"no archive")


def put_link(path: Path) -> None:
    path.symlink_to("nowhere")


def put_folder(path: Path) -> None:
    path.mkdir()


def put_fifo(path: Path) -> None:
    os.mkfifo(path)


def put_in_folders(path: Path) -> None:
    path.mkdir()
    (path / "x.egg").touch()


KINDS: list[tuple[str, Callable[[Path], None]]] = [
    (".egg", Path.touch),
    ("", Path.touch),
    (".zip", put_link),
    (".whl", put_fifo),
    (".d", put_folder),
    (".d", put_in_folders),
]


def put_many(work: IndexAtWork) -> None:
    for number in range(MANY):
        (work.config.drop / f"some{number:04d}.egg").touch()


def test_a_hundred_files_that_nobody_asks_about_leave_room_for_one_that_is_told_of(work: IndexAtWork) -> None:
    for number in range(2 * answered.MOST):
        (work.config.drop / f"notes{number}").write_text("hello")
    (work.config.drop / "some.egg").touch()
    work.work()
    assert list(receipts(work)) == ["some.egg.txt"]


def receipts(work: IndexAtWork) -> dict[str, int]:
    """When each receipt was last written, by its name."""
    return {path.name: path.stat().st_ino for path in (work.config.drop / "receipts").iterdir()}


@pytest.mark.parametrize(("suffix", "put"), KINDS)
def test_an_upload_that_an_event_names_does_not_wait_for_the_end_of_a_scan(
    work: IndexAtWork, suffix: str, put: Callable[[Path], None]
) -> None:
    for number in range(MANY if put is Path.touch else 40):
        put(work.config.drop / f"some{number:04d}{suffix}")
    if put not in (put_folder, put_in_folders):
        put_many(work)
    assert work.index is not None
    pipeline = work.index.pipeline
    assert pipeline.sight(None) == [] and pipeline.is_working() and pipeline.next_due() == 0.0
    name, data = wheel("honest")
    work.put(name, data)
    assert [sighting.path for sighting in pipeline.sight({name})] == [name]
    assert pipeline.is_working(), "the scan goes on afterwards"
    work.work()
    assert [event["filename"] for event in work.events()] == [name]


def test_what_is_judged_or_comes_beside_a_long_scan_stays_known_at_its_end(work: IndexAtWork) -> None:
    """The scan has passed its place before it came, or has seen what has left by now."""
    put_many(work)
    early, late = wheel("a_first"), wheel("z_last")
    assert work.index is not None
    pipeline = work.index.pipeline
    work.put(*late)
    pipeline.sight(None)
    work.put(*early)
    pipeline.round({early[0]})
    work.work()
    assert sorted(event["filename"] for event in work.events()) == [early[0], late[0]]
    assert early[0] not in work.lying() and late[0] not in work.lying()


def test_one_account_gets_so_many_answers_and_no_more_also_after_a_restart(work: IndexAtWork) -> None:
    put_many(work)
    work.work()
    before = receipts(work)
    assert len(before) == answered.MOST
    for _ in range(2):
        work.close()
        work.open()
        work.work()
        assert receipts(work) == before, "none is written anew, and none comes along"


def test_where_some_have_gone_others_are_answered(work: IndexAtWork) -> None:
    put_many(work)
    work.work()
    for name in receipts(work):
        (work.config.drop / name.removesuffix(".txt")).unlink()
    assert work.index is not None
    work.index.pipeline.round()
    work.work()
    work.index.pipeline.round()
    work.work()
    assert len(receipts(work)) == 2 * answered.MOST


def test_unfinished_uploads_are_answered_up_to_the_same_number(
    work: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered, "MOST", 5)
    for number in range(8):
        work.put(f"empty{number}-1.0-py3-none-any.whl", b"")
    monkeypatch.setattr("eggwatch.policy.settling.ANSWERED_AFTER", 0.0)
    work.work()
    work.index.pipeline.round()  # type: ignore[union-attr]
    assert len(receipts(work)) == 5


def test_files_that_are_no_uploads_leave_room_for_what_is_told_of_uploads(
    work: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One account for all uploaders is not silenced by what some of them let lie there."""
    monkeypatch.setattr(answered, "MOST", 5)
    monkeypatch.setattr("eggwatch.policy.settling.ANSWERED_AFTER", 0.0)
    for number in range(8):
        (work.config.drop / f"x{number}.egg").touch()
    work.work()
    work.put("mine-1.0.tar.gz", b"")
    work.work()
    assert "mine-1.0.tar.gz.txt" in receipts(work) and len(receipts(work)) == 6


def test_an_upload_of_which_nothing_could_be_told_is_told_of_when_others_are_gone(
    work: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered, "MOST", 5)
    monkeypatch.setattr("eggwatch.policy.settling.ANSWERED_AFTER", 0.0)
    for number in range(6):
        work.put(f"empty{number}-1.0-py3-none-any.whl", b"")
    work.work()
    work.index.pipeline.round()  # type: ignore[union-attr]
    told = {name.removesuffix(".txt") for name in receipts(work)}
    assert len(told) == 5
    for name in told:
        (work.config.drop / name).unlink()
    for _ in range(2):
        work.index.pipeline.round()  # type: ignore[union-attr]
        work.work()
    assert len(receipts(work)) == 6


def test_status_names_some_and_counts_the_others(work: IndexAtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eggwatch.intake.uploads.MOST_SHOWN", 10)
    put_many(work)
    work.work()
    sights = work.index.pipeline.uploads  # type: ignore[union-attr]
    assert len(sights.waiting()) == 10 and sights.not_shown() == MANY - 10


def test_the_queue_is_counted_whole_and_named_in_part(work: IndexAtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the writer, and by who reads it later: twice the uploads make no longer status.json."""
    monkeypatch.setattr("eggwatch.intake.uploads.MOST_SHOWN", 10)
    monkeypatch.setattr("eggwatch.model.queue.MOST_SHOWN", 10)
    monkeypatch.setattr("eggwatch.readers.status.MOST_SHOWN", 10)
    for number in range(MANY):
        work.put(f"empty{number:04d}-1.0-py3-none-any.whl", b"")
    work.work()
    state = state_of(work.index.pipeline, ready=True, watching=None)  # type: ignore[union-attr]
    work.close()
    for told in (state, standing(work.config).status):
        assert [len(rows) for rows in (told.queue, told.unfinished, told.waiting)] == [10, 10, 10]
        assert (told.queue_length, sum((told.queue_counts or {}).values())) == (MANY, MANY)
        assert told.waiting_not_shown == MANY - 10


def test_an_index_that_is_let_go_in_the_middle_of_a_scan_leaves_no_folder_open(work: IndexAtWork) -> None:
    for number in range(40):
        (work.config.drop / f"d{number:04d}").mkdir()
    assert work.index is not None
    work.index.pipeline.sight(None)
    work.index.abandon()
    work.index = None
    links = [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    ]
    assert not [link for link in links if link.startswith(str(work.config.drop))]


@pytest.mark.parametrize(
    "name", [b"M\xfcller.exe", b"a" + b"\xc3\xa9" * 100 + b"-1.0.tar.gz", b"a" + b"\xc3\xa9" * 100 + b".exe"]
)
@pytest.mark.parametrize("put", [put_file, put_link, put_folder, put_fifo])
def test_a_name_that_is_no_utf_8_stops_nothing(put: Callable[[Path], None], name: bytes) -> None:
    """Nor one that is not any more when it is cut to 160 bytes, as the names of receipts are."""
    with quick_folder() as base, IndexAtWork(base) as work:
        put(work.config.drop / os.fsdecode(name))
        work.upload(*wheel("demo"))
        assert work.files("demo")
