"""Turns requirements, requirements files and lock files into arguments of `pip download`."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from packaging.requirements import Requirement

from eggwatch.errors import EggwatchError

T = TypeVar("T")
_HASH = re.compile("[A-Za-z0-9_]+:[A-Za-z0-9]+")


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
            resolved += _read(file, _dependencies)
        elif file.name.startswith("pylock.") and file.suffix == ".toml":
            yield _read(file, _pylock)
        elif file.name == "uv.lock":
            yield _of_lines(_exported_by_uv(file).splitlines())
        else:
            resolved += ["--requirement", str(file)]
    if resolved:
        yield PipRequest(arguments=(*arguments, *resolved))


def _of_lines(lines: Sequence[str], elsewhere: Iterable[tuple[str, str | None, str]] = ()) -> PipRequest:
    return PipRequest(arguments=("--no-deps",) if lines else (), lines=tuple(lines), elsewhere=tuple(elsewhere))


def _read(file: Path, understand: Callable[[dict[str, Any]], T]) -> T:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise EggwatchError(f"{file} is not a valid TOML file: {error}") from error
    try:
        return understand(document)
    except KeyError as error:
        raise EggwatchError(f"{file}: a package has no {error.args[0]}.") from error
    except (AttributeError, TypeError) as error:
        raise EggwatchError(f"{file} is not a valid {file.name}: a value is of the wrong type ({error})") from error
    except ValueError as error:
        raise EggwatchError(f"{file} is not a valid {file.name}: {error}") from error


def _dependencies(document: dict[str, Any]) -> list[str]:
    """The dependencies of a project (PEP 621); no option of pip is taken for one."""
    dependencies = document.get("project", {}).get("dependencies", [])
    if not isinstance(dependencies, list):
        raise TypeError("project.dependencies is not a list")
    for dependency in dependencies:
        Requirement(dependency)
    return dependencies


def _pylock(lock: dict[str, Any]) -> PipRequest:
    """The packages of a lock file with their hashes (PEP 751)."""
    packages = [(package, _place(package)) for package in lock.get("packages", [])]
    return _of_lines(
        [_line(package) for package, place in packages if place is None],
        ((package["name"], package.get("version"), place) for package, place in packages if place),
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
    requirement = str(Requirement(f"{package['name']}=={package['version']}{marker}"))
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    hashes = [f"{name}:{digest}" for file in files for name, digest in file.get("hashes", {}).items()]
    # Whatever else is in the line would be an option of pip.
    if not requirement.isprintable() or not all(map(_HASH.fullmatch, hashes)):
        raise ValueError(f"wrong characters in {requirement!r} or its hashes")
    return "".join([requirement, *(f" --hash={one}" for one in hashes)])


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
