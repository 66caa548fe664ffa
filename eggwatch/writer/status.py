"""status.json: what an index is doing, for `eggwatch status` and, without names of accounts, for monitors."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from eggwatch import __version__
from eggwatch.errors import DISK_FULL
from eggwatch.linux import capabilities
from eggwatch.linux.accounts import account_name
from eggwatch.model.events import timestamp
from eggwatch.model.names import shown
from eggwatch.model.status import Amount, Status, Watching
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.readers.missing import absences, root_serial
from eggwatch.readers.status_fields import (
    read_status,
    with_cursors,
    with_queue,
    with_surroundings,
    without_queue,
    writer_lives,
)
from eggwatch.store import durable
from eggwatch.store.durable import Permissions
from eggwatch.store.state.history import event_at
from eggwatch.store.state.ledger import Ledger

log = logging.getLogger("eggwatch")

SHORTEST_PAUSE = 1.0
BUSY_PAUSE, IDLE_PAUSE = 5.0, 60.0
"""Seconds after which the files are written anew although nothing has happened: what is in them has grown old."""
FULL_PAUSE = 10.0
"""Seconds after which a file is written again that could not be written."""
AGING = frozenset(("oldest_waiting_seconds", "disk_free"))
"""What changes without anything having happened."""


def state_of(pipeline: Pipeline, *, ready: bool, watching: str | None, watched: bool = True) -> Status:
    """The complete status, for accounts of this machine.

    `watching` says why there are no events, None if there are; not `watched`: events are not used.
    """
    uploads, components = pipeline.uploads, pipeline.components
    projects, files = components.catalog.counts()
    faults = _faults(pipeline, watching)
    status = Status(
        eggwatch=__version__,
        ready=ready,
        serial=components.ledger.end.serial,
        projects=projects,
        files=files,
        pages_current=pipeline.pages_current(),
        pages_stale=components.catalog.stale_count(),
        faults_count=len(faults),
        last_publish_seconds=pipeline.measures.latencies.last,
        last_event_at=_last_event_at(components.ledger),
        pid=os.getpid(),
        account=account_name(os.geteuid()),
        privileges=tuple(capabilities.held()),
        index=pipeline.config.name,
        waiting=uploads.waiting(),
        waiting_not_shown=uploads.not_shown(),
        in_hand=tuple(shown(path) for path in pipeline.in_hand()),
        watcher=Watching(mode="polling" if watching else "events", reason=watching) if watched else None,
        faults=faults,
        leavings=leavings_of(pipeline),
    )
    status = with_surroundings(with_queue(status, pipeline.queue(), now=components.now()), pipeline.config)
    cursors = {one.name: components.cursors.cursor(one.name) for one in components.notifiers}
    return with_cursors(status, components.ledger.end.serial, cursors)


def _last_event_at(ledger: Ledger) -> str | None:
    """Only the last line is read."""
    end = ledger.end
    event = event_at(ledger, (end.offset - end.length, end.length)) if end.length else None
    return None if event is None else event.at


def _faults(pipeline: Pipeline, watching: str | None) -> dict[str, str]:
    """What the operator should fix or know, by subject."""
    uploads, components = pipeline.uploads, pipeline.components
    faults = dict(uploads.faults)
    for one in absences(pipeline.config, components.catalog, shown=root_serial(pipeline.config)):
        faults.setdefault(one.what, one.text)
    if components.answers.fault and "drop" not in faults:
        faults["answers"] = f"{components.answers.fault}; answers are written to {pipeline.config.state / 'answers'}"
    if uploads.unproven:
        faults["leases"] = (
            f"file leases do not work here: uploads wait until unchanged for {pipeline.config.patience.quiet:g} s"
        )
    if left_open := components.inspectors.left_open():
        faults["inspectors"] = f"this kernel can't keep them from {', '.join(left_open)}"
    if watching and "drop" not in faults:  # what is not there can't be watched
        faults["events"] = watching
    return faults | pipeline.news.faults()


def leavings_of(pipeline: Pipeline) -> dict[str, Amount]:
    """The size of eggwatch's other files; None if they were not counted."""
    tallies, left = pipeline.housekeeping.kept, pipeline.uploads.leftovers
    rows = {name: Amount(files=tally.kept, bytes=tally.size) for name, tally in tallies.items()}
    if not rows:
        return {}
    return {**rows, "leftovers": Amount(files=len(left), bytes=sum(found.identity.size for found in left))}


class StatusFile:
    """Writes the two files when something has happened, at most once a second; else before they are too old."""

    def __init__(
        self, state: Path, public: Path, permissions: Permissions, *, make_room: Callable[[], object] | None = None
    ) -> None:
        """`make_room` is called when a disk is full, and may give a few blocks free."""
        self._make_room = make_room
        self._paths = (state / "status.json", public / "status.json")
        self._permissions = permissions
        self._written: list[dict[str, Any] | None] = [None, None]
        self._not_before = self._at = 0.0
        self._faults: dict[Path, str] = {}

    @property
    def fault(self) -> str | None:
        """Why the status files are outdated, if they are."""
        return "; ".join(f"{path} can't be written: {why}" for path, why in self._faults.items()) or None

    def is_due(self) -> bool:
        """Whether the pause is over in which nothing more is written."""
        return time.monotonic() >= self._not_before

    def write(self, status: Status, *, at: str) -> bool:
        """Write what changed, if a second has passed; False if something is still to be written."""
        if not self.is_due():
            return False
        pause = IDLE_PAUSE if status.oldest_waiting_seconds is None else BUSY_PAUSE
        if time.monotonic() >= self._at + pause:
            self._written = [None, None]
        before = self.fault
        self.write_now(status, at=at)
        return before is None and self.fault is None  # else it would repeat a fault that is over

    def write_now(self, status: Status, *, at: str) -> None:
        """Write what changed; each file for itself, since one of the disks may be full, or gone."""
        forms = [replace(status, at=None, running=None).as_json()]
        # An empty folder is the place where the disk of PUBLIC is to be mounted: it is left as it is. (Path.is_dir
        # raises what a network file system says whose server is gone.)
        public = self._paths[1].parent
        if not os.path.isdir(public) or any(os.path.exists(public / name) for name in ("simple", "files")):
            forms.append(replace(status, at=None, running=status.pid is not None).as_public_json())
        for number, data in enumerate(forms):
            content = {key: data[key] for key in data.keys() - AGING}
            if content != self._written[number]:
                text = json.dumps({**data, "at": at}, indent=1).encode() + b"\n"
                written, now = self._replace(number, text), time.monotonic()
                self._written[number] = content if written else None
                self._at = now
                self._not_before = now + (SHORTEST_PAUSE if written else FULL_PAUSE)

    def _replace(self, number: int, text: bytes) -> bool:
        path = self._paths[number]
        try:
            self._replace_once(path, text)
        except OSError as error:
            if self._faults.get(path) != error.strerror:
                log.warning("status   %s can't be written: %s", path, error)
            self._faults[path] = str(error.strerror)
            return False
        self._faults.pop(path, None)
        return True

    def _replace_once(self, path: Path, text: bytes) -> None:
        try:
            durable.replace(path, text, self._permissions)
        except OSError as error:
            if error.errno not in DISK_FULL or self._make_room is None:
                raise
            if path not in self._faults:
                log.warning("status   %s: ballast is freed for it: %s", path, error)
            self._make_room()
            durable.replace(path, text, self._permissions)

    def tell_down(self, why: str, *, at: str) -> None:
        """Write that this process has closed the index after an error; the rest is as before."""
        down = replace(without_queue(self.told()), schema=1, eggwatch=__version__, ready=False, faults_count=1)
        mine = replace(down, pid=os.getpid(), faults={"index": why}, in_hand=(), queue_counts={})
        self.write_now(mine, at=at)

    def told(self) -> Status:
        """The contents of the status files: of PUBLIC if the other can't be read; nothing without both."""
        return next(filter(None, map(read_status, self._paths)), Status())


def tell_last(pipeline: Pipeline, file: StatusFile) -> None:
    """Write how an index is left by who has worked on it."""
    before = file.told()
    last = replace(state_of(pipeline, ready=False, watching=None, watched=False), pid=None)
    if not last.leavings:  # who did not tidy has not looked
        last = replace(last, leavings=before.leavings or {})
    if before.pid != os.getpid() and writer_lives(before):  # a daemon will have it again
        last = replace(last, pid=before.pid, faults={**before.faults, **last.faults})
    file.write_now(last, at=timestamp(time.time()))
