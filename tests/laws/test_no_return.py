"""What was removed comes back by a newer upload only, never by an original that still lies in the drop folder."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eggwatch.intake import retire
from eggwatch.store.drop.retiring import RetireOutcome
from tests.archive_factory import sdist
from tests.laws.at_work import IndexAtWork
from tests.running import until_files_get_later_times

NAME, DATA = sdist("demo", "1.0")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexAtWork]:
    """An index that may not remove originals, with the clock of this machine, and one published file."""
    monkeypatch.setattr(retire.retiring, "hide", lambda *_: RetireOutcome.STUCK)
    work = IndexAtWork(tmp_path)
    work.now = time.time()
    with work:
        work.upload(NAME, DATA)
        assert list(work.files("demo")) == [NAME] and work.lying() == [NAME]
        work.now = time.time()
        yield work


def test_an_original_in_a_folder_of_others_does_not_hinder_the_removal(
    work: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only claiming may look there: it may lie there still, so that the answer names it."""
    original, stat = work.config.drop / NAME, Path.stat

    def closed(path: Path, **more: bool) -> os.stat_result:
        if path == original:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", closed)
    assert work.order("remove", "demo")["elsewhere"] == [str(original)]


def test_many_originals_that_stay_are_planned_once_a_round(work: IndexAtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each of them, since all of them are looked at for it: which one is tried next in each folder."""
    assert work.index is not None
    originals, planned = work.index.pipeline.uploads.originals, []
    stuck = originals.stuck
    monkeypatch.setattr(originals, "stuck", lambda: planned.append(1) or stuck())
    for number in range(2, 42):
        work.put(*sdist("demo", f"{number}.0"))
    work.work()
    assert sum(map(len, stuck().values())) == 41
    assert len(planned) < 30


def remove(work: IndexAtWork) -> None:
    """Remove the file, a moment after it was uploaded."""
    work.now = time.time()
    work.order("remove", NAME)
    until_files_get_later_times(work.config.state / "ledger.jsonl")
    work.now = time.time()


def lose_catalog(work: IndexAtWork) -> None:
    """Stop, lose it, start."""
    work.close()
    for path in work.config.state.glob("catalog.sqlite3*"):
        path.unlink()
    work.open()


def reasons(work: IndexAtWork) -> list[str]:
    """What `status` says of the files that lie there."""
    assert work.index is not None
    return [row.reason for row in work.index.pipeline.uploads.waiting()]


def test_it_stays_away_when_the_catalog_is_lost(work: IndexAtWork) -> None:
    """The original is read again and recognised; `status` and the receipt say what to do."""
    remove(work)
    lose_catalog(work)
    work.work()
    assert work.files("demo") == {} and work.lying() == [NAME]
    assert "it was removed at 2" in reasons(work)[0] and "copy it again" in reasons(work)[0]
    receipt = (work.config.drop / "receipts" / f"{NAME}.txt").read_text()
    assert "NOT ACCEPTED" in receipt and "copy it again" in receipt
    before = work.events()
    work.work()
    assert work.events() == before


@pytest.mark.parametrize("lost", [False, True], ids=["catalog kept", "catalog lost"])
def test_it_stays_away_when_it_was_touched_before(work: IndexAtWork, lost: bool) -> None:
    """Times that a client has set are no new upload."""
    os.utime(work.config.drop / NAME, (1e9, 1e9))
    remove(work)
    if lost:
        lose_catalog(work)
    work.work()
    assert work.files("demo") == {}


@pytest.mark.parametrize(
    "touch", [lambda path: os.utime(path, (1e9, 1e9)), lambda path: path.chmod(0o640)], ids=["its times", "its mode"]
)
def test_it_stays_away_when_it_is_touched_later(work: IndexAtWork, touch: Callable[[Path], None]) -> None:
    """As long as the catalog remembers the file. (Without, a ctime after the removal is that of an upload.)"""
    remove(work)
    touch(work.config.drop / NAME)
    work.work()
    assert work.files("demo") == {}


@pytest.mark.parametrize("lost", [False, True], ids=["catalog kept", "catalog lost"])
@pytest.mark.parametrize("in_place", [False, True], ids=["a new file", "written over"])
def test_a_newer_upload_brings_it_back(work: IndexAtWork, in_place: bool, lost: bool) -> None:
    """The same bytes copied once more after the removal: published, with their first upload time."""
    first = work.files("demo")[NAME]["upload-time"]
    remove(work)
    work.work()
    if in_place:
        (work.config.drop / NAME).write_bytes(DATA)
    else:
        work.put(NAME, DATA)
    if lost:
        lose_catalog(work)
    work.work()
    assert work.files("demo")[NAME]["upload-time"] == first
