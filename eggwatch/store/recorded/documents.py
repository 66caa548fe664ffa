"""Reads a document of any of the known forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from eggwatch.store.recorded.devpi_export import read_devpi_export
from eggwatch.store.recorded.html_pages import read_html_page
from eggwatch.store.recorded.json_pages import read_json_page
from eggwatch.store.recorded.values import Recorded

LARGEST_DOCUMENT = 64 << 20
"""Most bytes of a document; a longer one is ignored, unless it has one JSON object per line."""
LARGEST_EXPORT = 1 << 30
"""The same for devpi's dataindex.json, which has the metadata of all releases."""
LARGEST_LINE = 1 << 20


def read_document(path: Path) -> Iterator[Recorded]:
    """What a document says of files; nothing if it is of no known form. OSError if it can't be read."""
    most = LARGEST_EXPORT if path.name == "dataindex.json" else LARGEST_DOCUMENT
    with path.open("rb") as file:
        line = file.readline(LARGEST_LINE)
        if isinstance(_parsed(line), dict):
            while line:
                yield from _files_of(_parsed(line))
                line = file.readline(LARGEST_LINE)
            return
        data = line + file.read(most + 1 - len(line))
    if len(data) > most:
        return
    if data.lstrip().startswith(b"<"):
        yield from read_html_page(data)
    else:
        yield from _files_of(_parsed(data))


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _files_of(data: object) -> Iterator[Recorded]:
    if isinstance(data, dict):
        yield from read_json_page(data)
        yield from read_devpi_export(data)
