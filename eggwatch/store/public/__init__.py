"""PUBLIC: the pool of published archives, and the spool beside it."""
