"""status.json: what an index is doing, for `eggwatch status` and, without names of accounts, for monitors."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
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
from eggwatch.store import durable
from eggwatch.store.accounts import account_name
from eggwatch.store.durable import Permissions

log = logging.getLogger("eggwatch")

SHORTEST_PAUSE = 1.0


def state_of(pipeline: Pipeline, *, ready: bool, watching: str | None) -> dict[str, Any]:
    """The whole state, for accounts of this machine. `watching` says why there are no events, None if there are."""
    public = public_state(pipeline, ready=ready)
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
    return {
        **public,
        "pid": os.getpid(),
        "account": account_name(os.geteuid()),
        "privileges": privileges.held(),
        "index": pipeline.config.name,
        "waiting": sights.waiting(),
        "unfinished": sights.unfinished(),
        "in_hand": [shown(path) for path in pipeline.in_hand()],
        "faults": faults,
        "leavings": {
            name: {"files": tally.kept, "bytes": tally.size} for name, tally in pipeline.news.leavings.items()
        },
        "cursors": {notifier.name: parts.catalog.cursor(notifier.name) for notifier in parts.notifiers},
    }


def public_state(pipeline: Pipeline, *, ready: bool) -> dict[str, Any]:
    """What monitors may know: no names of accounts, no waiting files."""
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
    }


class StatusFile:
    """Writes the two files when something changed, at most once a second."""

    def __init__(self, state: Path, public: Path, permissions: Permissions) -> None:
        self._paths = (state / "status.json", public / "status.json")
        self._permissions = permissions
        self._written: list[bytes] = [b"", b""]
        self._not_before = 0.0

    def write(self, private: dict[str, Any], public: dict[str, Any], *, at: str) -> bool:
        """Write what changed, if a second has passed; False if something is still to be written."""
        if time.monotonic() < self._not_before:
            return False
        self.write_now(private, public, at=at)
        return True

    def write_now(self, private: dict[str, Any], public: dict[str, Any], *, at: str) -> None:
        """Write what changed."""
        for number, data in enumerate((private, public)):
            content = json.dumps(data, sort_keys=True).encode()
            if content != self._written[number]:
                text = json.dumps({**data, "at": at}, indent=1).encode() + b"\n"
                durable.replace(self._paths[number], text, self._permissions)
                self._written[number] = content
                self._not_before = time.monotonic() + SHORTEST_PAUSE


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
    private = {**state_of(pipeline, ready=False, watching=None), "pid": None}
    file.write_now(private, public_state(pipeline, ready=False), at=timestamp(time.time()))
