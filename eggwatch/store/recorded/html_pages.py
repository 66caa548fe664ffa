"""Yanks in HTML pages of the simple API (PEP 592), and the upload dates in those of simple-repository-generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

from eggwatch.model.events import timestamp
from eggwatch.store.recorded.values import Recorded, printable, sha256_in

_HAS_RECORDS = (b"data-yanked", b'class="uploaded"')


def read_html_page(data: bytes) -> Iterator[Recorded]:
    """The files of which the page says more than a name and a hash."""
    if any(mark in data for mark in _HAS_RECORDS):
        page = _Page()
        # html.parser gives up at a section like `<![x[`, until Python 3.13: what was read before it is used.
        with suppress(AssertionError):
            page.feed(data.decode(errors="replace"))
        yield from (file for file in page.files if file.at is not None or file.yanked is not None)


class _Page(HTMLParser):
    """Each link to a file, and the date in the cell of class `uploaded` behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Recorded] = []
        self._is_date = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a file, or the cell with its date."""
        values = dict(attrs)
        self._is_date = tag == "td" and values.get("class") == "uploaded"
        if tag == "a" and (file := _linked(values)) is not None:
            self.files.append(file)

    def handle_endtag(self, tag: str) -> None:
        """End the cell."""
        self._is_date = False

    def handle_data(self, data: str) -> None:
        """Read the date of the last file."""
        if self._is_date and self.files:
            self.files[-1] = replace(self.files[-1], at=_midnight(data.strip()))


def _linked(values: dict[str, str | None]) -> Recorded | None:
    try:
        link = urlsplit(values.get("href") or "")
    except ValueError:
        return None
    filename = printable(unquote(link.path.rpartition("/")[2]))
    if filename is None:
        return None
    yanked = printable(values["data-yanked"]) or "" if "data-yanked" in values else None
    return Recorded(filename=filename, sha256=sha256_in(link.fragment), yanked=yanked)


def _midnight(date: str) -> str | None:
    try:
        return timestamp(datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
