"""The real daemon as a subprocess, and what can be seen of it from outside: pages, ledger, receipts, the drop."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from eggwatch.webserver.incoming import LOCKS
from tests.archive_factory import sdist
from tests.running import Daemon, until

QUIET = '"1h"'
"""Longer than any test waits: whatever is published was proved to be finished, not guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A tool that has ended well, and when (time.time())."""

    command: str
    at: float


def run_tool(*argv: str | Path, cwd: Path | None = None, stdin: str | None = None) -> Done:
    """Run an uploader's tool to its end. Law 9: it exits 0 and says nothing."""
    command = [str(argument) for argument in argv]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    at, said = time.time(), done.stdout + done.stderr
    assert (done.returncode, said) == (0, ""), f"{shlex.join(command)}: exit {done.returncode}\n{said}"
    return Done(command=shlex.join(command), at=at)


def run_shell(script: str, *, cwd: Path | None = None) -> Done:
    """Run a line of bash, which is silent and successful too."""
    return run_tool("bash", "-ec", script, cwd=cwd)


class IndexDaemon(Daemon):
    """`eggwatch run` over three folders in `base`. Settings are TOML values, by the configuration's names."""

    def __init__(self, base: Path, *, prefix: Sequence[str] = (), **settings: str) -> None:
        config = base / "eggwatch.toml"
        super().__init__([*prefix, sys.executable, "-m", "eggwatch", "--config", config, "run", "--verbose"], cwd=base)
        self.base, self._rounds = base, 0
        self.drop, self.public, self.state = base / "drop", base / "public", base / "state"
        self.drop.mkdir(exist_ok=True, parents=True)
        self.settings = {"quiet": QUIET, "drop": '"drop"', "public": '"public"', "state": '"state"'}
        self.settings |= {name.replace("_", "-"): value for name, value in settings.items()}
        # An absolute path says where PUBLIC or STATE lies instead.
        self.public = base / self.settings["public"].strip('"')
        self.state = base / self.settings["state"].strip('"')

    def launch(self) -> Self:
        """Begin with the settings as they are now."""
        lines = "".join(f"{name} = {value}\n" for name, value in self.settings.items())
        (self.base / "eggwatch.toml").write_text(f"[index.main]\n{lines}")
        return super().launch()

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command on the same index."""
        line = [sys.executable, "-m", "eggwatch", "--config", str(self.base / "eggwatch.toml"), *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    # What it shows

    def files(self, project: str) -> list[dict[str, Any]]:
        """The files on a project's page; each link resolves and each hash matches, at every instant (law 2)."""
        folder = self.public / "simple" / project
        try:
            page = json.loads((folder / "index.v1_json").read_bytes())
        except FileNotFoundError:
            return []
        for file in page["files"]:
            data = (folder / file["url"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["hashes"]["sha256"]
        return page["files"]

    def events(self) -> list[dict[str, Any]]:
        """The ledger, without a line that is being written."""
        try:
            lines = (self.state / "ledger.jsonl").read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def events_of(self, filename: str, kind: str = "admitted") -> list[dict[str, Any]]:
        """The events of one kind about a file."""
        return [event for event in self.events() if event["filename"] == filename and event["event"] == kind]

    def kinds_of(self, filename: str) -> list[str]:
        """What has happened to a file, in its order."""
        return [event["event"] for event in self.events() if event["filename"] == filename]

    def status(self) -> dict[str, Any]:
        """STATE/status.json, at most a second old."""
        try:
            return json.loads((self.state / "status.json").read_bytes())
        except FileNotFoundError:
            return {}

    def reason_for(self, path: str) -> str:
        """Why a file waits in the drop folder, as `status` says it; empty if it doesn't."""
        return next((row["reason"] for row in self.status().get("waiting", ()) if row["path"] == path), "")

    def receipt(self, filename: str) -> str:
        """The last verdict on a name, as its uploader reads it."""
        try:
            return (self.drop / "receipts" / f"{filename}.txt").read_text()
        except FileNotFoundError:
            return ""

    def lying(self) -> list[str]:
        """Everything in the drop folder but answers, README, empty folders, and the locks of uploads over HTTP."""
        found = []
        for folder, folders, names in os.walk(self.drop):
            if folder == str(self.drop):
                folders[:] = [name for name in folders if name not in ("rejected", "receipts")]
            elif folder == f"{self.drop}/http":
                folders[:] = [name for name in folders if name != LOCKS]
            found += [os.path.relpath(os.path.join(folder, name), self.drop) for name in names]
        return sorted(name for name in found if name != "README.txt")

    # What is asserted of it

    def go_round(self, times: int = 3) -> None:
        """Wait for so many rounds: in each, a new upload is published and removed from the drop folder."""
        for _ in range(times):
            self._rounds += 1
            name, data = sdist("round", f"{self._rounds}.0")
            (self.drop / f".{name}.part").write_bytes(data)
            (self.drop / f".{name}.part").rename(self.drop / name)
            self.wait_published(name, time.time())
            until(f"{name} leaves", lambda name=name: not (self.drop / name).exists())

    def wait_published(self, filename: str, since: float) -> float:
        """Wait until a file is on its project's page; answers with the seconds that this took since `since`."""
        project = re.sub(r"[-_.]+", "-", filename.split("-")[0]).lower()
        until(
            lambda: f"{filename} on its page\n{self.log}",
            lambda: any(file["filename"] == filename for file in self.files(project)),
        )
        return time.time() - since

    def assert_published_once(self, filename: str, data: bytes, told: str = "PUBLISHED\n") -> None:
        """One event, one link, these very bytes, and a receipt that begins with what is to be told."""
        project = re.sub(r"[-_.]+", "-", filename.split("-")[0]).lower()
        assert [event["sha256"] for event in self.events_of(filename)] == [hashlib.sha256(data).hexdigest()], self.log
        assert [file["filename"] for file in self.files(project)].count(filename) == 1
        assert (self.public / "files" / project / filename).read_bytes() == data
        assert (self.public / "files" / project / filename).stat().st_mode & 0o7777 == 0o444
        head = f"{filename}: {told}"
        until(lambda: f"the receipt; it is {self.receipt(filename)}", lambda: self.receipt(filename).startswith(head))

    def assert_not_published(self, filename: str) -> None:
        """No event, no link, no bytes under files/."""
        assert not self.events_of(filename), self.log
        assert not list(self.public.glob(f"files/*/{filename}*"))

    def wait_empty(self, *but: str) -> None:
        """Wait until everything has left the drop folder, `but` what is named."""
        until(
            lambda: f"an empty drop folder; there are {self.lying()}\n{self.log}",
            lambda: self.lying() == sorted(but),
            pause=0.02,
        )

    def assert_tidy(self) -> None:
        """Nothing unexpected is left: no hidden original, no claim in the spool, no stray file under files/."""
        assert not [name for name in self.lying() if ".eggwatch-" in name]
        spool = [str(path) for path in (self.public / ".eggwatch").rglob("*") if path.is_file()]
        assert [path for path in spool if not path.endswith("/ballast")] == []
        known = {event["filename"] for event in self.events_of_kind("admitted")}
        removed = {event["filename"] for event in self.events_of_kind("removed")}
        under = {path.name.removesuffix(".metadata") for path in self.public.glob("files/*/*")}
        assert known - removed <= under <= known

    def events_of_kind(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind."""
        return [event for event in self.events() if event["event"] == kind]


def moment(event: dict[str, Any]) -> float:
    """When an event happened, as time.time() counts."""
    return datetime.fromisoformat(event["at"]).timestamp()


@contextlib.contextmanager
def running(base: Path, *, prefix: Sequence[str] = (), **settings: str) -> Iterator[IndexDaemon]:
    """A daemon for the length of a block; it must exit 0 and leave no stray files."""
    with IndexDaemon(base, prefix=prefix, **settings) as daemon:
        yield daemon
    daemon.assert_tidy()
