"""Who tells the news. Each notifier has its own cursor in the ledger, and is told again what it may have missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eggwatch.model.events import Entry
from eggwatch.model.news import Notice


class Notifier(Protocol):
    """Something on this machine that is told of an event by the daemon itself, after its page is visible."""

    name: str
    """The name of its cursor; unique and stable."""

    def tell(self, entry: Entry) -> None:
        """Tell one event; may happen again after a crash, with the same serial as key."""
        ...


class Messenger(Protocol):
    """Something that takes its time, and may fail: it is told by a process beside the daemon (`service.courier`)."""

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Tell these events, together; may happen again, with the same keys.

        NotDelivered if it should be tried again, NeverDelivered if that would be of no use.
        """
        ...


class NotDelivered(Exception):  # noqa: N818  (a state of affairs)
    """The news could not be delivered; the message says why and, where it can, what mends it."""


class NeverDelivered(NotDelivered):
    """The other side has said that it will not take them, also later."""
