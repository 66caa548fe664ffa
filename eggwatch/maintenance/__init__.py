"""verify, repair, rebuild, backup and import, each named as its command; index_*.py belong to index."""
