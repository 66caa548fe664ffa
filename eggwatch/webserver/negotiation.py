"""Selects form, encoding and range from the headers of a request, as parsed by werkzeug. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from werkzeug.datastructures import Accept, IfRange, MIMEAccept, Range
from werkzeug.http import parse_accept_header


class Form(Enum):
    """The three forms of a page, in the order of preference (PyPUG: simple repository API, content types)."""

    HTML = "text/html"
    V1_HTML = "application/vnd.pypi.simple.v1+html"
    V1_JSON = "application/vnd.pypi.simple.v1+json"

    @property
    def filename(self) -> str:
        """The filename of the form in a page's folder (docs/contract.rst, Folders)."""
        return f"index.{self.name.lower()}"

    @property
    def content_type(self) -> str:
        """The Content-Type; a charset is defined for text/html only."""
        return f"{self.value}; charset=utf-8" if self is Form.HTML else self.value


_ALIASES = {
    "application/vnd.pypi.simple.latest+html": Form.V1_HTML,
    "application/vnd.pypi.simple.latest+json": Form.V1_JSON,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a file: `length` bytes from `start`."""

    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """Identifies the version of a file: a strong tag without quotes, and the time in whole seconds."""

    etag: str
    modified: datetime


class UnsatisfiableRangeError(ValueError):
    """The range begins after the end of the file (RFC 9110, 14.1.2)."""


def choose_form(accept: MIMEAccept, wanted: str | None = None) -> Form:
    """The form with the highest q, ties by server order, without a match text/html (PEP 691).

    `wanted` is the value of `?format=` and wins over Accept. The most specific range that fits decides on a form, also
    when it says q=0 (RFC 9110, 12.5.1).
    """
    liked = parse_accept_header(wanted, MIMEAccept) if wanted else accept
    weights = {form: liked.quality(form.value) for form in Form}
    for name, weight in liked:
        if form := _ALIASES.get(name.lower()):
            weights[form] = max(weights[form], weight)
    return max(weights, key=weights.__getitem__)  # max returns the first of equals, so the server's order decides


def gzip_wanted(encodings: Accept) -> bool:
    """Whether the client accepts gzip, and does not prefer the uncompressed file (RFC 9110, 12.5.3)."""
    weights = {name.lower(): weight for name, weight in encodings}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def span_wanted(size: int, ours: Validators, asked: Range | None, if_range: IfRange) -> Span | None:
    """The one piece of `size` bytes that is asked for, or None for the whole (RFC 9110, 14.2).

    Several pieces, other units and nonsense are ignored, as the RFC allows, and so is a range of a file that
    has changed (`if_range`, 13.1.5). Raises UnsatisfiableRangeError.
    """
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not size or not _is_same(if_range, ours):
        return None
    (first, stop), *_ = asked.ranges
    start = first if first >= 0 else max(0, size + first)
    if start >= size:
        raise UnsatisfiableRangeError(f"{asked.to_header()} of {size} bytes")
    return Span(start=start, length=min(size, size if stop is None else stop) - start)


def _is_same(if_range: IfRange, ours: Validators) -> bool:
    """A date that is not just ours means send all (RFC 9110, 13.1.5)."""
    if if_range.etag is not None:
        return if_range.etag == ours.etag
    return if_range.date is None or if_range.date == ours.modified
