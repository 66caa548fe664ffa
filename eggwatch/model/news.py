"""What people and programs outside are told about an event."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from eggwatch.model.events import SCHEMA, Event, EventKind
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Level

ANNOUNCED = tuple(kind for kind in EventKind if kind is not EventKind.IMPORTED)
"""The kinds of events that are announced, the most important first."""

_DONE = {
    EventKind.ADMITTED: "was published",
    EventKind.REJECTED: "was rejected",
    EventKind.YANKED: "was yanked",
    EventKind.UNYANKED: "is no longer yanked",
    EventKind.REMOVED: "was removed",
    EventKind.UNBLOCKED: "was unblocked",
    EventKind.QUARANTINED: "is damaged and was removed from the pages",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event that is to be delivered.

    `key` is the same at every repetition (an idempotency key); `index_url` is the URL of the simple index,
    `rules_url` that of the page of rules, None if unknown.
    """

    key: str
    index: str
    serial: int
    event: Event
    index_url: str
    rules_url: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The event as `history --json` prints it, with `key`, `index` and the headline as `text`."""
        return {
            **self.event.as_json(),
            "schema": SCHEMA,
            "serial": self.serial,
            "key": self.key,
            "index": self.index,
            "index_url": self.index_url,
            "rules_url": self.rules_url,
            "text": inert(headline(self.event)),
        }


def inert(text: str) -> str:
    """Text in which no chat finds a mention: @everyone, @here, <!channel>, <@U123> get a zero-width space."""
    return re.sub(r"@(?=\w)|<(?=[!@#])", lambda match: f"{match[0]}\u200b", text)


def headline(event: Event) -> str:
    """What has happened, in one line without control characters: names in archives are hostile."""
    who = event.uploader if event.is_verdict else event.actor
    by = f"{', uploaded' if event.is_verdict else ''} by {who}" if who else ""
    why = f": {event.reason}" if event.reason else ""
    if event.kind is EventKind.REJECTED and event.flaws:
        why = f": {', '.join(dict.fromkeys(flaw.code for flaw in event.flaws if flaw.level is Level.REFUSE))}"
    done = f"{_DONE[event.kind]}{by}{why}{of_removal(event)}"
    return shown(f"{event.filename or event.project or 'something'} {done}")


def of_removal(event: Event) -> str:
    """Until when removed bytes can be had, and whether they may return; nothing of other events."""
    if event.kind is not EventKind.REMOVED or event.bytes_until is None:
        return ""
    is_gone = event.bytes_until <= event.at
    until = "the file was deleted at once" if is_gone else f"it can be downloaded until {event.bytes_until[:19]}Z"
    return f"; {until}{', and it is blocked' if event.blocked else ''}"
