"""The cursors of notifiers: beside the catalog, never further than the ledger, taken over from earlier versions."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.policy.retries import Progress
from eggwatch.store.durable import OURS, Permissions
from eggwatch.store.state.cursors import COURIER, DAEMON, Cursors, copy, read_all
from eggwatch.store.state.deliveries import LETTERS, DeadLetter, Deliveries
from tests.counting import calls_of


def begun(state: Path, *names: str, end: int) -> Mapping[str, int]:
    """The cursors of a daemon that begins over a ledger of so many events."""
    cursors = Cursors(state, DAEMON)
    cursors.begin(names, end=end)
    return {name: cursors.cursor(name) for name in ("receipts", *names)}


def test_who_is_new_begins_with_what_happens_from_now_on(tmp_path: Path) -> None:
    """It continues from there after a restart; a notifier that is not in the list gets every event."""
    assert begun(tmp_path, "journal", "mail", end=3) == {"receipts": 0, "journal": 3, "mail": 3}
    assert begun(tmp_path, "journal", "mail", end=5) == {"receipts": 0, "journal": 3, "mail": 3}


def test_a_subscription_that_was_given_up_begins_anew_when_it_returns(tmp_path: Path) -> None:
    """A notifier of the daemon itself is never forgotten."""
    cursors = Cursors(tmp_path, DAEMON)
    cursors.begin(["journal", "mail"], end=3)
    cursors.keep({"receipts": Progress(cursor=2)})
    assert begun(tmp_path, "journal", end=4) == {"receipts": 2, "journal": 3}
    assert begun(tmp_path, "journal", "mail", end=5) == {"receipts": 2, "journal": 3, "mail": 5}


def test_nobody_is_further_than_the_ledger(tmp_path: Path) -> None:
    """A restored ledger may be shorter."""
    begun(tmp_path, "journal", end=9)
    assert begun(tmp_path, "journal", end=4) == {"receipts": 0, "journal": 4}


@pytest.mark.parametrize("text", ["", "[]", '{"subscriptions": {"receipts": {"cursor": "9"}}}'])
def test_what_can_t_be_read_is_begun_anew(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning that names the file."""
    begun(tmp_path, "journal", end=1)
    path = tmp_path / "news" / DAEMON
    path.write_text(text)
    assert begun(tmp_path, "journal", end=4) == {"receipts": 0, "journal": 4}
    assert str(path) in caplog.text


def test_what_the_disk_does_not_give_back_is_not_begun_anew(tmp_path: Path) -> None:
    """Nor is a list of what could not be delivered replaced: what was not announced yet would never be."""
    begun(tmp_path, "journal", end=1)
    cursors, deliveries = tmp_path / "news" / DAEMON, Deliveries(tmp_path)
    letter = DeadLetter(subscription="mail", key="main-1", serial=1, at="2026", error="down")
    deliveries.put_aside(letter)
    letters, kept = deliveries.folder / LETTERS, {}
    for path in (cursors, letters):
        kept[path] = path.read_bytes()
        path.unlink()
        path.symlink_to("/proc/self/mem")  # it can be opened, and not read
    with pytest.raises(OSError, match="Input/output"):
        begun(tmp_path, "journal", end=4)
    with pytest.raises(OSError, match="Input/output"):
        deliveries.delivered(letter)
    with pytest.raises(OSError, match="symbolic links"):
        deliveries.put_aside(replace(letter, key="main-2", serial=2))
    for path, data in kept.items():
        assert path.is_symlink()
        path.unlink()
        path.write_bytes(data)
    assert begun(tmp_path, "journal", end=4) == {"receipts": 0, "journal": 1}
    assert deliveries.letters() == [letter]


def test_a_letter_that_is_put_aside_costs_the_same_however_many_there_are(tmp_path: Path) -> None:
    """A line more, of the same mode; one that is cut off by a power cut is left out, and the next one is whole."""
    deliveries, sent = Deliveries(tmp_path, Permissions(file=0o640)), itertools.count(1)
    deliveries.cursors.open([])

    def put_aside() -> None:
        number = next(sent)
        deliveries.put_aside(DeadLetter(subscription="mail", key=f"main-{number}", serial=number, at="", error="no"))

    first = [calls_of(put_aside) for _ in range(2)][-1]
    for _ in range(50):
        put_aside()
    assert calls_of(put_aside) == first
    letters = deliveries.folder / LETTERS
    assert stat.S_IMODE(letters.stat().st_mode) == 0o640
    os.truncate(letters, letters.stat().st_size - 9)
    put_aside()
    assert [letter.serial for letter in deliveries.letters()] == [*range(1, 53), 54]


def test_a_letter_that_is_put_aside_twice_is_one(tmp_path: Path) -> None:
    """As after a power cut between it and the cursor."""
    deliveries = Deliveries(tmp_path)
    deliveries.cursors.open([])
    letters = [DeadLetter(subscription="mail", key=key, serial=1, at="", error=why) for key, why in ("ax", "by", "az")]
    for letter in letters:
        deliveries.put_aside(letter)
    assert deliveries.letters() == letters[1:]
    deliveries.delivered(letters[2])
    assert deliveries.letters() == [letters[1]]


def test_a_copy_holds_the_cursors_of_daemon_and_courier(tmp_path: Path) -> None:
    """For subscriptions the courier's cursors count; no cursor in the copy is moved back."""
    state, backup = tmp_path / "state", tmp_path / "backup"
    begun(state, "journal", "mail", end=3)
    courier = Cursors(state, COURIER)
    courier.keep({"mail": Progress(cursor=7, failures=2, error="down")})
    copy(state, backup, OURS)
    assert read_all(backup) == {"journal": Progress(cursor=3), "mail": Progress(cursor=7)}
    courier.keep({"mail": Progress(cursor=5)})
    copy(state, backup, OURS)
    assert read_all(backup)["mail"].cursor == 7


def test_what_an_earlier_version_kept_is_taken_over(tmp_path: Path) -> None:
    """It lay in a table of the catalog, and in a backup in a file of its own, which comes first."""
    with sqlite3.connect(tmp_path / "catalog.sqlite3") as connection:
        connection.execute("CREATE TABLE cursors (notifier TEXT PRIMARY KEY, serial INTEGER NOT NULL) WITHOUT ROWID")
        connection.execute("INSERT INTO cursors VALUES ('receipts', 2), ('mail', 1)")
    connection.close()
    assert begun(tmp_path, "journal", "mail", end=4) == {"receipts": 2, "journal": 4, "mail": 1}
    (tmp_path / "news" / DAEMON).unlink()
    (tmp_path / "cursors.json").write_text(json.dumps({"receipts": 3, "journal": 3}))
    assert begun(tmp_path, "journal", "mail", end=4) == {"receipts": 3, "journal": 3, "mail": 4}
