"""Replays the ledger into a catalog."""

from __future__ import annotations

from itertools import islice

from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.ledger import Ledger, Position

BATCH = 1000
"""Events in one transaction of the catalog."""


def replay(ledger: Ledger, catalog: Catalog) -> Position:
    """Apply the events that the catalog does not have yet; returns the end of the last complete line.

    Raises LedgerError for a damaged line, after the complete batches before it are applied.
    """
    entries = ledger.read(catalog.position())
    while batch := list(islice(entries, BATCH)):
        catalog.apply(batch)
    return catalog.position()


def catalog_of(ledger: Ledger) -> Catalog:
    """A catalog in memory from the whole ledger. Raises LedgerError for a damaged line."""
    catalog = Catalog(":memory:")
    replay(ledger, catalog)
    return catalog
