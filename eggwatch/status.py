"""status.json: what an index is doing, for `eggwatch status` and, without names of accounts, for monitors."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eggwatch import __version__, privileges
from eggwatch.assembly import Index, opened_index, permissions_of
from eggwatch.config import IndexConfig
from eggwatch.model.events import timestamp
from eggwatch.model.names import shown
from eggwatch.obeying import drain
from eggwatch.pipeline import Pipeline
from eggwatch.sights import Queued, Stage
from eggwatch.store import durable
from eggwatch.store.accounts import account_name
from eggwatch.store.durable import Permissions
from eggwatch.store.ledger import Ledger, event_at
from eggwatch.store.verified import last as last_verified

log = logging.getLogger("eggwatch")

SHORTEST_PAUSE = 1.0
BUSY_PAUSE, IDLE_PAUSE = 5.0, 60.0
"""Seconds after which the files are written anew although nothing has happened: what is in them has grown old."""
AGING = frozenset(("oldest_waiting_seconds", "disk_free"))
"""What changes without anything having happened."""


def state_of(pipeline: Pipeline, *, ready: bool, watching: str | None, watched: bool = True) -> dict[str, Any]:
    """The whole state, for accounts of this machine.

    `watching` says why there are no events, None if there are; not `watched`: nobody has looked for any.
    """
    queue = pipeline.queue()
    public = _public_state(pipeline, queue, ready=ready)
    sights, parts = pipeline.sights, pipeline.parts
    return {
        **public,
        "pid": os.getpid(),
        "account": account_name(os.geteuid()),
        "privileges": privileges.held(),
        "index": pipeline.config.name,
        "waiting": sights.waiting(),
        "unfinished": sights.unfinished(),
        "in_hand": [shown(path) for path in pipeline.in_hand()],
        "queue": [queued_json(one) for one in queue],
        "watcher": {"mode": "polling" if watching else "events", "reason": watching} if watched else None,
        "faults": _faults(pipeline, watching),
        "leavings": {
            name: {"files": tally.kept, "bytes": tally.size} for name, tally in pipeline.news.leavings.items()
        },
        **told(parts.ledger.end.serial, {one.name: parts.catalog.cursor(one.name) for one in parts.notifiers}),
    }


def _faults(pipeline: Pipeline, watching: str | None) -> dict[str, str]:
    """What the operator should mend, or at least know of, by what it is about."""
    sights, parts = pipeline.sights, pipeline.parts
    faults = dict(sights.faults)
    if parts.answers.fault and "drop" not in faults:
        faults["answers"] = f"{parts.answers.fault}: answers lie in {pipeline.config.state / 'answers'}"
    if sights.unproven:
        faults["leases"] = (
            f"leases prove nothing here: uploads wait until they are quiet for {pipeline.config.patience.quiet:g} s"
        )
    if left_open := parts.inspectors.left_open():
        faults["inspectors"] = f"this kernel can't keep them from {', '.join(left_open)}"
    if watching:
        faults["events"] = watching
    return faults


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


def public_state(pipeline: Pipeline, *, ready: bool) -> dict[str, Any]:
    """What monitors may know: no names of accounts, no waiting files."""
    return _public_state(pipeline, pipeline.queue(), ready=ready)


def _public_state(pipeline: Pipeline, queue: list[Queued], *, ready: bool) -> dict[str, Any]:
    catalog = pipeline.parts.catalog
    projects, files = catalog.counts()
    return {
        "schema": 1,
        "eggwatch": __version__,
        "ready": ready,
        "serial": pipeline.parts.ledger.end.serial,
        "projects": projects,
        "files": files,
        "pages_current": pipeline.pages_current(),
        "pages_stale": catalog.stale_count(),
        "faults_count": len(pipeline.sights.faults),
        **lag(queue, now=pipeline.parts.now()),
        "last_publish_seconds": pipeline.measures.latencies.last,
        "last_event_at": _last_event_at(pipeline.parts.ledger),
        **around(pipeline.config),
    }


def lag(queue: Collection[Queued], *, now: float) -> dict[str, Any]:
    """How many uploads have no verdict, and the age of the oldest that could be published; None without any."""
    ready = [max(now - one.since, 0.0) for one in queue if one.stage is not Stage.UNFINISHED]
    return {"queue_length": len(queue), "oldest_waiting_seconds": round(max(ready), 1) if ready else None}


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


def _last_event_at(ledger: Ledger) -> str | None:
    """When the last event happened: its line is read, and no other."""
    end = ledger.end
    event = event_at(ledger, (end.offset - end.length, end.length)) if end.length else None
    return None if event is None else event.at


class StatusFile:
    """Writes the two files when something has happened, at most once a second; else before they are too old."""

    def __init__(self, state: Path, public: Path, permissions: Permissions) -> None:
        self._paths = (state / "status.json", public / "status.json")
        self._permissions = permissions
        self._written: list[bytes] = [b"", b""]
        self._not_before = self._at = 0.0

    def is_due(self) -> bool:
        """Whether the second is over in which nothing more is written."""
        return time.monotonic() >= self._not_before

    def write(self, private: dict[str, Any], public: dict[str, Any], *, at: str) -> bool:
        """Write what changed, if a second has passed; False if something is still to be written."""
        if not self.is_due():
            return False
        pause = IDLE_PAUSE if public["oldest_waiting_seconds"] is None else BUSY_PAUSE
        if time.monotonic() >= self._at + pause:
            self._written = [b"", b""]
        self.write_now(private, public, at=at)
        return True

    def write_now(self, private: dict[str, Any], public: dict[str, Any], *, at: str) -> None:
        """Write what changed."""
        for number, data in enumerate((private, public)):
            content = json.dumps({key: data[key] for key in data.keys() - AGING}, sort_keys=True).encode()
            if content != self._written[number]:
                text = json.dumps({**data, "at": at}, indent=1).encode() + b"\n"
                durable.replace(self._paths[number], text, self._permissions)
                self._written[number] = content
                self._at = time.monotonic()
                self._not_before = self._at + SHORTEST_PAUSE


@contextmanager
def told_index(config: IndexConfig) -> Iterator[Index]:
    """An index for one command (`opened_index`): what was asked of others is done first (STATE/orders/).

    Afterwards the two files tell what is so.
    """
    with opened_index(config) as index:
        drain(index.pipeline, index.orders)
        yield index
        try:
            tell_last(index.pipeline, StatusFile(config.state, config.public, permissions_of(config)))
        except OSError as error:  # the command has done its work; these files can wait
            log.warning("status.json can't be written: %s", error)


def tell_last(pipeline: Pipeline, file: StatusFile) -> None:
    """Write how an index is left by who has worked on it."""
    private = {**state_of(pipeline, ready=False, watching=None, watched=False), "pid": None}
    file.write_now(private, public_state(pipeline, ready=False), at=timestamp(time.time()))
