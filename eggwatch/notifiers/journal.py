"""The log's own line for each event, with fields and a message id that the journal's catalog explains.

MESSAGE_IDs are those of contrib/systemd/eggwatch.catalog (systemd.journal-fields(7)); they never change.
"""

from __future__ import annotations

import logging
from typing import Any

from eggwatch.model.events import Entry, Event, EventKind
from eggwatch.model.names import shown
from eggwatch.model.news import headline

log = logging.getLogger("eggwatch")

NOTICE = 25
"""Syslog's notice, "normal but significant", between INFO and WARNING: a refusal is its uploader's matter, no alert."""

MESSAGE_IDS = {
    EventKind.ADMITTED: "73907523f41f4b1a8a72be7166bf5fb9",
    EventKind.REJECTED: "a1a7c43fef3f43d892fd87cd2dc58363",
    EventKind.YANKED: "45ff49ca3c714c16a9bbc5dfbfd6aec8",
    EventKind.UNYANKED: "b9b8a194294b4c0ba505f35256e6e93c",
    EventKind.REMOVED: "548f2fe68f114bf7974198245dc240d1",
    EventKind.UNBLOCKED: "7d0c5b1e64f84a0f9c3a2be19d56f048",
    EventKind.QUARANTINED: "e66a2c56f6a6458280dc4655052b1abd",
}
LEVELS = {EventKind.ADMITTED: logging.INFO, EventKind.QUARANTINED: logging.CRITICAL}


class JournalNotifier:
    """Writes the line; where it goes is the business of whoever has set up the log."""

    name = "journal"

    def __init__(self, index: str) -> None:
        self._index = index

    def tell(self, entry: Entry) -> None:
        """Log one event."""
        level = LEVELS.get(entry.event.kind, NOTICE)
        log.log(level, "announce %s", headline(entry.event), extra=fields_of(self._index, entry))


def fields_of(index: str, entry: Entry) -> dict[str, Any]:
    """The fields of an event: what is absent is left out, and text from archives has no control characters."""
    event = entry.event
    fields = {
        "MESSAGE_ID": MESSAGE_IDS[event.kind],
        "EGGWATCH_EVENT": event.kind,
        "EGGWATCH_INDEX": index,
        "EGGWATCH_SERIAL": str(entry.serial),
        "EGGWATCH_PROJECT": event.project,
        "EGGWATCH_VERSION": event.version,
        "EGGWATCH_FILENAME": event.filename,
        "EGGWATCH_SHA256": event.sha256,
        "EGGWATCH_SIZE": None if event.size is None else str(event.size),
        "EGGWATCH_UPLOADER": event.uploader,
        "EGGWATCH_ACTOR": event.actor,
        "EGGWATCH_REASON": event.reason,
        "EGGWATCH_FLAWS": " ".join(dict.fromkeys(flaw.code for flaw in event.flaws)),
    }
    shown_fields = {key: shown(value) for key, value in fields.items() if value}
    return {**shown_fields, "EGGWATCH_EXPLANATION": explanation(event)} if event.flaws else shown_fields


def explanation(event: Event) -> str:
    """Every flaw and its remedy, one line each, for the journal's catalog."""
    return "\n".join(shown(f"{flaw.code}: {flaw.subject}: {flaw.message}") for flaw in event.flaws)
