"""What people and programs outside are told of an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eggwatch.model.events import SCHEMA, Event
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Level

TOLD = ("admitted", "rejected", "yanked", "unyanked", "removed", "quarantined")
"""The kinds of events that are told, in the order of their importance to a reader; imported files never are."""

_DONE = {
    "admitted": "was published",
    "rejected": "was refused",
    "yanked": "was yanked",
    "unyanked": "is no longer yanked",
    "removed": "was removed",
    "quarantined": "is damaged and was taken off the pages",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event on its way to somebody.

    `key` names it, the same at every repetition (an idempotency key); `index_url` is the URL of the simple index.
    """

    key: str
    index: str
    serial: int
    event: Event
    index_url: str

    def as_json(self) -> dict[str, Any]:
        """The event as `history --json` prints it, with `key`, `index` and the headline as `text`."""
        return {
            **self.event.as_json(),
            "schema": SCHEMA,
            "serial": self.serial,
            "key": self.key,
            "index": self.index,
            "index_url": self.index_url,
            "text": headline(self.event),
        }


def headline(event: Event) -> str:
    """What has happened, in one line without control characters: names in archives are hostile."""
    who = event.uploader if event.kind in ("admitted", "rejected") else event.actor
    by = f" by {who}" if who else ""
    why = f": {event.reason}" if event.reason else ""
    if event.kind == "rejected" and event.flaws:
        why = f": {', '.join(dict.fromkeys(flaw.code for flaw in event.flaws if flaw.level is Level.REFUSE))}"
    return shown(f"{event.filename or event.project or 'something'} {_DONE[event.kind]}{_preposition(event, by)}{why}")


def _preposition(event: Event, by: str) -> str:
    return f", uploaded{by}" if by and event.kind in ("admitted", "rejected") else by
