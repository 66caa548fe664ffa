"""The clock jumps a year, the machine sleeps: serials give the order, no upload time changes, nothing waits or goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eggwatch.pipeline.housekeeping import TIDY_SECONDS, UNSURE_SECONDS
from eggwatch.policy.retention import Keeping
from tests.archive_factory import sdist
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render, quick_folder

YEAR = 365 * 86400.0
JUMPS = pytest.mark.parametrize("jump", [YEAR, -YEAR], ids=["ahead", "back"])


def mtime(work: IndexAtWork, project: str = "demo") -> float:
    """When a project's page says it was changed."""
    return (work.config.public / "simple" / project / "index.html").stat().st_mtime


@JUMPS
def test_serials_give_the_order_and_upload_times_stay(tmp_path: Path, jump: float) -> None:
    """Events of before, during and after a jump: consecutive serials, first-seen times, pages as a fresh render."""
    with IndexAtWork(tmp_path) as work:
        times = {}
        for number, seconds in enumerate((0.0, jump, -jump)):
            work.now += 60 + seconds
            name, data = sdist("demo", f"{number}.0")
            work.upload(name, data)
            times[name] = work.files("demo")[name]["upload-time"]
        work.order("yank", "demo==0.0")
        work.order("remove", "demo==1.0")
        work.upload(*sdist("demo", "1.0"))
        assert [event["serial"] for event in work.events()] == [1, 2, 3, 4, 5, 6]
        assert {name: file["upload-time"] for name, file in work.files("demo").items()} == times
        assert_equals_fresh_render(work.config)
    with work:
        work.work()
        assert_equals_fresh_render(work.config)


def test_a_page_is_a_second_younger_each_time_after_the_clock_was_set_back(tmp_path: Path) -> None:
    """Its mtime does not run away: it stays where the wrong clock was, until the right one has come there."""
    with IndexAtWork(tmp_path) as work:
        work.now += YEAR
        work.upload(*sdist("demo", "1.0"))
        ahead = mtime(work)
        assert ahead == work.now
        work.now -= YEAR
        for number in range(2, 5):
            work.now += 60
            work.upload(*sdist("demo", f"{number}.0"))
        assert mtime(work) == ahead + 3
        work.upload(*sdist("other"))
        assert mtime(work, "other") == work.now, "no other page is concerned"
        work.now += 2 * YEAR
        work.upload(*sdist("demo", "5.0"))
        assert mtime(work) == work.now


def test_bytes_of_a_removed_file_go_after_their_grace_although_the_clock_was_set_back(tmp_path: Path) -> None:
    """Not a year later: what was removed may have been a secret."""
    with IndexAtWork(tmp_path, grace=600.0) as work:
        work.now += YEAR
        work.upload(*sdist("demo"))
        work.order("remove", "demo")
        lying = work.config.public / "files/demo/demo-1.0.tar.gz"
        work.now -= YEAR
        for seconds, stays in ((0, True), (599, True), (2, False)):
            work.now += seconds
            work.work()
            assert lying.exists() is stays


def test_a_duplicate_is_told_of_after_the_clock_was_set_back(tmp_path: Path) -> None:
    """Its uploader gets the receipt that the same bytes are there already."""
    with IndexAtWork(tmp_path) as work:
        work.now += YEAR
        work.upload(*sdist("demo"))
        work.now -= YEAR
        work.upload(*sdist("demo"))
        assert "PUBLISHED, unchanged" in (work.config.drop / "receipts/demo-1.0.tar.gz.txt").read_text()
        assert work.lying() == []


def test_an_upload_has_its_receipt_after_the_clock_was_set_back(tmp_path: Path) -> None:
    """Also a year before this process began: that it is old by the clock does not mean that its uploader knows."""
    with IndexAtWork(tmp_path) as work:
        work.now -= YEAR
        work.upload(*sdist("demo"))
        assert (work.config.drop / "receipts/demo-1.0.tar.gz.txt").read_text().startswith("demo-1.0.tar.gz: PUBLISHED")


class Clock:
    """Uptime, which nobody sets, and the time of day."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up, self.day = 1000.0, 1_700_000_000.0
        monkeypatch.setattr("eggwatch.pipeline.housekeeping.uptime", lambda: self.up)

    def pass_by(self, seconds: float) -> None:
        """Time passes, also while the machine is suspended."""
        self.up += seconds
        self.day += seconds


def test_a_jump_ahead_deletes_no_refused_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old answers are counted, and deleted only when the clock has gone right for a day; set back before, they stay."""
    clock = Clock(monkeypatch)
    with IndexAtWork(tmp_path) as work:
        work.upload("demo-1.0.tar.gz", b"no archive at all" * 50)
        assert work.index is not None
        clock.day = (tmp_path / "drop/rejected/demo-1.0.tar.gz").stat().st_ctime
        housekeeping = work.index.pipeline.housekeeping

        def kept() -> tuple[int, int]:
            clock.pass_by(TIDY_SECONDS)
            housekeeping.tidy(Keeping(age=30 * 86400.0), now=clock.day)
            return housekeeping.kept["rejected"].kept, housekeeping.kept["receipts"].kept

        assert kept() == (1, 1)
        clock.day += YEAR
        assert kept() == (1, 1)
        clock.day -= YEAR
        clock.pass_by(UNSURE_SECONDS)
        assert kept() == (1, 1)
        clock.day += YEAR
        assert kept() == (1, 1)
        clock.pass_by(UNSURE_SECONDS)
        assert kept() == (0, 0), "it was the right time after all"


def test_a_suspended_machine_is_no_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has lain for its time is deleted after the machine has slept for a month."""
    clock = Clock(monkeypatch)
    with IndexAtWork(tmp_path) as work:
        work.upload("demo-1.0.tar.gz", b"no archive at all" * 50)
        assert work.index is not None
        clock.day = (tmp_path / "drop/rejected/demo-1.0.tar.gz").stat().st_ctime
        housekeeping = work.index.pipeline.housekeeping
        housekeeping.tidy(Keeping(age=7 * 86400.0), now=clock.day)
        assert housekeeping.kept["rejected"].kept == 1
        clock.pass_by(31 * 86400.0)
        housekeeping.tidy(Keeping(age=7 * 86400.0), now=clock.day)
        assert housekeeping.kept["rejected"].kept == 0


@pytest.mark.parametrize("year", [1600, 1900, 2262, 2300, 2440])
def test_a_file_of_any_time_is_published_and_leaves(year: int) -> None:
    """Anybody can set one with touch, as far as the file system goes; 64 bits of nanoseconds end in the year 2262."""
    name, data = sdist("demo", "1.0")
    seconds = round((year - 1970) * 365.2425 * 86400)
    with quick_folder() as base, IndexAtWork(base) as work:
        work.put(f"{name}.part", data)
        os.utime(work.config.drop / f"{name}.part", (seconds, seconds))
        (work.config.drop / f"{name}.part").rename(work.config.drop / name)
        work.upload(*sdist("other", "1.0"))
        assert work.files("demo") and work.files("other") and work.lying() == []
