"""Copies that `eggwatch publish` has begun in the drop folder, and was killed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eggwatch.linux import leases
from eggwatch.model.sightings import Lease
from eggwatch.store.drop.copies import sweep_copies
from eggwatch.store.drop.folder import Drop

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
    """By its ctime; nothing else with a name of ours, and no folder."""
    monkeypatch.setattr(leases, "probe", lambda _: Lease.UNPROVEN)
    (drop.root / COPY).touch()
    assert names_after(drop, 3600) == {COPY, *OTHERS}
    assert names_after(drop, 86401) == {*OTHERS}
