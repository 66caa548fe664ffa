"""Which index a log line is about, where a process has several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

INDEX: ContextVar[str | None] = ContextVar("index", default=None)
"""Which index the log lines of this thread are about, where there are several."""


@contextmanager
def of_index(name: str | None) -> Iterator[None]:
    """Every log line of a block names this index; None where there is only one."""
    token = INDEX.set(name)
    try:
        yield
    finally:
        INDEX.reset(token)
