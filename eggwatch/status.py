"""status.json: what an index is doing, for `eggwatch status` and, without names of accounts, for monitors."""

from __future__ import annotations

import errno
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eggwatch import __version__, privileges
from eggwatch.assembly import Index, opened_index, permissions_of
from eggwatch.config import IndexConfig
from eggwatch.model.events import timestamp
from eggwatch.pipeline import Pipeline
from eggwatch.store import durable
from eggwatch.store.accounts import account_name
from eggwatch.store.durable import Permissions

log = logging.getLogger("eggwatch")

SHORTEST_PAUSE = 1.0
FULL_PAUSE = 10.0
"""Seconds after which a file is written again that could not be written."""


def faults_of(pipeline: Pipeline, *, watching: str | None) -> dict[str, str]:
    """Everything that is to be mended. `watching` says why there are no events, None if there are."""
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
    return faults | pipeline.news.faults()


def state_of(pipeline: Pipeline, *, ready: bool, watching: str | None) -> dict[str, Any]:
    """The whole state, for accounts of this machine. `watching` says why there are no events, None if there are."""
    public = public_state(pipeline, ready=ready, watching=watching)
    sights, parts = pipeline.sights, pipeline.parts
    return {
        **public,
        "pid": os.getpid(),
        "account": account_name(os.geteuid()),
        "privileges": privileges.held(),
        "index": pipeline.config.name,
        "waiting": sights.waiting(),
        "unfinished": sights.unfinished(),
        "in_hand": pipeline.in_hand(),
        "faults": faults_of(pipeline, watching=watching),
        "leavings": leavings_of(pipeline),
        "cursors": {notifier.name: parts.catalog.cursor(notifier.name) for notifier in parts.notifiers},
    }


def leavings_of(pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """What lies there of our own making but the index; nothing by whoever has not looked."""
    tallies, left = pipeline.news.leavings, pipeline.sights.leftovers
    rows = {name: {"files": tally.kept, "bytes": tally.size} for name, tally in tallies.items()}
    if not rows:
        return {}
    return {**rows, "leftovers": {"files": len(left), "bytes": sum(found.identity.size for found in left)}}


def public_state(pipeline: Pipeline, *, ready: bool, watching: str | None = None) -> dict[str, Any]:
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
        "faults_count": len(faults_of(pipeline, watching=watching)),
    }


class StatusFile:
    """Writes the two files when something changed, at most once a second."""

    def __init__(
        self, state: Path, public: Path, permissions: Permissions, *, make_room: Callable[[], object] | None = None
    ) -> None:
        """`make_room` is called when a disk is full, and may give a few blocks free."""
        self._make_room = make_room
        self._paths = (state / "status.json", public / "status.json")
        self._permissions = permissions
        self._written: list[bytes] = [b"", b""]
        self._not_before = 0.0
        self._faults: dict[Path, str] = {}

    @property
    def fault(self) -> str | None:
        """Why what the files tell is old, if it is."""
        return "; ".join(f"{path} can't be written: {why}" for path, why in self._faults.items()) or None

    def write(self, private: dict[str, Any], public: dict[str, Any], *, at: str) -> bool:
        """Write what changed, if a second has passed; False if something is still to be written."""
        if time.monotonic() < self._not_before:
            return False
        self.write_now(private, public, at=at)
        return not self._faults

    def write_now(self, private: dict[str, Any], public: dict[str, Any], *, at: str) -> None:
        """Write what changed; each file for itself, since one of the disks may be full, or gone."""
        for number, data in enumerate((private, public)):
            content = json.dumps(data, sort_keys=True).encode()
            if content != self._written[number]:
                text = json.dumps({**data, "at": at}, indent=1).encode() + b"\n"
                pause = SHORTEST_PAUSE if self._replace(number, text) else FULL_PAUSE
                self._written[number] = content if pause == SHORTEST_PAUSE else b""
                self._not_before = time.monotonic() + pause

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
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or self._make_room is None:
                raise
            self._make_room()
            durable.replace(path, text, self._permissions)

    def tell_down(self, why: str, *, at: str) -> None:
        """Write that this process has let go of the index after an error; the rest stays as it was told."""
        private, public = self.told(0), self.told(1)
        down = {"schema": 1, "eggwatch": __version__, "ready": False, "faults_count": 1}
        mine = {"pid": os.getpid(), "faults": {"index": why}, "waiting": [], "in_hand": []}
        self.write_now({**private, **down, **mine}, {**public, **down}, at=at)

    def told(self, number: int = 0) -> dict[str, Any]:
        """What the first or the second file tells; nothing if it is missing or can't be read."""
        try:
            data = json.loads(self._paths[number].read_bytes())
        except (OSError, ValueError):
            return {}
        return {key: value for key, value in data.items() if key != "at"} if isinstance(data, dict) else {}


def writer_lives(told: dict[str, Any]) -> bool:
    """Whether the daemon that wrote STATE/status.json is still there, and no other process has its number."""
    try:
        return b"eggwatch" in Path(f"/proc/{int(told['pid'])}/cmdline").read_bytes()
    except (OSError, KeyError, TypeError, ValueError):
        return False


@contextmanager
def told_index(config: IndexConfig) -> Iterator[Index]:
    """An index for one command (`opened_index`), after which the two files tell what is so."""
    with opened_index(config) as index:
        yield index
        tell_last(index.pipeline, StatusFile(config.state, config.public, permissions_of(config)))


def tell_last(pipeline: Pipeline, file: StatusFile) -> None:
    """Write how an index is left by who has worked on it."""
    before = file.told()
    private = {**state_of(pipeline, ready=False, watching=None), "pid": None}
    private["leavings"] = private["leavings"] or before.get("leavings", {})  # who did not tidy has not looked
    if before.get("pid") != os.getpid() and writer_lives(before):  # a daemon will have it again
        private |= {"pid": before["pid"], "faults": {**before.get("faults", {}), **private["faults"]}}
    file.write_now(private, public_state(pipeline, ready=False), at=timestamp(time.time()))
