"""The ledger replayed into a catalog: by the writer at its start, and for whoever looks at all that has happened."""

from __future__ import annotations

from itertools import islice

from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.ledger import Ledger, Position

BATCH = 1000
"""Events in one transaction of the catalog."""


def replay(ledger: Ledger, catalog: Catalog) -> Position:
    """Apply what the ledger has and the catalog has not; answers with the end of the last whole line.

    LedgerError names a damaged line; whole batches before it are applied by then.
    """
    entries = ledger.read(catalog.position())
    while batch := list(islice(entries, BATCH)):
        catalog.apply(batch)
    return catalog.position()


def catalog_of(ledger: Ledger) -> Catalog:
    """A catalog in memory, made from the whole ledger. LedgerError names a damaged line."""
    catalog = Catalog(":memory:")
    replay(ledger, catalog)
    return catalog
