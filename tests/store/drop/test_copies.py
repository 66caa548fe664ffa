"""Copies that `eggwatch publish` has begun in the drop folder, and was killed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eggwatch.linux import leases
from eggwatch.model.sightings import Lease
from eggwatch.store.drop.copies import sweep_copies
from eggwatch.store.drop.folder import Drop
from tests.laws.at_work import IndexAtWork

COPY = ".eggwatch-copy-12-ab34"
OTHERS = (".eggwatch-7-01234567", "demo-1.0.tar.gz", ".eggwatch-copy-x")


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """A drop folder with files and a folder that are no copies."""
    for name in OTHERS:
        (tmp_path / name).touch()
    (tmp_path / ".eggwatch-copy-13-ab34").mkdir()
    return Drop(tmp_path, ("wheel",))


def names_after(drop: Drop, seconds: float) -> set[str]:
    """What is there when copies were swept so much later."""
    sweep_copies(drop, now=time.time() + seconds)
    return {path.name for path in drop.root.iterdir()} - {".eggwatch-copy-13-ab34"}


def test_what_a_killed_command_has_left_goes_a_minute_later(drop: Drop) -> None:
    """While a process has it open it is left alone, and right after that, as it may be about to be renamed."""
    with (drop.root / COPY).open("wb"):
        assert names_after(drop, 3600) == {COPY, *OTHERS}
    assert names_after(drop, 0) == {COPY, *OTHERS}
    assert names_after(drop, 61) == {*OTHERS}


def test_where_it_is_not_known_who_has_it_open_it_goes_after_a_day(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its ctime. No other hidden file of eggwatch's and no folder is deleted."""
    monkeypatch.setattr(leases, "probe", lambda _: Lease.UNPROVEN)
    (drop.root / COPY).touch()
    assert names_after(drop, 3600) == {COPY, *OTHERS}
    assert names_after(drop, 86401) == {*OTHERS}


def test_the_next_start_deletes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first round, of a daemon or a command; an hour may pass before the next look."""
    now = time.time()
    with IndexAtWork(tmp_path) as work:
        (work.config.drop / COPY).touch()
        work.work()
        assert (work.config.drop / COPY).exists()
    monkeypatch.setattr("time.time", lambda: now + 120)
    with work:
        work.work()
        assert not (work.config.drop / COPY).exists()
