"""A project's JSON page, read back for `rebuild`: only what this index could have written there is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from eggwatch.model.events import seconds_of
from eggwatch.model.names import Filename, parse_filename, project_name, shown
from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile

T = TypeVar("T", PublishedFile, RemovedFile)

_PROJECT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_LARGEST = 1 << 53
"""Above it, JSON's numbers are not exact everywhere, and no index ever had so many bytes or events."""


def recall(data: bytes, project: str) -> tuple[ProjectListing, tuple[str, ...]]:
    """The listing on a page of the folder `project`, and a sentence for each of its files that can't be believed.

    ValueError if it is no page of that project.
    """
    page = json.loads(data)
    if not isinstance(page, dict) or not isinstance(page.get("files"), list):
        raise ValueError("it is no page of a project")
    if page.get("name") != project or not _PROJECT.fullmatch(project):
        raise ValueError(f"it names the project {shown(str(page.get('name')))!r}")
    meta = page.get("meta")
    serial = _number(meta.get("_last-serial", 0) if isinstance(meta, dict) else 0, "its serial")
    problems: list[str] = []
    removed = page.get("_removed")
    name = page.get("_name")
    listing = ProjectListing(
        project=project,
        name=name if isinstance(name, str) and project_name(name) == project else project,
        files=_believed(page["files"], project, _file, problems),
        removed=_believed(removed if isinstance(removed, list) else [], project, _removed, problems),
        last_serial=serial,
    )
    return listing, tuple(problems)


def _believed(
    rows: list[Any], project: str, read: Callable[[dict[str, Any], str], T], problems: list[str]
) -> tuple[T, ...]:
    """The rows that can be true, each normalised filename once."""
    found: dict[str, T] = {}
    for row in rows:
        name = shown(str(row.get("filename"))) if isinstance(row, dict) else "a file"
        try:
            if not isinstance(row, dict):
                raise ValueError("it is no object")
            filename = _filename(row, project)
            if filename.normalized in found:
                raise ValueError("it occurs twice")
            found[filename.normalized] = read(row, str(filename.version))
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return tuple(found.values())


def _file(row: dict[str, Any], version: str) -> PublishedFile:
    hashes, metadata = row.get("hashes"), row.get("core-metadata")
    return PublishedFile(
        filename=row["filename"],
        version=version,
        sha256=_sha256(hashes),
        size=_number(row.get("size"), "its size"),
        upload_time=_time(row.get("upload-time")),
        requires_python=_text(row.get("requires-python"), "its requires-python"),
        metadata_sha256=_sha256(metadata) if isinstance(metadata, dict) else None,
        yanked=_yanked(row.get("yanked")),
        uploader=_text(row.get("_uploader"), "its uploader"),
    )


def _removed(row: dict[str, Any], _version: str) -> RemovedFile:
    at = _time(row.get("at"))
    return RemovedFile(
        filename=row["filename"],
        sha256=_sha256(row),
        size=_number(row.get("size", 0), "its size"),
        at=at,
        upload_time=_time(row.get("upload-time", at)),
        bytes_until=_time(row["bytes-until"]) if "bytes-until" in row else None,
        blocked=row.get("blocked") is True,
    )


def _filename(row: dict[str, Any], project: str) -> Filename:
    text = row.get("filename")
    filename = parse_filename(text) if isinstance(text, str) else None
    if not isinstance(filename, Filename) or filename.project != project:
        raise ValueError(f"that is no filename of {project}")
    return filename


def _number(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise ValueError(f"{what} is {shown(str(value)[:80])!r}")
    return value


def _sha256(hashes: object) -> str:
    value = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError("it has no sha256")
    return value


def _time(value: object) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError(f"{shown(str(value)[:80])!r} is no time")
    seconds_of(value)
    return value


def _text(value: object, what: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{what} is no text")  # a page with half a surrogate pair could never be written again
    return value


def _yanked(value: object) -> str | None:
    if value in (None, False):
        return None
    return "" if value is True else _text(value, "the reason of its yank")
