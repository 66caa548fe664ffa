"""What has happened: the events of the ledger, and their form as one JSON object."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from eggwatch.model.verdicts import Flaw

SCHEMA, SCHEMA_OF_BLOCKS = 1, 2
"""Of a ledger's lines; those that block or unblock a file are of the second: a version that could not obey them is to
say so, and not to publish what was blocked."""
GENESIS = "0" * 64
"""The `prev` of a ledger's first line."""
IMPORTER, REBUILDER = "eggwatch import", "eggwatch rebuild"
"""The actors of events that put on record what happened elsewhere, or before."""


class EventKind(StrEnum):
    """What an event says has happened; in the order of importance to a reader."""

    ADMITTED = "admitted"
    REJECTED = "rejected"
    YANKED = "yanked"
    UNYANKED = "unyanked"
    REMOVED = "removed"
    UNBLOCKED = "unblocked"
    QUARANTINED = "quarantined"
    """Its published bytes were damaged, and were taken off the pages."""
    IMPORTED = "imported"
    """Recorded for something that happened elsewhere or before; not announced."""


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with microseconds, from seconds since the epoch."""
    moment = datetime.fromtimestamp(seconds, tz=UTC)  # not strftime: its years before 1000 have less than four digits
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """The moment that RFC 3339 names (the way back from `timestamp`)."""
    return datetime.fromisoformat(text)


def seconds_of(text: str) -> float:
    """Seconds since the epoch, from RFC 3339."""
    return moment_of(text).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the ledger, without its `serial`, which the ledger gives, and `prev`, which it computes.

    `kind` is `event` in JSON. `at` is RFC 3339 in UTC with microseconds. Absent fields are None.
    """

    kind: EventKind
    at: str
    project: str | None = None
    version: str | None = None
    filename: str | None = None
    sha256: str | None = None
    size: int | None = None
    uploader: str | None = None
    uid: int | None = None
    actor: str | None = None
    reason: str | None = None
    flaws: tuple[Flaw, ...] = ()
    name: str | None = None
    requires_python: str | None = None
    metadata_sha256: str | None = None
    path: str | None = None
    """The path in the drop folder that the file came from."""
    first_upload_time: str | None = None
    """Set by `rebuild` and by imports that know it: when the file first entered this index."""
    bytes_until: str | None = None
    """Of a removal: until when the bytes are kept for clients that have an older page."""
    blocked: bool | None = None
    """Of a removal: neither this name nor these bytes may return before they are unblocked."""

    @property
    def schema(self) -> int:
        """The oldest schema by which the event can be obeyed."""
        return SCHEMA_OF_BLOCKS if self.blocked or self.kind is EventKind.UNBLOCKED else SCHEMA

    @property
    def is_verdict(self) -> bool:
        """Whether it is what became of an upload, and not of a published file."""
        return self.kind in (EventKind.ADMITTED, EventKind.REJECTED)

    def as_json(self) -> dict[str, Any]:
        """The event as docs/contract.rst writes it; every key is there, absent is null."""
        data: dict[str, Any] = {"schema": SCHEMA, "at": self.at, "event": str(self.kind)}
        for field in fields(self):
            if field.name not in ("kind", "at", "flaws"):
                data[field.name] = getattr(self, field.name)
        data["flaws"] = [flaw.as_json() for flaw in self.flaws]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The event from `as_json`; unknown keys are ignored. Raises KeyError or ValueError for anything else."""
        known = {field.name for field in fields(cls)} - {"kind", "at", "flaws"}
        values = {key: data.get(key) for key in known}
        flaws = tuple(Flaw.from_json(flaw) for flaw in data.get("flaws", ()))
        return cls(kind=EventKind(data["event"]), at=data["at"], flaws=flaws, **values)


def is_news(event: Event) -> bool:
    """True if an event is announced: not if it only records what happened before."""
    return event.kind is not EventKind.IMPORTED and event.actor not in (IMPORTER, REBUILDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event and its place in the ledger: its serial, the byte offset of its line, and the line's hash."""

    serial: int
    event: Event
    offset: int
    length: int
    sha256: str
