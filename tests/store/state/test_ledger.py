"""The ledger: append-only, chained by hashes, torn lines cut, everything else refused by its place."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.errors import LedgerError
from eggwatch.model.events import GENESIS, Event, EventKind, seconds_of, timestamp
from eggwatch.model.verdicts import Flaw, Level
from eggwatch.store import durable
from eggwatch.store.state.history import event_at
from eggwatch.store.state.ledger import START, ChainBroken, Ledger, after, decode, encode


def event(number: int = 1, **more: Any) -> Event:
    return Event(
        kind=EventKind.ADMITTED, at=timestamp(1_700_000_000 + number), filename=f"demo-{number}.tar.gz", **more
    )


def test_what_was_appended_is_read_back_in_order(ledger: Ledger) -> None:
    first = ledger.append([event(1), event(2)])
    second = ledger.append([event(3)])
    assert list(ledger.read()) == [*first, *second]
    assert [entry.serial for entry in ledger.read()] == [1, 2, 3]


def test_each_line_carries_the_hash_of_the_line_before(ledger: Ledger) -> None:
    ledger.append([event(1), event(2)])
    lines = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    assert lines[0]["prev"] == GENESIS
    assert lines[1]["prev"] == next(iter(ledger.read())).sha256


def test_reading_can_begin_at_any_entry(ledger: Ledger) -> None:
    entries = ledger.append([event(number) for number in range(5)])
    assert list(ledger.read(after(entries[2]))) == entries[3:]


def test_one_event_is_found_by_its_place(ledger: Ledger) -> None:
    entries = ledger.append([event(1), event(2)])
    assert event_at(ledger, (entries[1].offset, entries[1].length)) == entries[1].event
    assert event_at(ledger, None) is None


def test_a_commit_is_one_append_and_one_sync(ledger: Ledger) -> None:
    steps: list[str] = []
    with durable.observed(lambda operation, _: steps.append(operation)):
        ledger.append([event(number) for number in range(10)])
    assert steps == ["append", "sync"]


def test_appending_nothing_touches_nothing(ledger: Ledger) -> None:
    steps: list[str] = []
    with durable.observed(lambda operation, _: steps.append(operation)):
        assert ledger.append([]) == []
    assert steps == []


def test_a_line_without_its_end_is_not_read_and_can_be_cut(ledger: Ledger) -> None:
    (entry,) = ledger.append([event(1)])
    with ledger.path.open("ab") as file:
        file.write(b'{"serial": 2, "ev')
    assert list(ledger.read()) == [entry]
    assert ledger.torn_bytes(after(entry)) == 17
    ledger.cut(after(entry))
    assert ledger.torn_bytes(after(entry)) == 0


def test_a_full_disk_leaves_the_ledger_as_it_was(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append([event(1)])
    before = ledger.path.read_bytes()
    write, calls = os.write, [0]

    def fill_up(fd: int, data: Any) -> int:
        """Ten bytes, and then the disk is full."""
        calls[0] += 1
        if calls[0] == 1:
            return write(fd, bytes(data[:10]))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", fill_up)
    with pytest.raises(OSError, match="No space"):
        ledger.append([event(2)])
    monkeypatch.undo()
    assert ledger.path.read_bytes() == before
    assert [entry.serial for entry in ledger.append([event(2)])] == [2]


def test_nothing_is_written_to_a_ledger_that_has_been_replaced(ledger: Ledger) -> None:
    """By an editor or from a backup, while it is in use: what was told from then on would be lost with the old file."""
    ledger.append([event(1)])
    copy = ledger.path.with_name("copy")
    copy.write_bytes(ledger.path.read_bytes())
    copy.rename(ledger.path)
    with pytest.raises(LedgerError, match="was changed or replaced while it was in use"):
        ledger.append([event(2)])
    again = Ledger(ledger.path)
    again.open(ledger.end)
    again.append([event(2)])
    again.close()
    assert [entry.serial for entry in again.read()] == [1, 2]


def test_a_line_that_is_too_long_is_damage_and_no_incomplete_end(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that follows would be cut off with it."""
    ledger.append([event(1), event(2)])
    monkeypatch.setattr("eggwatch.store.state.ledger.LONGEST_LINE", 100)
    with pytest.raises(LedgerError, match=r"after serial 0 .*more than 100 bytes"):
        list(ledger.read())


def test_nothing_is_written_behind_what_somebody_else_has_written(ledger: Ledger) -> None:
    ledger.append([event(1)])
    with ledger.path.open("ab") as file:
        file.write(b"a note")
    before = ledger.path.read_bytes()
    with pytest.raises(LedgerError, match="was changed or replaced while it was in use"):
        ledger.append([event(2)])
    assert ledger.path.read_bytes() == before


def test_a_ledger_that_could_not_be_seen_for_a_moment_is_opened_as_it_is(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of Python 3.14 a path whose disk fails does not exist (docs of pathlib.Path.exists)."""
    ledger.append([event(1)])
    before = ledger.path.read_bytes()
    monkeypatch.setattr(Path, "exists", lambda _: False)
    again = Ledger(ledger.path)
    again.open(ledger.end)
    again.close()
    assert ledger.path.read_bytes() == before


def test_what_could_not_be_synced_has_not_happened(ledger: Ledger) -> None:
    """After an error fsync(2) says that all is well, although it is not: nobody may come to believe in the line."""
    before = ledger.append([event(1)])

    def failing(operation: str, subject: str) -> None:
        if (operation, subject) == ("sync", str(ledger.path)):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with durable.observed(failing), pytest.raises(OSError, match="Input/output"):
        ledger.append([event(2)])
    assert list(Ledger(ledger.path).read()) == before
    after_it = ledger.append([event(3)])
    assert list(Ledger(ledger.path).read()) == [*before, *after_it]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"not json\n", "not an event"),
        (b"[]\n", "not an event"),
        (b'{"serial": 2, "prev": "x"}\n', "not an event"),
        (encode(event(2), serial=2, prev="f" * 64), "was altered"),
    ],
)
def test_a_damaged_line_is_named_by_its_place(ledger: Ledger, line: bytes, what: str) -> None:
    (entry,) = ledger.append([event(1)])
    with ledger.path.open("ab") as file:
        file.write(line)
    with pytest.raises(LedgerError, match=rf"after serial 1 \(byte {entry.length}\).*{what}"):
        list(ledger.read())


def test_serials_never_go_back(ledger: Ledger) -> None:
    (entry,) = ledger.append([event(1)])
    for serial in (0, 1, True, "2"):
        with pytest.raises(ValueError, match="serial"):
            decode(encode(event(2), serial=serial, prev=entry.sha256), after(entry))  # type: ignore[arg-type]


def test_a_broken_chain_is_told_from_other_damage(ledger: Ledger) -> None:
    (entry,) = ledger.append([event(1)])
    with pytest.raises(ChainBroken):
        decode(encode(event(2), serial=2, prev=GENESIS), after(entry))


def test_a_position_is_checked_against_the_line_before_it(ledger: Ledger) -> None:
    entries = ledger.append([event(1), event(2)])
    assert ledger.follows(START) and ledger.follows(after(entries[1]))
    data = ledger.path.read_bytes()
    ledger.path.write_bytes(data.replace(b"demo-2", b"demo-9"))
    assert ledger.follows(after(entries[0])) and not ledger.follows(after(entries[1]))
    ledger.path.write_bytes(data[: entries[0].length])
    assert not ledger.follows(after(entries[1]))
    ledger.path.unlink()
    assert not ledger.follows(after(entries[1]))


def test_a_missing_ledger_reads_as_empty(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "none.jsonl")
    assert (list(ledger.read()), ledger.exists(), ledger.torn_bytes(START)) == ([], False, 0)


def test_a_rebuilt_ledger_goes_on_above_what_was_shown(ledger: Ledger) -> None:
    ledger.append([event(1)])
    ledger.skip_to(41)
    assert [entry.serial for entry in ledger.append([event(2)])] == [42]
    assert [entry.serial for entry in ledger.read()] == [1, 42]


TEXT = st.text(max_size=20)
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(EventKind),
    at=st.floats(0, 4e9).map(timestamp),
    filename=st.none() | TEXT,
    reason=st.none() | TEXT,
    uid=st.none() | st.integers(0, 2**32),
    flaws=st.lists(
        st.builds(Flaw, code=TEXT, subject=TEXT, message=TEXT, level=st.sampled_from(Level)), max_size=2
    ).map(tuple),
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was_written(written: Event) -> None:
    line = encode(written, serial=1, prev=GENESIS)
    assert line.count(b"\n") == 1 and line.isascii()
    assert decode(line, START).event == written


@given(st.integers(0, 4_000_000_000))
def test_times_come_back(seconds: int) -> None:
    text = timestamp(seconds)
    assert (len(text), text[-1], seconds_of(text)) == (27, "Z", seconds)
