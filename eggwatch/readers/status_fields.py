"""The fields of `status` that the daemon writes and that everybody else fills in where no daemon runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.events import timestamp
from eggwatch.model.names import shown
from eggwatch.model.queue import Queue, Queued, Stage
from eggwatch.store.state.verified import last as last_verified

UNKNOWN_LAG = {"queue_length": None, "oldest_waiting_seconds": None}
"""Of a queue that nobody has looked at."""


def queued_json(queued: Queued) -> dict[str, Any]:
    """One upload of the queue, for scripts."""
    return {
        "path": shown(queued.path),
        "stage": str(queued.stage),
        "since": timestamp(queued.since),
        "reason": shown(queued.reason),
    }


def told(serial: int, cursors: Mapping[str, int]) -> dict[str, Any]:
    """Up to where each notifier has told, and by how many events it is behind the ledger's last `serial`."""
    behind = {name: max(serial - cursor, 0) for name, cursor in cursors.items()}
    return {"cursors": dict(cursors), "behind": behind}


def lag(queue: Queue, *, now: float) -> dict[str, Any]:
    """How many uploads have no verdict, and the age of the oldest that could be published; None without any."""
    age = None if queue.oldest is None else round(max(now - queue.oldest, 0.0), 1)
    return {"queue_length": len(queue), "oldest_waiting_seconds": age}


def queue_rows(queue: Queue) -> dict[str, Any]:
    """What the accounts of this machine may know besides: how many have come how far, and the first of them."""
    return {
        "queue_counts": {str(stage): queue.counts.get(stage, 0) for stage in Stage},
        "queue": [queued_json(one) for one in queue.rows],
        "unfinished": [shown(one.path) for one in queue.rows],
    }


def around(config: IndexConfig) -> dict[str, Any]:
    """What anybody may see who can enter the folders: free bytes (None where they can't), the last `verify`."""
    verified = last_verified(config.state)
    return {
        "disk_free": {name: free_bytes(folder) for name, folder in folders_of(config).items()},
        "min_free": config.min_free,
        "last_verify": None if verified is None else {"at": verified.at, "findings": verified.findings},
    }


def folders_of(config: IndexConfig) -> dict[str, Path]:
    """The three folders by their names in the configuration."""
    return {"public": config.public, "state": config.state, "drop": config.drop}


def free_bytes(folder: Path) -> int | None:
    """What an ordinary account could still write there; None where that can't be told."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def writer_lives(said: Mapping[str, Any]) -> bool:
    """Whether the daemon that wrote STATE/status.json is still there, and no other process has its number."""
    try:
        return b"eggwatch" in Path(f"/proc/{int(said['pid'])}/cmdline").read_bytes()
    except (OSError, KeyError, TypeError, ValueError):
        return False
