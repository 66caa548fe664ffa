"""Upload times of existing archives, from the JSON beside them; stored in a temporary database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eggwatch.model.events import seconds_of, timestamp

LARGEST_RECORD = 64 << 20
"""Most bytes of one JSON document; a longer one is ignored, unless it has one object per line."""
LARGEST_LINE = 1 << 20
LINES = "packages.json"
"""dumb-pypi's list: one object a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one document says of one file; `at` is RFC 3339, `yanked` the reason (may be empty) or None."""

    filename: str
    sha256: str | None = None
    at: str | None = None
    uploader: str | None = None
    yanked: str | None = None


class UploadTimes:
    """What was recorded of files by name; not in memory, however many there are."""

    def __init__(self, *, now: float) -> None:
        """`now` in seconds since the epoch: later times are not believed."""
        self._now = now
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary file of SQLite's own, gone when closed
        self._db.execute("CREATE TABLE recorded (filename TEXT, sha256 TEXT, at TEXT, uploader TEXT, yanked TEXT)")
        self._db.execute("CREATE INDEX by_filename ON recorded (filename)")

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def learn(self, path: Path) -> int:
        """Read a document in any of the known formats; returns for how many files it has something."""
        self._db.execute("BEGIN")
        count = 0
        for found in read_record(path):
            if found.at is not None and seconds_of(found.at) > self._now:
                continue
            row = (found.filename, found.sha256, found.at, found.uploader, found.yanked)
            self._db.execute("INSERT INTO recorded VALUES (?, ?, ?, ?, ?)", row)
            count += 1
        self._db.execute("COMMIT")
        return count

    def of(self, filename: str, sha256: str) -> Recorded:
        """What is known of a file with these bytes: its earliest time, and what else any document says.

        A document that names other bytes for the name speaks of another file.
        """
        rows = self._db.execute(
            "SELECT min(at), max(uploader), max(yanked) FROM recorded "
            "WHERE filename = ? AND (sha256 IS NULL OR sha256 = ?)",
            (filename, sha256),
        ).fetchone()
        return Recorded(filename=filename, sha256=sha256, at=rows[0], uploader=rows[1], yanked=rows[2])


def read_record(path: Path) -> Iterator[Recorded]:
    """What a JSON document says of files; nothing if it is of no known form, or no JSON at all."""
    try:
        with path.open("rb") as file:
            if path.name == LINES:
                while line := file.readline(LARGEST_LINE):
                    yield from _files_of(_parsed(line))
                return
            data = file.read(LARGEST_RECORD + 1)
    except OSError:
        return
    if len(data) <= LARGEST_RECORD:
        yield from _files_of(_parsed(data))


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _files_of(data: object) -> Iterator[Recorded]:
    """PEP 691 and 700 (`files`), PyPI's older JSON (`releases`, `urls`: bandersnatch, dumb-pypi), dumb-pypi's list."""
    if not isinstance(data, dict):
        return
    files = [*_list(data.get("files")), *_list(data.get("urls"))]
    releases = data.get("releases")
    for release in releases.values() if isinstance(releases, dict) else ():
        files += _list(release)
    for file in [*files, *([data] if "upload_timestamp" in data or "hash" in data else [])]:
        recorded = _recorded(file) if isinstance(file, dict) else None
        if recorded is not None:
            yield recorded


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _recorded(file: dict[str, Any]) -> Recorded | None:
    filename = _text(file.get("filename"))
    if filename is None:
        return None
    return Recorded(
        filename=filename,
        sha256=_sha256(file),
        at=_time(file),
        uploader=_text(file.get("_uploader")) or _text(file.get("uploaded_by")),
        yanked=_yanked(file),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= 1000 else None


def _sha256(file: dict[str, Any]) -> str | None:
    hashes = file.get("hashes") or file.get("digests")
    if isinstance(hashes, dict):
        return _text(hashes.get("sha256"))
    algorithm, _, digest = (_text(file.get("hash")) or "").partition("=")
    return digest if algorithm == "sha256" else None


def _time(file: dict[str, Any]) -> str | None:
    stamp = file.get("upload_timestamp")
    try:
        if isinstance(stamp, (int, float)) and not isinstance(stamp, bool):
            return timestamp(stamp) if stamp > 0 else None
        text = next((file[key] for key in _TIME_KEYS if isinstance(file.get(key), str)), None)
        if text is None:
            return None
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return timestamp(aware.timestamp())
    except (ValueError, OverflowError, OSError):
        return None


_TIME_KEYS = ("upload-time", "upload_time_iso_8601", "upload_time")


def _yanked(file: dict[str, Any]) -> str | None:
    yanked = file.get("yanked")
    reason = _text(file.get("yanked_reason"))
    if isinstance(yanked, str):
        return _text(yanked) or ""
    return (reason or "") if yanked is True or (reason is not None and yanked is None) else None
