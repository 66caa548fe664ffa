"""Lists the packages installed in an environment, by running importlib.metadata in its own Python."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from eggwatch.errors import EggwatchError
from eggwatch.model.names import Project, project_name

PROBE = """
import sys
sys.path[:] = [path for path in sys.path if path]
import json, sysconfig
from importlib.metadata import distributions
TEXTS = "RECORD", "WHEEL", "direct_url.json", "entry_points.txt"
found = {}
def read(one, name):
    try:
        return one.read_text(name)
    except (OSError, UnicodeError):
        return None
for one in distributions():
    name = one.metadata["Name"]
    if name and one.version and name not in found:
        texts = {text: read(one, text) for text in TEXTS}
        found[name] = {"name": name, "version": one.version, "folder": str(one.locate_file("")), "texts": texts}
paths = {"prefix": sys.prefix, "scripts": sysconfig.get_path("scripts")}
print(json.dumps({"paths": paths, "found": list(found.values())}))
"""
"""Runs in any Python from 3.8. Modules of the current folder, which may be anyone's, are not imported."""


class Row(NamedTuple):
    """A line of RECORD: `ALGORITHM=DIGEST` and size, either of which may be missing."""

    digest: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDistribution:
    """An installed distribution; `rows` is empty without a RECORD, `origin` is a URL if it is not from an index."""

    name: str
    version: str
    folder: Path
    rows: Mapping[str, Row]
    wheel_file: str
    entry_points: str
    origin: str | None
    is_editable: bool

    @property
    def project(self) -> Project:
        """The name, normalised."""
        return project_name(self.name)

    @property
    def pin(self) -> str:
        """The requirement of exactly this version."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonEnvironment:
    """A Python and the packages installed for it, by name; `prefix` and `scripts` are its folders."""

    python: Path
    prefix: Path
    scripts: Path
    installed: tuple[InstalledDistribution, ...]


def look_into(python: Path) -> PythonEnvironment:
    """List the packages that a Python can import; EggwatchError if it fails."""
    try:
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=False)
    except OSError as error:
        raise EggwatchError(f"{python} does not run: {error.strerror}.", remedy=WHICH) from error
    last = (done.stdout if not done.returncode else done.stderr).strip().rpartition("\n")[2]
    try:
        if done.returncode:
            raise ValueError(last or "no output")
        said = json.loads(last)  # the last line, as what starts with this Python may print something, too
    except ValueError as error:
        raise EggwatchError(f"{python} can't list the installed packages: {error}", remedy=WHICH) from error
    found = sorted(map(_installed, said["found"]), key=lambda one: one.project)
    paths = {name: Path(path) for name, path in said["paths"].items()}
    return PythonEnvironment(python=python, installed=tuple(found), **paths)


WHICH = "Name the Python of the environment with --python, such as .venv/bin/python; it must be 3.8 or newer."


def _installed(said: dict[str, Any]) -> InstalledDistribution:
    texts = {name: text or "" for name, text in said["texts"].items()}
    direct = _direct_url(texts["direct_url.json"])
    return InstalledDistribution(
        name=said["name"],
        version=said["version"],
        folder=Path(said["folder"]),
        rows=_rows(texts["RECORD"]),
        wheel_file=texts["WHEEL"],
        entry_points=texts["entry_points.txt"],
        origin=_origin(direct) if direct else None,
        is_editable="dir_info" in direct and direct["dir_info"].get("editable", False),
    )


def _rows(record: str) -> dict[str, Row]:
    try:
        return read_record(record.splitlines())
    except csv.Error:
        return {}


def read_record(lines: Iterable[str]) -> dict[str, Row]:
    """The rows of a RECORD by path."""
    return {path: Row(digest, size) for path, digest, size, *_ in ([*row, "", ""] for row in csv.reader(lines) if row)}


def _direct_url(text: str) -> dict[str, Any]:
    """What direct_url.json (PEP 610) says; a package with a damaged one is from no index either."""
    try:
        direct: dict[str, Any] = json.loads(text or "{}")
    except (ValueError, RecursionError):
        direct = {"url": ""}
    match direct:
        case {"vcs_info": {"vcs": _, "commit_id": _}} | {"dir_info": {}} | {"archive_info": {}} if "url" in direct:
            return direct
    return {"url": "a place that its direct_url.json does not name"} if direct else {}


def _origin(direct: Mapping[str, Any]) -> str:
    """The URL of a direct_url.json (PEP 610), as pip writes it."""
    vcs = direct.get("vcs_info")
    return f"{vcs['vcs']}+{direct['url']}@{vcs['commit_id']}" if vcs else str(direct["url"])
