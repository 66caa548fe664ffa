"""The ledger, and what disks, uploaders and careless hands do to it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from eggwatch.errors import LedgerError
from eggwatch.model.events import Event, EventKind
from eggwatch.store.durable import Permissions
from eggwatch.store.state.ledger import START, Ledger, after


def event(number: int, **more: object) -> Event:
    """One admission."""
    return Event(
        kind=EventKind.ADMITTED, at=f"2026-01-01T00:00:{number:02d}.000000Z", filename=f"demo-{number}.tar.gz", **more
    )  # type: ignore[arg-type]


def test_lines_are_plain_ascii(ledger: Ledger) -> None:
    """Hostile names can neither break a line nor a terminal that shows the file."""
    ledger.append([event(1, reason="two\nlines\u2028\x1b[2J\udcff", path="x\udcff/demo")])
    data = ledger.path.read_bytes()
    assert data.isascii() and data.count(b"\n") == 1 and b"\x1b" not in data
    (entry,) = ledger.read()
    assert entry.event.path == "x\udcff/demo"


def lines_of(ledger: Ledger) -> list[bytes]:
    """The lines, with their ends."""
    return ledger.path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    "forge",
    [
        lambda line: line.replace(b"demo-2", b"demo-9"),
        lambda line: line.replace(b'"serial":2', b'"serial":1'),
        lambda line: line.replace(b'"serial":2', b'"serial":true'),
        lambda line: b"\n",
        lambda line: b"not json\n",
        lambda line: b"[]\n",
        lambda line: b"null\n",
        lambda line: b'{"serial":2}\n',
        lambda line: line.replace(b'"prev":"', b'"prev":"0'),
        lambda line: b"\x00" * len(line[:-1]) + b"\n",
        lambda line: b"",
        lambda line: line + line,
    ],
)
def test_a_forged_line_is_refused_by_its_place(ledger: Ledger, forge: object) -> None:
    """Altered, cut out, doubled or nonsense: LedgerError with the serial before it, the byte, and the remedy."""
    ledger.append([event(number) for number in range(1, 5)])
    lines = lines_of(ledger)
    lines[1] = forge(lines[1])  # type: ignore[operator]
    ledger.path.write_bytes(b"".join(lines))
    with pytest.raises(LedgerError, match=r"damaged at the line after serial [12] \(byte \d+\)") as caught:
        list(Ledger(ledger.path).read())
    assert "eggwatch rebuild" in str(caught.value)


def test_swapped_lines_are_refused(ledger: Ledger) -> None:
    """The order is part of the chain."""
    ledger.append([event(number) for number in range(1, 4)])
    one, two, three = lines_of(ledger)
    ledger.path.write_bytes(two + one + three)
    with pytest.raises(LedgerError, match="after serial 0"):
        list(Ledger(ledger.path).read())


def test_an_altered_last_line_is_known_by_its_position(ledger: Ledger) -> None:
    """No line follows the last one, so it is compared with what the catalog remembers."""
    entry = ledger.append([event(1)])[0]
    assert ledger.follows(after(entry))
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"demo-1", b"demo-7"))
    assert not ledger.follows(after(entry))


@pytest.mark.parametrize("written", [0, 1, 100])
def test_a_full_disk_leaves_the_file_as_before(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    """ENOSPC in the middle of an append: no event was committed, and the next append succeeds."""
    ledger.append([event(1)])
    before, real, calls = ledger.path.read_bytes(), os.write, 0

    def full(fd: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls > 1 or not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, bytes(data)[:written])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        ledger.append([event(2), event(3)])
    monkeypatch.undo()
    assert ledger.path.read_bytes() == before
    assert [entry.serial for entry in ledger.append([event(4)])] == [2]
    assert [entry.event.filename for entry in ledger.read()] == ["demo-1.tar.gz", "demo-4.tar.gz"]


def test_short_writes_are_completed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """write(2) may take less than it was given."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:7]))
    ledger.append([event(1), event(2)])
    monkeypatch.undo()
    assert len(list(ledger.read())) == 2


def test_its_mode_is_as_configured_whatever_the_umask(tmp_path: Path) -> None:
    """A new ledger gets the mode of the configuration."""
    mask = os.umask(0o077)
    try:
        ledger = Ledger(tmp_path / "ledger.jsonl", Permissions(file=0o640))
        ledger.open(START)
        ledger.close()
    finally:
        os.umask(mask)
    assert ledger.path.stat().st_mode & 0o777 == 0o640
