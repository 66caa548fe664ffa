"""Turns requirements, requirements files and lock files into arguments of `pip download`."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eggwatch.errors import EggwatchError


@dataclass(frozen=True, slots=True, kw_only=True)
class PipRequest:
    """One call of pip: its `arguments`, and `lines` for a temporary requirements file."""

    arguments: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str | None, str], ...] = ()
    """Name, version and source of the packages in a lock file that are not from an index."""


def requests(requirements: Sequence[str], files: Sequence[Path], arguments: Sequence[str]) -> Iterator[PipRequest]:
    """One request for everything that pip has to resolve, with `arguments` added, and one for each lock file."""
    resolved = list(requirements)
    for file in files:
        if file.name == "pyproject.toml":
            resolved += _toml(file).get("project", {}).get("dependencies", [])
        elif file.name.startswith("pylock.") and file.suffix == ".toml":
            yield _pylock(_toml(file))
        elif file.name == "uv.lock":
            yield PipRequest(arguments=("--no-deps",), lines=tuple(_exported_by_uv(file).splitlines()))
        else:
            resolved += ["--requirement", str(file)]
    if resolved:
        yield PipRequest(arguments=(*arguments, *resolved))


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise EggwatchError(f"{file} is not a valid TOML file: {error}") from error


def _pylock(lock: Mapping[str, Any]) -> PipRequest:
    """The packages of a lock file with their hashes (PEP 751)."""
    packages = [(package, _place(package)) for package in lock.get("packages", [])]
    return PipRequest(
        arguments=("--no-deps",),
        lines=tuple(_line(package) for package, place in packages if place is None),
        elsewhere=tuple((package["name"], package.get("version"), place) for package, place in packages if place),
    )


def _place(package: Mapping[str, Any]) -> str | None:
    """The source of a package, if it is not an index."""
    kind = next((kind for kind in ("vcs", "directory", "archive") if kind in package), None)
    if kind is None:
        return None
    return f"locked to {kind} {package[kind].get('url') or package[kind].get('path')}"


def _line(package: Mapping[str, Any]) -> str:
    """A line of a requirements file that accepts any wheel of the package."""
    marker = f" ; {package['marker']}" if "marker" in package else ""
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    hashes = [f" --hash={name}:{digest}" for file in files for name, digest in file.get("hashes", {}).items()]
    return f"{package['name']}=={package['version']}{marker}{''.join(hashes)}"


def _exported_by_uv(file: Path) -> str:
    """uv's own export of its lock file: only uv knows under which markers each package is needed."""
    program = shutil.which("uv")
    if program is None:
        raise EggwatchError(
            f"Only uv can read {file}, and it is not in PATH.",
            remedy="Where uv is: uv export --frozen --no-emit-local -o requirements.txt; then -r requirements.txt.",
        )
    command = [program, "export", "--frozen", "--no-emit-local", "--quiet", "--project", str(file.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EggwatchError(f"uv can't export {file}: {done.stderr.strip()}")
    return done.stdout
