"""Each step on the way of an upload fails once (full, broken or out of descriptors): told, and taken up again."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from eggwatch.config.index_config import IndexConfig
from eggwatch.intake import retire
from eggwatch.pipeline import announce
from eggwatch.service.index_runner import IndexRunner
from eggwatch.service.watcher import Bell
from eggwatch.store import durable
from eggwatch.store.drop import answers
from eggwatch.writer import index as assembly
from eggwatch.writer.index import Index
from tests.archive_factory import wheel
from tests.laws.at_work import (
    HASTY,
    InlineInspectors,
    assert_equals_fresh_render,
    quick_folder,
)
from tests.running import until

GOOD, BROKEN = wheel("demo", "1.0"), ("demo-2.0.tar.gz", b"no archive at all" * 50)
FAILURES = (errno.ENOSPC, errno.EIO, errno.EMFILE)

Observer = Callable[[str, str], None]


def open_inline(config: IndexConfig, **_: Any) -> Index:
    """An index without processes of its own: whatever fails does so in here."""
    return assembly.open_index(config, inspectors=InlineInspectors)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No processes and no long pauses."""
    monkeypatch.setattr(announce, "LONGEST_WAIT", 0.2)
    monkeypatch.setattr(announce, "PAUSES", (0.0,))
    monkeypatch.setattr(answers, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(retire, "TROUBLE_SECONDS", 0.0)
    monkeypatch.setattr("eggwatch.service.index_runner.open_index", open_inline)
    monkeypatch.setattr("eggwatch.service.index_runner.PAUSES", (0.0,))


class Failing:
    """Fails once, at the `number`-th change of the disk (counted from 1); notes all of them."""

    def __init__(self, number: int = 0, code: int = 0) -> None:
        self.points: list[str] = []
        self._number, self._code = number, code

    def __repr__(self) -> str:
        return f"{errno.errorcode[self._code]} at step {self._number}, {self.points[self._number - 1]}"

    def __call__(self, operation: str, subject: str) -> None:
        self.points.append(operation)
        if len(self.points) == self._number:
            if operation == "sqlite-commit":
                raise sqlite3.OperationalError(f"injected: {os.strerror(self._code)}")
            raise OSError(self._code, f"injected: {os.strerror(self._code)}")


def play(base: Path, failing: Failing) -> IndexConfig:
    """A published and a refused upload in a running index, at rest in the end; a yank in between."""
    config = IndexConfig(
        name="main", drop=base / "drop", public=base / "public", state=base / "state", patience=HASTY, min_free=0
    )
    config.drop.mkdir()
    with closing(Bell()) as bell:
        runner = IndexRunner(config, bell, lambda: None)
        runner.open()
        try:
            with durable.observed(failing):
                for name, data in (GOOD, BROKEN):
                    (config.drop / name).write_bytes(data)
                    until(f"{name} is at rest", lambda name=name: beat(runner) and is_at_rest(config, name))
        finally:
            runner.close()
    return config


def beat(runner: IndexRunner) -> bool:
    """One beat that looks at everything."""
    runner._next_scan = 0.0
    runner.beat()
    index = runner.index
    if index is None or index.pipeline.is_working() or not index.pipeline.pages_current():
        return False
    return index.pipeline.uploads.faults == {}


def is_at_rest(config: IndexConfig, name: str) -> bool:
    """The upload has left, or stays as it was refused while DROP failed, and its receipt is there."""
    stays = explained_away(config, name)
    told = [folder / "receipts" / f"{name}.txt" for folder in (config.drop, config.state / "answers")]
    is_hidden = any(config.drop.glob(".eggwatch-*"))  # after 0.2 s it is told all the same
    return not is_hidden and (config.drop / name).exists() is stays and any(path.exists() for path in told)


def explained_away(config: IndexConfig, name: str) -> bool:
    """Whether the reason of a refusal lies below STATE."""
    reason = f"rejected/{name}.reason.txt"
    return (config.state / "answers" / reason).exists() and not (config.drop / reason).exists()


def points() -> list[str]:
    """The changes of the disk on the way."""
    with quick_folder() as base:
        failing = Failing()
        with mock.patch("eggwatch.service.index_runner.open_index", open_inline):
            play(base, failing)
    return failing.points


def assert_well(config: IndexConfig) -> None:
    """Published once, refused once, told once; pages and ledger sound; nothing left lying about."""
    ledger = (config.state / "ledger.jsonl").read_text()
    assert (ledger.count('"event":"admitted"'), ledger.count('"event":"rejected"')) == (1, 1)
    assert (config.public / "files/demo" / GOOD[0]).read_bytes() == GOOD[1]
    away = explained_away(config, BROKEN[0])
    assert (config.drop / ("." if away else "rejected") / BROKEN[0]).read_bytes() == BROKEN[1]
    receipts = [folder / "receipts" / f"{GOOD[0]}.txt" for folder in (config.drop, config.state / "answers")]
    assert "PUBLISHED\n" in "".join(path.read_text() for path in receipts if path.exists())
    assert_equals_fresh_render(config)
    lying = sorted(["README.txt", "receipts", "rejected", *([BROKEN[0]] if away else [])])
    assert sorted(path.name for path in config.drop.iterdir()) == lying
    left = [path for path in (config.public / ".eggwatch").rglob("*") if path.is_file()]
    assert left == []


def test_there_are_many_steps() -> None:
    """Every kind of operation is among them."""
    steps = points()
    assert len(steps) > 40
    assert {"write", "link", "rename", "unlink", "append", "sync", "mkdir"} <= set(steps), set(steps)


@pytest.mark.long
def test_whichever_step_fails_it_is_told_and_done_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """The daemon goes on by itself, and all is as if nothing had failed."""
    number, more = 0, True
    while more:
        number += 1
        caplog.clear()
        failing = Failing(number, FAILURES[number % len(FAILURES)])
        with quick_folder() as base:
            try:
                assert_well(play(base, failing))
                more = len(failing.points) >= number
                assert "injected" in caplog.text or not more, "an error that nobody hears of"
            except AssertionError as error:
                raise AssertionError(f"{failing}\n{caplog.text}") from error
    assert number > 40
