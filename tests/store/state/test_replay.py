"""The replay: a catalog gets what the ledger has and it has not, wherever it stood."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.errors import LedgerError
from eggwatch.store.state import replay as replaying
from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.ledger import START, Ledger
from eggwatch.store.state.replay import catalog_of, replay
from tests.store.state.test_catalog import event


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger of three events, replayed in batches of two."""
    monkeypatch.setattr(replaying, "BATCH", 2)
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.open(START)
    ledger.append(event("admitted", f"demo-{number}.0.tar.gz", number=number) for number in range(3))
    return ledger


def test_a_catalog_is_brought_to_the_end_of_the_ledger(ledger: Ledger) -> None:
    """An empty catalog applies all events, an older one those that it lacks, a current one none."""
    catalog = Catalog(":memory:")
    assert replay(ledger, catalog) == ledger.end == catalog.position()
    ledger.append([event("removed", "demo-0.0.tar.gz", number=4)])
    assert replay(ledger, catalog) == replay(ledger, catalog) == ledger.end
    assert list(catalog.every_file()) == list(catalog_of(ledger).every_file())
    assert catalog.counts() == (1, 2)


def test_a_damaged_line_is_named(ledger: Ledger) -> None:
    """A replay ends there, with an error, and nothing after it is applied."""
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join([*lines[:2], b"{}\n", lines[2]]))
    catalog = Catalog(":memory:")
    with pytest.raises(LedgerError, match="after serial 2"):
        replay(ledger, catalog)
    assert catalog.position().serial == 2


def test_a_torn_last_line_is_left_out(ledger: Ledger) -> None:
    """It was never announced; the ledger ends with the line before."""
    with ledger.path.open("ab") as file:
        file.write(b'{"serial": 4')
    assert replay(ledger, Catalog(":memory:")) == ledger.end
