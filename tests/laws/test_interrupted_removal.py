"""A removal that is killed at any of its changes of the disk, and given again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.config.index_config import IndexConfig
from eggwatch.maintenance.verify import Verification
from eggwatch.writer.ask import ask
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork
from tests.laws.killing import killed

NAME, DATA = wheel("demo", "1.0")
ORDER = {"verb": "remove", "spec": NAME, "reason": "holds a password", "actor": "tester", "now": True, "block": True}


def links(config: IndexConfig, site: IndexAtWork) -> bool:
    """Whether each link of the page leads somewhere."""
    return all((config.public / "files/demo" / name).exists() for name in site.files("demo"))


def killed_removals(base: Path, *, first: int) -> Iterator[tuple[IndexAtWork, int]]:
    """An index each whose removal was killed at the first, or every third change after it; that of the last was not."""
    with IndexAtWork(base / "site") as site:
        site.upload(NAME, DATA)
    moment, was_killed = first, True
    while was_killed:
        place = base / str(moment)
        for name in ("drop", "public", "state"):
            shutil.copytree(base / "site" / name, place / name, symlinks=True)
        again = IndexAtWork(place)
        was_killed = killed(lambda again=again: ask(again.config, ORDER, seconds=5.0), moment)
        yield again, moment
        shutil.rmtree(place)
        moment += 3
    assert moment > 10


@pytest.mark.long
def test_bytes_never_go_before_their_page_and_never_return(base: Path) -> None:
    """Killed at every third change: no page links to what is gone. Given again: all is gone, once and for good."""
    for again, moment in killed_removals(base, first=0):
        assert links(again.config, again), moment
        answer = ask(again.config, ORDER, seconds=5.0)
        assert "error" not in answer and list((again.config.public / "files/demo").iterdir()) == [], moment
        with again:
            again.upload(NAME, DATA)
            assert again.files("demo") == {}, moment
        assert [event["event"] for event in again.events()] == ["admitted", "removed", "rejected"], moment
        assert Verification(again.config).run() == [], moment


@pytest.mark.long
def test_a_removal_that_was_committed_is_finished_by_who_starts_next(base: Path) -> None:
    """Nobody gives it again: a round later the bytes are gone; if it was not committed, all is as before."""
    seen = set()
    for again, moment in killed_removals(base, first=1):
        with again:
            again.work()
        is_committed = [event["event"] for event in again.events()] == ["admitted", "removed"]
        seen.add(is_committed)
        left = [path.name for path in (again.config.public / "files/demo").iterdir() if path.name == NAME]
        assert (left, list(again.files("demo"))) == (([], []) if is_committed else ([NAME], [NAME])), moment
        assert Verification(again.config).run() == [], moment
    assert seen == {True, False}
