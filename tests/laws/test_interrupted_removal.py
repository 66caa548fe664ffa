"""A removal that is killed at any of its changes of the disk, and given again."""

from __future__ import annotations

import shutil
from pathlib import Path

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


def test_bytes_never_go_before_their_page_and_never_return(base: Path) -> None:
    """Killed at every third change: no page links to what is gone. Given again: all is gone, once and for good."""
    with IndexAtWork(base / "site") as site:
        site.upload(NAME, DATA)
    moment = 0
    while True:
        place = base / str(moment)
        for name in ("drop", "public", "state"):
            shutil.copytree(base / "site" / name, place / name, symlinks=True)
        again = IndexAtWork(place)
        was_killed = killed(lambda again=again: ask(again.config, ORDER, seconds=5.0), moment)
        assert links(again.config, again), moment
        answer = ask(again.config, ORDER, seconds=5.0)
        assert "error" not in answer and list((again.config.public / "files/demo").iterdir()) == [], moment
        with again:
            again.upload(NAME, DATA)
            assert again.files("demo") == {}, moment
        assert [event["event"] for event in again.events()] == ["admitted", "removed", "rejected"], moment
        assert Verification(again.config).run() == [], moment
        shutil.rmtree(place)
        moment += 3
        if not was_killed:
            break
    assert moment > 10
