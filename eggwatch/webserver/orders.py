"""Yank, unyank and remove over HTTP: a form with `:action`, `spec`, `reason` and `dry_run`, sent to the upload door.

The upload door writes the order to its own folder. The daemon checks whether the user owns the project, and carries it
out; the response is the output of the same command on the machine.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from eggwatch.errors import FolderError
from eggwatch.linux.accounts import HTTP_FOLDER
from eggwatch.model.names import shown
from eggwatch.policy.orders import parse_spec
from eggwatch.readers.local import IndexReader
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import AnswerFolders, NotOurs, inside
from eggwatch.store.drop.door_orders import ORDERS_FOLDER, SUFFIX
from eggwatch.store.drop.folder import Drop
from eggwatch.store.durable import OURS
from eggwatch.store.state.orders import hold
from eggwatch.webserver.answers import Reply, later
from eggwatch.webserver.users import User

PATIENCE = 25.0
"""Seconds to wait for the daemon: proxies give up after 60."""
PAUSE = 0.02
LEFT_SECONDS = 3600.0
READABLE = 0o644

log = logging.getLogger("eggwatch.http")

Report = dict[str, Any]
"""The daemon's answer; `error` says why nothing was done, `forbidden` that the user lacks the permission."""


class Orders:
    """Gives orders to the daemon of one index."""

    def __init__(self, reader: IndexReader) -> None:
        config = reader.config
        self._reader, self._answers = reader, config.state / "orders"
        self._folders = AnswerFolders(Drop(config.drop, config.formats), Path(), OURS)

    def answer(self, fields: Mapping[str, str], user: User) -> Reply:
        """Have the order in a form carried out, and return the response."""
        report = self.obeyed(fields, user)
        if report is None:
            return later("The daemon has not answered. The order was withdrawn, unless it is being carried out now.")
        answer = _answer_of(fields[":action"], report)
        log.info(
            "%s %s by %s: %d %s", fields[":action"], shown(fields.get("spec", "")), user.name, answer.status,
            answer.message,
        )  # fmt: skip
        return answer

    def obeyed(self, fields: Mapping[str, str], user: User) -> Report | None:
        """Have an order carried out; None if the daemon does not answer. FolderError if it cannot be sent."""
        verb, spec = fields.get(":action", ""), parse_spec(fields.get("spec", ""))
        if spec is None:
            return _refused(f"{shown(fields.get('spec', ''))!r} is not a project, project==version or filename")
        if not user.may(spec.project, "yank" if verb == "unyank" else verb):
            reason = f"This login is not for {verb} in the project {spec.project}. {user.remedy}"
            return {**_refused(reason), "forbidden": True}
        told = {"verb": verb, "spec": spec.text, "reason": fields.get("reason") or None, "user": user.name}
        with self._left({**told, "dry_run": fields.get("dry_run", "") not in ("", "0", "false")}) as answer:
            return self._awaited(answer)

    def _awaited(self, answer: Path) -> Report | None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._reader.is_running():
            try:
                told: Report = json.loads(answer.read_bytes())
                told.pop("elsewhere", None)  # paths on this machine
                return told
            except FileNotFoundError:
                time.sleep(PAUSE)
        return None

    @contextmanager
    def _left(self, order: Report) -> Iterator[Path]:
        """Write an order, and delete it at the end of the block; yields the path of its answer."""
        number = f"http-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        try:
            with (
                self._folders.in_drop(HTTP_FOLDER) as door,
                self._folders.in_drop(HTTP_FOLDER, ORDERS_FOLDER) as folder,
            ):
                self._sweep(folder.folder)
                # It is renamed from the folder above, because the daemon gets no events from hidden folders.
                new, place = inside(door, f".order-{number}"), inside(folder, f"{number}{SUFFIX}")
                durable.changing("write", new)
                fd = os.open(new.name, durable.NEW_FILE | os.O_CLOEXEC, READABLE, dir_fd=new.folder)
                try:
                    hold(fd)
                    durable.write_all(fd, json.dumps(order).encode())
                    os.fchmod(fd, READABLE)
                    durable.rename_at(new, place)
                    yield self._answers / f"{number}.answer.json"
                finally:
                    os.close(fd)  # from now on it is not carried out
                    for left in (new, place):
                        with suppress(OSError):
                            durable.unlink_at(left)
        except NotOurs as reason:
            remedy = f"Give {HTTP_FOLDER}/ in the drop folder to the account that the HTTP server runs as."
            raise FolderError(f"Orders can't be left for the daemon: {reason}.", remedy=remedy) from reason

    def _sweep(self, folder: int) -> None:
        """Delete orders of killed processes; the daemon carries out only orders that a process waits for."""
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process has just removed it
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - LEFT_SECONDS:
                        durable.unlink_at(durable.Place(folder, entry.name))


def _answer_of(verb: str, report: Report) -> Reply:
    status = HTTPStatus.OK if report["matched"] else HTTPStatus.NOT_FOUND
    lines = [f"{verb} {filename}" for filename in report["changed"]]
    if not lines:
        lines = ["Nothing to change, already done." if report["matched"] else "No published file matches."]
    if error := report.get("error"):
        status = HTTPStatus.FORBIDDEN if report.get("forbidden") else HTTPStatus.BAD_REQUEST
        lines = [f"{error}."]
    return Reply(status=status, message=lines[0], more=tuple(lines[1:]), data={"order": report})


def _refused(message: str) -> Report:
    return {"error": message, "changed": [], "matched": 0}
