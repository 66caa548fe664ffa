"""The status of an index, as in STATE/status.json, PUBLIC/status.json and `eggwatch status --json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

PUBLIC = (
    *("schema", "eggwatch", "ready", "serial", "projects", "files", "pages_current", "pages_stale", "faults_count"),
    *("queue_length", "oldest_waiting_seconds", "last_publish_seconds", "last_event_at"),
    *("disk_free", "min_free", "last_verify", "running", "at", "asked_at"),
)
"""What monitors may know: no names of accounts, no waiting files."""
NULL = frozenset(
    (
        *("queue_length", "oldest_waiting_seconds", "last_publish_seconds", "last_event_at", "last_verify"),
        *("pid", "account", "privileges", "watcher"),
    )
)
"""Fields that are written as null if there is none; other unknown fields are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """A file in the drop folder, and why it is still there."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedUpload:
    """An upload without a verdict: how far it has come, since when (RFC 3339), and what it waits for."""

    path: str
    stage: str
    since: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How uploads are found: `mode` is `events`, or `polling` for a `reason`."""

    mode: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How many files and bytes a folder contains."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LastVerify:
    """When `verify` last came to its end (RFC 3339), and what it found."""

    at: str
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How far one subscription has come: behind by how many events, failing since when (RFC 3339), and why."""

    cursor: int
    behind: int
    undelivered: int
    failures: int
    failing_since: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An index at one moment; None means unknown. The fields are in the order in which they are written."""

    schema: int = 1
    eggwatch: str | None = None
    ready: bool | None = None
    serial: int | None = None
    projects: int | None = None
    files: int | None = None
    pages_current: bool | None = None
    pages_stale: int | None = None
    faults_count: int | None = None
    queue_length: int | None = None
    oldest_waiting_seconds: float | None = None
    last_publish_seconds: float | None = None
    last_event_at: str | None = None
    disk_free: Mapping[str, int | None] | None = None
    min_free: int | None = None
    last_verify: LastVerify | None = None
    pid: int | None = None
    account: str | None = None
    privileges: tuple[str, ...] | None = None
    index: str | None = None
    waiting: tuple[WaitingFile, ...] = ()
    waiting_not_shown: int | None = None
    in_hand: tuple[str, ...] | None = None
    queue_counts: Mapping[str, int] | None = None
    queue: tuple[QueuedUpload, ...] = ()
    unfinished: tuple[str, ...] = ()
    watcher: Watching | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    """What is to be fixed, by subject."""
    leavings: Mapping[str, Amount] | None = None
    cursors: Mapping[str, int] | None = None
    behind: Mapping[str, int] | None = None
    at: str | None = None
    """When it was written; `asked_at` is when a server was asked for it, by the server's clock."""
    asked_at: str | None = None
    running: bool | None = None
    unseen: str | None = None
    """Why this account can't know what waits."""

    def as_json(self) -> dict[str, Any]:
        """All that is known."""
        return self._json(self.__slots__)

    def as_public_json(self) -> dict[str, Any]:
        """All that monitors may know."""
        return self._json(PUBLIC)

    def _json(self, names: Iterable[str]) -> dict[str, Any]:
        values = ((name, getattr(self, name)) for name in names)
        return {name: _plain(value) for name, value in values if value is not None or name in NULL}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The status from either form; unknown keys are ignored. Raises KeyError or TypeError for anything else."""
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        return cls(
            **{name: CONVERSIONS[name](value) if name in CONVERSIONS else value for name, value in known.items()}
        )


def _plain(value: Any) -> Any:
    """A value as JSON has it. Not by `asdict`, which copies each text of each row, many times a minute."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, WaitingFile | QueuedUpload | Watching | Amount | LastVerify):
        return {name: getattr(value, name) for name in value.__slots__}
    return value


def _part(kind: type, data: Mapping[str, Any]) -> Any:
    return kind(**{one.name: data[one.name] for one in fields(kind)})


CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "last_verify": lambda data: data and _part(LastVerify, data),
    "privileges": lambda names: names and tuple(names),
    "waiting": lambda rows: tuple(_part(WaitingFile, row) for row in rows),
    "in_hand": tuple,
    "queue": lambda rows: tuple(_part(QueuedUpload, row) for row in rows),
    "unfinished": tuple,
    "watcher": lambda data: data and _part(Watching, data),
    "leavings": lambda folders: {name: _part(Amount, data) for name, data in folders.items()},
}
"""How fields that are not plain JSON values come back."""
