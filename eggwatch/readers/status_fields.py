"""The parts of a status that the daemon fills in, and everybody else where no daemon runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.events import seconds_of, timestamp
from eggwatch.model.names import shown
from eggwatch.model.queue import Queue, Stage
from eggwatch.model.status import LastVerify, QueuedUpload, Status
from eggwatch.store.state.verified import last as last_verified

SILENCE = 180.0
"""Seconds after which a daemon that is alive would have written status.json anew, three times over."""


def with_cursors(status: Status, serial: int, cursors: Mapping[str, int]) -> Status:
    """The cursor of each notifier, and how many events it is behind the ledger's last `serial`."""
    behind = {name: max(serial - cursor, 0) for name, cursor in cursors.items()}
    return replace(status, cursors=dict(cursors), behind=behind)


def with_queue(status: Status, queue: Queue, *, now: float) -> Status:
    """The uploads without a verdict, and the age of the oldest that could be published; None without any."""
    rows = [
        QueuedUpload(path=shown(one.path), stage=one.stage, since=timestamp(one.since), reason=shown(one.reason))
        for one in queue.rows
    ]
    return replace(
        status,
        queue_length=len(queue),
        oldest_waiting_seconds=None if queue.oldest is None else round(max(now - queue.oldest, 0.0), 1),
        queue_counts={str(stage): queue.counts.get(stage, 0) for stage in Stage},
        queue=tuple(rows),
        unfinished=tuple(row.path for row in rows),
    )


def without_queue(status: Status) -> Status:
    """What is waiting is unknown."""
    return replace(status, queue_length=None, oldest_waiting_seconds=None, waiting=(), queue=(), unfinished=())


def with_surroundings(status: Status, config: IndexConfig) -> Status:
    """What anybody may see who can enter the folders: free bytes (None where they can't), the last `verify`."""
    verified = last_verified(config.state)
    folders = {"public": config.public, "state": config.state, "drop": config.drop}
    return replace(
        status,
        disk_free={name: free_bytes(folder) for name, folder in folders.items()},
        min_free=config.min_free,
        last_verify=None if verified is None else LastVerify(at=verified.at, findings=verified.findings),
    )


def free_bytes(folder: Path) -> int | None:
    """The bytes that an ordinary account can still write there; None if unknown."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def read_status(path: Path) -> Status | None:
    """The contents of a status.json; None if it is missing, or this account can't read it."""
    try:
        return Status.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def writer_lives(said: Status) -> bool:
    """Whether the daemon that wrote STATE/status.json is still there, and no other process has its number."""
    try:
        return said.pid is not None and b"eggwatch" in Path(f"/proc/{int(said.pid)}/cmdline").read_bytes()
    except (OSError, TypeError, ValueError):
        return False


def is_silent(state: Status) -> bool:
    """True if a daemon that did not stop in order has not updated its status (`at`) for too long before `asked_at`."""
    try:
        age = seconds_of(state.asked_at or timestamp(time.time())) - seconds_of(state.at or "")
    except (TypeError, ValueError):
        return False
    return state.running is not False and age > SILENCE
