"""Notifiers. Each has its own cursor in the ledger, and gets again what it may have missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eggwatch.model.events import Entry
from eggwatch.model.news import Notice


class Notifier(Protocol):
    """A notifier on this machine, which the daemon itself calls after the page of an event is visible."""

    name: str
    """The name of its cursor; unique and stable."""

    def tell(self, entry: Entry) -> None:
        """Deliver one event; after a crash it may be repeated, with the same serial as key."""
        ...


class Messenger(Protocol):
    """A notifier that may be slow or fail; a process beside the daemon calls it (`service.courier`)."""

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Deliver these events together; this may be repeated, with the same keys.

        Raises NotDelivered if it should be tried again, NeverDelivered if that would be useless.
        """
        ...


class NotDelivered(Exception):  # noqa: N818  (a state of affairs)
    """The news could not be delivered; the message says why and, if possible, how to fix it."""


class NeverDelivered(NotDelivered):
    """The other side has said that it will not take them, also later."""
