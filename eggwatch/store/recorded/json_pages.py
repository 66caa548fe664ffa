"""Upload times in JSON of the simple API, of PyPI's older API, and in the lists of dumb-pypi."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from eggwatch.model.events import timestamp
from eggwatch.store.recorded.values import Recorded, printable, sha256_in

_TIME_KEYS = ("upload-time", "upload_time_iso_8601", "upload_time")


def read_json_page(data: dict[str, Any]) -> Iterator[Recorded]:
    """PEP 691 and 700 (`files`), PyPI's older JSON (`releases`, `urls`), or a line of dumb-pypi's list."""
    files = [*_list(data.get("files")), *_list(data.get("urls"))]
    releases = data.get("releases")
    for release in releases.values() if isinstance(releases, dict) else ():
        files += _list(release)
    for file in [*files, data]:
        recorded = _recorded(file) if isinstance(file, dict) else None
        if recorded is not None:
            yield recorded


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _recorded(file: dict[str, Any]) -> Recorded | None:
    filename = printable(file.get("filename"))
    if filename is None:
        return None
    return Recorded(
        filename=filename,
        sha256=_sha256(file),
        at=_time(file),
        uploader=printable(file.get("_uploader")) or printable(file.get("uploaded_by")),
        yanked=_yanked(file),
    )


def _sha256(file: dict[str, Any]) -> str | None:
    hashes = file.get("hashes") or file.get("digests")
    return printable(hashes.get("sha256")) if isinstance(hashes, dict) else sha256_in(file.get("hash"))


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


def _yanked(file: dict[str, Any]) -> str | None:
    yanked = file.get("yanked")
    reason = printable(file.get("yanked_reason"))
    if isinstance(yanked, str):
        return printable(yanked) or ""
    return (reason or "") if yanked is True or (reason is not None and yanked is None) else None
