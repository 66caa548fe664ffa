"""Checks core metadata before it is parsed: where the fields end, and how many there are.

email, and so pip, packaging and pkginfo, ends the fields at the first line that is not a field, and takes a lone
carriage return for a line end; other parsers continue, and see dependencies that pip does not. The limits are needed
because the time of these parsers grows with the square of the size.
"""

from __future__ import annotations

import re

from eggwatch.archives.findings import BUILD_AGAIN, clipped

_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_FIELD = re.compile(rb"[!-9;-~]+:")
# A carriage return before an indented line does not end the field.
_LONE_RETURN = re.compile(rb"\r(?![\n \t])")


def head_of(content: bytes) -> bytes:
    """The fields as email separates them from the description, with the empty line."""
    if b"\r" not in content:  # as nearly always
        head, blank_line, _ = content.partition(b"\n\n")
        return head + blank_line
    blank = _BLANK_LINE.search(content)
    return content if blank is None else content[: blank.end()]


def ambiguity(head: bytes) -> str | None:
    """Why some tools see other fields than email does, or None."""
    lone = _LONE_RETURN.search(head)
    if lone is not None:
        return f"A carriage return occurs alone at byte {lone.start()}: for some tools it ends the line."
    # An indented line continues a field, if there is one before it.
    lines = head.splitlines()
    fields = (line for at, line in enumerate(lines) if at == 0 or not line.startswith((b" ", b"\t")))
    stray = next((line for line in fields if line and not _FIELD.match(line)), None)
    if stray is None:
        return None
    text = clipped(stray.decode("utf-8", "surrogateescape"))
    return f"The line '{text}' is not a field: some tools take it and everything after it for the description."


MOST_LINES = 100_000
"""Most lines, including the description; each costs a microsecond in every parser."""

MOST_HEADERS = 10_000
"""Most fields; pkginfo and packaging search all of them for each name."""

MOST_NAMES = 100
"""Most different names of fields; core metadata has fewer than fifty."""

LARGEST_FIELDS = 512 << 10
"""Most bytes of fields that are parsed; a thousand requirements have a tenth of it."""

_FREE_TEXT = frozenset((b"description", b"license"))
"""Fields that are not parsed, and may contain a whole README or licence."""


def excess(content: bytes) -> str | None:
    """Why these bytes must not be passed to a mail parser, or None."""
    if max(content.count(b"\n"), content.count(b"\r")) > MOST_LINES:
        return f"It has more than {MOST_LINES} lines. Shorten the README."
    head = head_of(content)
    if len(head) <= LARGEST_FIELDS and _line_ends(head) < MOST_NAMES and not may_be_multipart(head):
        return None
    count, size, names, name = 0, 0, set(), b""
    for line in head.splitlines():
        if line and not line.startswith((b" ", b"\t")):
            name = line.partition(b":")[0].strip().lower()
            count += 1
            names.add(name)
        if name not in _FREE_TEXT:
            size += len(line)
    return _too_much(count, len(names), size) or _multipart(names)


def _line_ends(head: bytes) -> int:
    return head.count(b"\n") + head.count(b"\r")


def _too_much(count: int, names: int, size: int) -> str | None:
    if count > MOST_HEADERS:
        return f"It has more than {MOST_HEADERS} header fields. {BUILD_AGAIN}"
    if names > MOST_NAMES:
        return f"It has {names} different fields; {MOST_NAMES} are allowed. {BUILD_AGAIN}"
    if size > LARGEST_FIELDS:
        return (
            f"Its fields other than Description and License have {size} bytes; {LARGEST_FIELDS} are allowed. "
            f"{BUILD_AGAIN}"
        )
    return None


def may_be_multipart(head: bytes) -> bool:
    """False if there is surely no Content-Type, with which email may take the description for several messages."""
    lower = head.lower()
    return lower.count(b"content-type") > lower.count(b"description-content-type")


def _multipart(names: set[bytes]) -> str | None:
    # The parser would search it for attachments, each line once for each level of nesting.
    return (
        f"It has a Content-Type, which is not a field of core metadata. {BUILD_AGAIN}"
        if b"content-type" in names
        else None
    )
