"""Makes a wheel from installed files: those that RECORD lists, without those that installers create."""

from __future__ import annotations

import base64
import configparser
import hashlib
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path

from eggwatch.collecting.environment import InstalledDistribution, PythonEnvironment, Row
from eggwatch.model.names import parse_filename
from eggwatch.model.verdicts import Flaw

MADE_BY_INSTALLERS = (
    *("INSTALLER", "REQUESTED", "RECORD", "RECORD.jws", "RECORD.p7s", "direct_url.json"),
    *("uv_cache.json", "uv_build.json"),
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LONG_SHEBANG = re.compile(rb"\A#!/bin/sh\n'''exec' .*\n' '''\n")
"""What pip writes if the path of Python is too long for the kernel, or contains spaces."""


class NotRebuiltError(Exception):
    """A wheel cannot be made from an installation; the message is the reason."""


def rebuild(installed: InstalledDistribution, environment: PythonEnvironment, into: Path) -> Path:
    """Write the wheel; the same files give the same bytes. NotRebuiltError if a file is missing or was changed."""
    if installed.is_editable:
        raise NotRebuiltError("it is editable, so only a link is installed: run 'python -m build' in its source")
    info = next((path.partition("/")[0] for path in installed.rows if path.endswith(".dist-info/RECORD")), None)
    if info is None:
        raise NotRebuiltError("it has no RECORD")
    stem = info.removesuffix(".dist-info")
    members = dict(sorted(_members(installed, environment, stem)))
    filename = f"{stem}-{_tags(installed.wheel_file)}.whl"
    if isinstance(flaw := parse_filename(filename), Flaw):
        raise NotRebuiltError(flaw.message)
    wheel = into / filename
    record = f"{info}/RECORD"
    lines = [f"{_quoted(path)},{_digest(content)},{len(content)}\n" for path, content in members.items()]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in (*members.items(), (record, f"{''.join(lines)}{record},,\n".encode())):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if ".data/scripts/" in path else 0o100644) << 16
            archive.writestr(entry, content)
    return wheel


def _members(
    installed: InstalledDistribution, environment: PythonEnvironment, stem: str
) -> Iterator[tuple[str, bytes]]:
    """Paths in the wheel, each with its bytes."""
    generated = set(_console_scripts(installed.entry_points))
    for path, row in ((os.path.normpath(path), row) for path, row in installed.rows.items()):
        name = path.rpartition("/")[2]
        if path.endswith(".pyc") or path in {f"{stem}.dist-info/{made}" for made in MADE_BY_INSTALLERS}:
            continue
        if not path.startswith(("../", "/")):
            yield path, _content(installed, path, row)
            continue
        scheme, rest = _scheme(installed, environment, path)
        if scheme == "scripts" and name not in generated:
            yield f"{stem}.data/scripts/{rest}", _without_python(_content(installed, path, row))
        elif scheme != "scripts":
            yield f"{stem}.data/{scheme}/{rest}", _content(installed, path, row)


def _content(installed: InstalledDistribution, path: str, row: Row) -> bytes:
    """The installed bytes; NotRebuiltError if they were changed after the installation."""
    place = installed.folder / path
    algorithm, _, said = row.digest.partition("=")
    try:
        if place.exists() and not place.is_file():
            raise NotRebuiltError(f"{path} is not a file")
        content = place.read_bytes()
        if said and _digest(content, algorithm) != row.digest:
            raise NotRebuiltError(f"{path} was changed after it was installed")
    except OSError as error:
        raise NotRebuiltError(f"{path} can't be read: {error.strerror}") from error
    except (TypeError, ValueError) as error:
        raise NotRebuiltError(f"{path} can't be compared with its hash: {error}") from error
    return content


def _scheme(installed: InstalledDistribution, environment: PythonEnvironment, path: str) -> tuple[str, str]:
    """The scheme of a file outside site-packages, and its path below it, as in the .data folder of a wheel."""
    place = Path(os.path.normpath(installed.folder / path))
    if place.is_relative_to(environment.scripts):
        return "scripts", str(place.relative_to(environment.scripts))
    if not place.is_relative_to(environment.prefix):
        raise NotRebuiltError(f"{path} is outside the environment")
    rest = place.relative_to(environment.prefix)
    if rest.parts[:2] == ("include", "site"):  # include/site/pythonX.Y/PROJECT, where pip puts headers
        return "headers", str(Path(*rest.parts[4:]))
    return "data", str(rest)


def _console_scripts(entry_points: str) -> Iterator[str]:
    """The names of programs that installers make from entry points."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(entry_points)
    except configparser.Error as error:
        raise NotRebuiltError(f"its entry_points.txt can't be read: {error}") from error
    for section in ("console_scripts", "gui_scripts"):
        for name in parser.options(section) if parser.has_section(section) else ():
            yield from (name, f"{name}.exe", f"{name}-script.py", f"{name}-script.pyw")


def _without_python(script: bytes) -> bytes:
    """A script as in a wheel, with `#!python`: installers replace this by the path of their Python."""
    if long := _LONG_SHEBANG.match(script):
        return b"#!python\n" + script[long.end() :]
    return re.sub(rb"\A#![^\n]*python[^\n]*", b"#!python", script)


def _tags(wheel_file: str) -> str:
    """Build number and compressed tags of the filename, as WHEEL has them."""
    fields: Mapping[str, Iterable[str]] = _fields(wheel_file)
    parts = [tag.split("-") for tag in fields["tag"]]
    if not parts or any(len(part) != 3 for part in parts):
        raise NotRebuiltError("its WHEEL file has no tags")
    compressed = (".".join(sorted({part[place] for part in parts})) for place in range(3))
    return "-".join([*fields["build"], *compressed])


def _fields(wheel_file: str) -> dict[str, list[str]]:
    message = HeaderParser().parsestr(wheel_file)
    return {name: [value.strip() for value in message.get_all(name, [])] for name in ("tag", "build")}


def _digest(content: bytes, algorithm: str = "sha256") -> str:
    digest = hashlib.new(algorithm, content).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _quoted(path: str) -> str:
    """A field of CSV."""
    return f'"{path.replace(chr(34), chr(34) * 2)}"' if re.search(r'[",\r\n]', path) else path
