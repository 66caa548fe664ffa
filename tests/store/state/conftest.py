"""A ledger to write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.store.state.ledger import START, Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An open, empty ledger."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.open(START)
    yield ledger
    ledger.close()
