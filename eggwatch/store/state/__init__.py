"""STATE: the ledger, the catalog made from it, orders, cursors and the lock."""
