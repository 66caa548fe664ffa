"""Filenames of formats that PyPI no longer takes: what a folder of archives may hold beside wheels and sdists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.version import Version

from eggwatch.model.codes import Code
from eggwatch.model.names import Filename, Project, parse_filename, project_name, shown
from eggwatch.model.parsing import parsed
from eggwatch.model.verdicts import Flaw

OLDER = (".egg", ".zip", ".tgz", ".tar.bz2")
"""The suffixes of these formats."""

_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE | re.ASCII)
_VERSION = re.compile(r"[A-Z0-9._+!-]+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveName:
    """What the name of an archive of any format says: `name` as it is spelled there, `project` normalised.

    Two filenames of the same `key` count as one.
    """

    project: Project
    name: str
    version: Version
    key: str
    filename: Filename | None = None
    """The same, if it is that of a wheel or sdist."""


def parse_archive_name(text: str) -> ArchiveName | Flaw:
    """Take the name of an archive of any format apart, or say in one flaw why that can't be."""
    filename = parse_filename(text)
    if isinstance(filename, Filename):
        return ArchiveName(
            project=filename.project,
            name=filename.name_part,
            version=filename.version,
            key=filename.normalized,
            filename=filename,
        )
    suffix = next((suffix for suffix in OLDER if text.lower().endswith(suffix)), None)
    if suffix is None or filename.code != Code.FILENAME_FORMAT:
        return filename
    stem = text[: -len(suffix)]
    for name, version, rest in _egg_parts(stem) if suffix == ".egg" else _splits(stem):
        found = parsed(Version, version) if _VERSION.fullmatch(version) else None
        if found is not None and _NAME.fullmatch(name):
            project = project_name(name)
            key = f"{project}-{found}{rest.lower()}{suffix}"
            return ArchiveName(project=project, name=name, version=found, key=key)
    form = "{name}-{version}-py{X.Y}.egg" if suffix == ".egg" else f"{{name}}-{{version}}{suffix}"
    message = f"The filename is not of the form {form}. Rename it, or move it out of this folder."
    return Flaw(code=Code.FILENAME_INVALID, subject=shown(text), message=message)


def _egg_parts(stem: str) -> Iterator[tuple[str, str, str]]:
    """Setuptools writes '_' for each '-' within a part of an egg's name."""
    name, _, rest = stem.partition("-")
    version, dash, tags = rest.partition("-")
    yield name.replace("_", "-"), version.replace("_", "-"), dash + tags


def _splits(stem: str) -> Iterator[tuple[str, str, str]]:
    """The longest version first: older tools wrote 'demo-1.0-beta'."""
    parts = stem.split("-")
    for count in range(1, len(parts)):
        yield "-".join(parts[:count]), "-".join(parts[count:]), ""
