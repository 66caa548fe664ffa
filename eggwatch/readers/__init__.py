"""Reads an index without its lock: from its files, over HTTP, and its status."""
