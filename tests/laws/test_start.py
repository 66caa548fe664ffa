"""What a start reads: nothing that grows with the index (docs/design.rst, Where things are kept)."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.model.events import Entry
from eggwatch.store.state import ledger
from eggwatch.store.state.ledger import Position
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork


@pytest.mark.parametrize("order", [None, "yank"])
def test_a_start_after_an_orderly_stop_reads_no_old_line_of_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str | None
) -> None:
    """Everything was applied and told when it stopped, so no line is decoded, however many there are."""
    with IndexAtWork(tmp_path) as site:
        for number in range(3):
            site.upload(*wheel("demo", f"1.{number}"))
        if order is not None:
            site.order(order, "demo==1.0")
    read: list[int] = []
    original = ledger.decode

    def decode(line: bytes, previous: Position) -> Entry:
        entry = original(line, previous)
        read.append(entry.serial)
        return entry

    monkeypatch.setattr(ledger, "decode", decode)
    with IndexAtWork(tmp_path) as site:
        assert read == []
        site.upload(*wheel("demo", "2.0"))
        assert len(read) == 1
