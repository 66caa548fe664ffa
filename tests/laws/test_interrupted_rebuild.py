"""A rebuild killed at any of its changes of the disk, and given again: the history is as if it had come to its end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from eggwatch.config.index_config import IndexConfig
from eggwatch.maintenance.rebuild import rebuild
from eggwatch.maintenance.verify import Verification
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork
from tests.laws.killing import killed


def fill(base: Path) -> IndexAtWork:
    """An index with a refusal, a yank and a removal for good in its history."""
    with IndexAtWork(base) as site:
        site.upload("bad-1.0.tar.gz", b"junk" * 200)
        site.upload(*wheel("alpha", "1.0"))
        site.upload(*sdist("alpha", "2.0"))
        site.order("yank", "alpha==1.0", "broken")
        site.upload(*sdist("beta", "1.0"))
        site.order("remove", "beta", block=True)
        site.upload(*sdist("gamma", "1.0"))
    return site


def alter(site: IndexAtWork) -> None:
    """A line in the middle of the ledger is not what it was."""
    path = site.config.state / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"size":', b'"size":1', 1)
    path.write_bytes(b"".join(lines))


def lose(site: IndexAtWork) -> None:
    """The ledger is gone."""
    (site.config.state / "ledger.jsonl").unlink()


def leave_whole(_: IndexAtWork) -> None:
    """Nothing is wrong with it."""


HARM = [alter, lose, leave_whole]


def copied(site: IndexAtWork, place: Path) -> IndexConfig:
    """The same index elsewhere."""
    for name in ("drop", "public", "state"):
        shutil.copytree(getattr(site.config, name), place / name, symlinks=True)
    return IndexAtWork(place).config


def history(config: IndexConfig) -> list[tuple[Any, ...]]:
    """What the ledger tells, but for the moments of what a rebuild itself has seen."""
    keys = ("event", "filename", "sha256", "uploader", "reason", "first_upload_time", "bytes_until", "blocked")
    rows = [tuple(event[key] for key in keys) for event in IndexAtWork(config.drop.parent).events()]
    return sorted(rows, key=str)


@pytest.mark.long
@pytest.mark.parametrize("harm", HARM)
def test_a_rebuild_goes_on_after_a_kill_at_any_step(base: Path, harm: Any) -> None:
    """Given again it loses nothing that one run keeps; the ledger that was there stays under some name till the end."""
    site = fill(base / "site")
    harm(site)
    whole = copied(site, base / "whole")
    rebuild(whole)
    wanted, moment, before = history(whole), 0, (site.config.state / "ledger.jsonl")
    old = before.read_bytes() if before.exists() else None
    while True:
        config = copied(site, base / str(moment))
        if not killed(lambda config=config: rebuild(config), moment):
            break
        if old is not None:
            assert old in [path.read_bytes() for path in config.state.glob("ledger.jsonl*")], moment
        rebuild(config)
        assert history(config) == wanted, moment
        assert Verification(config).run() == [], moment
        shutil.rmtree(config.drop.parent)
        moment += 1
    assert moment > 20


@pytest.mark.parametrize("torn", [False, True])
def test_what_an_earlier_rebuild_has_left_is_taken_up(base: Path, torn: bool) -> None:
    """No ledger, but one set aside and one nearly put in place: the furthest counts, the other is kept."""
    site = fill(base / "site")
    ledger = site.config.state / "ledger.jsonl"
    whole = ledger.read_bytes()
    half = b"".join(whole.splitlines(keepends=True)[:4])
    scratch, aside = ledger.with_name("ledger.jsonl.rebuilt"), ledger.with_name("ledger.jsonl.damaged-1")
    scratch.write_bytes(half[:-7] if torn else whole)
    aside.write_bytes(whole if torn else half)
    ledger.unlink()
    report = rebuild(site.config)
    assert (report.kept_events, report.new_events, report.lost) == (7, 0, [])
    assert (ledger.read_bytes(), aside.read_bytes()) == (whole, whole if torn else half)
    assert Verification(site.config).run() == []
