"""What a client asked for in its headers: form, encoding, freshness and bytes. Pure functions of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from urllib.parse import unquote

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_ETAG = re.compile(r'(?:W/)?("[^"]*")')
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


class Form(Enum):
    """The three forms of a page, the preferred first (PyPUG: simple repository API, content types)."""

    HTML = "text/html"
    V1_HTML = "application/vnd.pypi.simple.v1+html"
    V1_JSON = "application/vnd.pypi.simple.v1+json"

    @property
    def filename(self) -> str:
        """Where the form lies in a page's folder (CONTRACT, Folders)."""
        return f"index.{self.name.lower()}"

    @property
    def content_type(self) -> str:
        """What is sent; a charset is defined for text/html only."""
        return f"{self.value}; charset=utf-8" if self is Form.HTML else self.value


_ALIASES = {
    "application/vnd.pypi.simple.latest+html": Form.V1_HTML.value,
    "application/vnd.pypi.simple.latest+json": Form.V1_JSON.value,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a file: `length` bytes from `start`."""

    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What tells one version of a file from another: a strong tag with its quotes, and whole seconds."""

    etag: str
    modified: datetime


class UnsatisfiableRangeError(ValueError):
    """The range begins behind the end of the file (RFC 9110, 14.1.2)."""


def choose_form(accept: str | None, wanted: str | None = None) -> Form:
    """The form with the highest q, ties by server order, without a match text/html (PEP 691).

    `wanted` is the value of `?format=` and wins over Accept.
    """
    weights = _weights(wanted or accept or "*/*")
    by_alias = [(_ALIASES[name], weight) for name, weight in weights.items() if name in _ALIASES]
    for name, weight in by_alias:
        weights[name] = max(weight, weights.get(name, 0.0))
    # max() keeps the first of equals: that is the server's order.
    return max(Form, key=lambda form: _weight_of(form.value, weights))


def form_parameter(query: str) -> str | None:
    """The value of `?format=`; a plus in it is a plus and no space, as PEP 691 writes it."""
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name == "format":
            return unquote(value)
    return None


def _weight_of(media_type: str, weights: dict[str, float]) -> float:
    """The most specific range that fits decides, also when it says q=0 (RFC 9110, 12.5.1)."""
    family = media_type.partition("/")[0] + "/*"
    for name in (media_type, family, "*/*"):
        if name in weights:
            return weights[name]
    return 0.0


def gzip_wanted(accept_encoding: str | None) -> bool:
    """May the compressed twin be sent, and is it liked no less than the plain file (RFC 9110, 12.5.3)?"""
    weights = _weights(accept_encoding or "identity")
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weights(header: str) -> dict[str, float]:
    """Names in lower case with their q; an entry whose q cannot be read counts as not written."""
    found: dict[str, float] = {}
    for entry in header.split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        weight = _weight([part for part in parameters if part.startswith("q=")])
        if name and weight is not None:
            found[name] = max(weight, found.get(name, 0.0))
    return found


def _weight(parameters: list[str]) -> float | None:
    if not parameters:
        return 1.0
    text = parameters[0].removeprefix("q=")
    return float(text) if _WEIGHT.fullmatch(text) else None


def is_unchanged(ours: Validators, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Does the client hold exactly this? If-None-Match outweighs If-Modified-Since (RFC 9110, 13.2.2)."""
    if if_none_match is not None:
        return if_none_match.strip() == "*" or ours.etag in _ETAG.findall(if_none_match)
    since = _http_date(if_modified_since)
    return since is not None and ours.modified <= since


def span_wanted(size: int, ours: Validators, byte_range: str | None, if_range: str | None) -> Span | None:
    """The one piece of `size` bytes that is asked for, or None for the whole (RFC 9110, 14.2).

    Several pieces, other units and nonsense are ignored, as the RFC allows, and so is a range of a file that
    has changed (`if_range`, 13.1.5). Raises UnsatisfiableRangeError.
    """
    match = _RANGE.fullmatch(byte_range or "")
    if not match or not size or not _is_same(if_range, ours):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    return _span(first, last, size) if first or last else None


def _span(first: str, last: str, size: int) -> Span:
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        raise UnsatisfiableRangeError(f"{first}-{last} of {size} bytes")
    return Span(start=start, length=stop - start)


def _is_same(if_range: str | None, ours: Validators) -> bool:
    """Strong comparison: a weak tag, or a date that is not just ours, means send all (RFC 9110, 13.1.5)."""
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == ours.etag
    return _http_date(if_range) == ours.modified


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # "-0000" gives a naive datetime; HTTP dates are always GMT (RFC 9110, 5.6.7).
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
