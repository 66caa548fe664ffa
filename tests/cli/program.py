"""The real program as a subprocess: commands, and the daemon."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from eggwatch.cli import main
from eggwatch.config import loading
from tests.closed_folders import opening
from tests.running import Daemon


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON, one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def row(self) -> dict[str, Any]:
        """The one JSON object of standard output."""
        (row,) = self.rows
        assert row["schema"] == 1
        return row


NO_FILE = Path("/no/such/folder/eggwatch.toml")
"""In place of /etc/eggwatch/eggwatch.toml, which this machine may have."""

WITHOUT_SYSTEM_FILE = f"""
import pathlib, sys
from eggwatch import cli, config
config.SYSTEM_FILE = pathlib.Path({str(NO_FILE)!r})
sys.argv[0] = "eggwatch"
cli.main()
"""


class Site:
    """A folder with one index (three folders and, unless `bare`, an eggwatch.toml), and commands run in it."""

    def __init__(self, base: Path, *, bare: bool = False, **settings: str) -> None:
        self.base, self._start = base, ["-c", WITHOUT_SYSTEM_FILE] if bare else ["-m", "eggwatch"]
        base.mkdir(parents=True, exist_ok=True)
        self.drop, self.public, self.state = base / "drop", base / "public", base / "state"
        self.config = base / "eggwatch.toml"
        self.settings = {"drop": '"drop"', "public": '"public"', "state": '"state"', "linger": '"0s"', "quiet": '"0s"'}
        self.settings |= {key.replace("_", "-"): value for key, value in settings.items()}
        if not bare:
            self.drop.mkdir(exist_ok=True)
            self.write_config()

    def write_config(self, text: str | None = None) -> None:
        """Write eggwatch.toml anew, from the settings or as given."""
        lines = "".join(f"{key} = {value}\n" for key, value in self.settings.items())
        self.config.write_text(text if text is not None else f"[index.main]\n{lines}")

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Begin a command, in the site's folder."""
        return subprocess.Popen(
            self._command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **self._options(options),
        )

    def _command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, *self._start, *map(str, arguments)]

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"cwd": self.base, **options, "env": clean_environment(options.get("env", {}))}

    def run(self, *arguments: str | Path, **options: Any) -> Done:
        """Run a command to its end."""
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=60)
        except BaseException:
            process.kill()
            raise
        assert "Traceback" not in err, err
        return Done(code=process.returncode, out=out, err=err)

    def call(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """The same without a process of its own, which takes a tenth of the time."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            contextlib.chdir(self.base),
            mock.patch.dict(os.environ, clean_environment(env or {}), clear=True),
            mock.patch.object(sys, "argv", ["eggwatch", *map(str, arguments)]),
            mock.patch.object(loading, "SYSTEM_FILE", NO_FILE),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Done(code=code, out=out.getvalue(), err=err.getvalue())

    def put(self, archive: tuple[str, bytes], folder: str = "") -> Path:
        """Copy an upload into the drop folder, by a rename."""
        path = self.drop / folder / archive[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{archive[0][:80]}.part")
        part.write_bytes(archive[1])
        part.rename(path)
        return path

    def build(self, archive: tuple[str, bytes], folder: str = "dist") -> Path:
        """Write an archive outside the drop folder."""
        path = self.base / folder / archive[0]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(archive[1])
        return path

    def page(self, project: str) -> dict[str, Any]:
        """A project's JSON page; empty if there is none."""
        try:
            page: dict[str, Any] = json.loads((self.public / "simple" / project / "index.v1_json").read_bytes())
        except FileNotFoundError:
            return {}
        return page

    def filenames(self, project: str) -> list[str]:
        """The files on a project's page."""
        return [file["filename"] for file in self.page(project).get("files", [])]

    def events(self) -> list[dict[str, Any]]:
        """The ledger's lines."""
        try:
            return [json.loads(line) for line in (self.state / "ledger.jsonl").read_bytes().splitlines()]
        except FileNotFoundError:
            return []

    def daemon(self, *arguments: str, **options: Any) -> Daemon:
        """A daemon for the length of a block; it must end with 0."""
        return Daemon(self._command("run", *arguments), **self._options(options))


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would point to an index, in English and UTF-8."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EGGWATCH", "SUDO", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


def run_as_nobody(site: Site, *commands: Sequence[str]) -> list[Done]:
    """Run commands on a site, one after the other, as an account without any rights; needs root."""
    return [_as_nobody(site, ["--config", str(site.config), *command]) for command in commands]


def _as_nobody(site: Site, arguments: Sequence[str]) -> Done:
    account = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    command = [*account, sys.executable, "-P", "-m", "eggwatch", *arguments]
    with tempfile.TemporaryDirectory() as over:
        script = "\n".join([*opening(over), f"exec {shlex.join(command)}"])
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script],
            cwd=site.base,
            env=clean_environment({"HOME": "/"}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)
