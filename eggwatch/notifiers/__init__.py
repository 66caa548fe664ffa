"""Who tells the news. Each notifier has its own cursor in the ledger, and is told again what it may have missed."""

from __future__ import annotations

from typing import Protocol

from eggwatch.model.events import Entry


class Notifier(Protocol):
    """Something that tells people or programs of an event, after its page is visible."""

    name: str
    """The name of its cursor; unique and stable."""

    def tell(self, entry: Entry) -> None:
        """Tell one event; may happen again after a crash, with the same serial as key."""
        ...
