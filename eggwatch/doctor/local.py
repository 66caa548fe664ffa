"""Which index of this machine a URL shows: `doctor --url` compares no other with what lies here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.doctor.asking import PIP, ServedIndex
from eggwatch.model.names import JSON_NAME
from eggwatch.readers.remote import RemoteReader


def index_at(served: ServedIndex, indexes: Sequence[IndexConfig]) -> IndexConfig | None:
    """The one that has this `url`, or published what is shown there; None if none is known to be it."""
    same = [one for one in indexes if one.url is not None and RemoteReader(url=one.url).base == served.base]
    if served.ask("simple/", Accept=PIP).status != 200:  # nothing is compared; the remedy names the folder
        return next(iter(same or (indexes if len(indexes) == 1 else [])), None)
    return next(iter(same), None) or next((one for one in indexes if _is_shown(one, served)), None)


def _is_shown(index: IndexConfig, served: ServedIndex) -> bool:
    """Whether a file that is shown entered this index at the moment that is shown, which no other index has for it.

    An index without projects shows nothing that would tell it from another.
    """
    if not served.detail("simple/").get("projects", [""]):
        return not _page(index, "simple/").get("projects", [])
    for name, detail in served.details():
        here = _page(index, f"simple/{name}/")
        if _uploads(detail["files"]) & _uploads([*here.get("files", []), *here.get("_removed", [])]):
            return True
    return False


def _page(index: IndexConfig, folder: str) -> dict[str, Any]:
    """A page as it lies in PUBLIC; empty if there is none."""
    try:
        page: dict[str, Any] = json.loads((index.public / folder / JSON_NAME).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return page


def _uploads(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Filename and upload-time of each row."""
    return {(row["filename"], str(row["upload-time"])) for row in rows if "upload-time" in row}
