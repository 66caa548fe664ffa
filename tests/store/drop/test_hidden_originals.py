"""Originals that a crash left under their hidden names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import Drop
from eggwatch.store.drop.retiring import Hidden, RetireOutcome, resume
from tests.store.drop.in_the_way import put_file
from tests.store.drop.originals import DATA, NAME, hidden, kept, lying, original, refused, with_original


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """A drop folder with one judged original in a subfolder."""
    return with_original(tmp_path / "drop")


def resumed(drop: Drop, leaving: Hidden, answers: Answers, *, progress: Callable[[], object] = int) -> RetireOutcome:
    """What becomes of a hidden original after a crash."""
    path = f"team/{leaving.name}"
    return resume(drop, path, leaving.departure, answers, size=len(DATA), progress=progress)


@pytest.mark.parametrize("rejected", [False, True])
def test_what_a_crash_left_hidden_is_finished(drop: Drop, answers: Answers, rejected: bool) -> None:
    """The same bytes as were judged: gone, or kept if they were refused."""
    leaving = refused(drop, answers) if rejected else hidden(drop)
    leaving.close()
    assert resumed(drop, leaving, answers) is RetireOutcome.GONE
    assert lying(drop) == []
    assert (drop.root / "rejected" / NAME).exists() is rejected


def test_what_a_crash_left_hidden_is_put_back_where_rejected_is_not_ours(drop: Drop, answers: Answers) -> None:
    """It becomes an upload again, which is rejected and left there."""
    leaving = hidden(drop, rejected=True)
    leaving.close()
    put_file(drop.root / "rejected")
    assert resumed(drop, leaving, answers) is RetireOutcome.CHANGED
    assert lying(drop) == [NAME]


def test_what_changed_under_a_hidden_name_is_put_back(drop: Drop, answers: Answers) -> None:
    """Other bytes: back under its name, or displaced if the name is taken by now."""
    leaving = hidden(drop)
    leaving.close()
    (drop.root / "team" / leaving.name).write_bytes(b"something else")
    original(drop).write_bytes(b"newer")
    assert resumed(drop, leaving, answers) is RetireOutcome.DISPLACED
    original(drop).unlink()
    assert resumed(drop, leaving, answers) is RetireOutcome.CHANGED
    assert original(drop).read_bytes() == b"something else" and lying(drop) == [NAME]


def test_a_file_of_another_size_is_not_read(drop: Drop, answers: Answers) -> None:
    """Anybody can create a terabyte under a hidden name: it gets its name back without being read."""
    leaving = hidden(drop)
    leaving.close()
    os.truncate(drop.root / "team" / leaving.name, 1 << 40)
    steps: list[None] = []
    assert resumed(drop, leaving, answers, progress=lambda: steps.append(None)) is RetireOutcome.CHANGED
    assert (lying(drop), steps) == ([NAME], [])


def test_hashing_a_hidden_original_is_progress(drop: Drop, answers: Answers) -> None:
    """It is reported with every MiB, so that the watchdog of systemd does not end the daemon."""
    leaving = hidden(drop)
    leaving.close()
    steps: list[None] = []
    assert resumed(drop, leaving, answers, progress=lambda: steps.append(None)) is RetireOutcome.GONE
    assert steps == [None]


def test_another_file_of_the_same_bytes_is_not_what_was_hidden(drop: Drop, answers: Answers) -> None:
    """What a crash left is known by its inode: a copy under that name is given back to whoever has put it there."""
    leaving = refused(drop, answers)
    leaving.close()
    (drop.root / "team" / "copy").write_bytes(DATA)
    (drop.root / "team" / "copy").rename(drop.root / "team" / leaving.name)
    assert resumed(drop, leaving, answers) is RetireOutcome.CHANGED
    assert lying(drop) == [NAME] and kept(drop) == []
