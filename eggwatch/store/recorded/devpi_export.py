"""Upload times and uploaders in dataindex.json, which `devpi-export` writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from eggwatch.model.events import timestamp
from eggwatch.store.recorded.values import Recorded, printable, sha256_in


def read_devpi_export(data: dict[str, Any]) -> Iterator[Recorded]:
    """The release files of all indexes. A file that was pushed from one to another keeps the record of its upload."""
    indexes = data.get("indexes")
    for index in indexes.values() if isinstance(indexes, dict) else ():
        files = index.get("files") if isinstance(index, dict) else None
        for file in files if isinstance(files, list) else ():
            recorded = _recorded(file) if isinstance(file, dict) else None
            if recorded is not None:
                yield recorded


def _recorded(file: dict[str, Any]) -> Recorded | None:
    filename = (printable(file.get("relpath")) or "").rpartition("/")[2]
    if file.get("type") != "releasefile" or not filename:
        return None
    entry, log = file.get("entrymapping"), file.get("log")
    uploads = [step for step in (log if isinstance(log, list) else ()) if _is_upload(step)]
    return Recorded(
        filename=filename,
        sha256=sha256_in(entry.get("hash_spec")) if isinstance(entry, dict) else None,
        at=_time(uploads[0].get("when")) if uploads else None,
        uploader=printable(uploads[0].get("who")) if uploads else None,
    )


def _is_upload(step: object) -> bool:
    return isinstance(step, dict) and step.get("what") == "upload"


def _time(when: object) -> str | None:
    """devpi writes year, month, day, hour, minute and second, in UTC."""
    try:
        return timestamp(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[misc]
    except (TypeError, ValueError, OverflowError, OSError):
        return None
