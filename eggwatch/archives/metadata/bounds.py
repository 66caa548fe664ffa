"""What core metadata may be before a parser sees it: where its fields end, and how much there may be of everything.

email, and so pip, packaging and pkginfo, ends the fields at the first line that is none, and takes a lone carriage
return for the end of a line; others read on, and see dependencies that pip does not. And the parsers behind us take
time that grows with the square of what there is.
"""

from __future__ import annotations

import re

from eggwatch.archives.findings import BUILD_AGAIN, clipped

_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_FIELD = re.compile(rb"[!-9;-~]+:")
# What a carriage return parts is one field all the same where the next line goes on with it.
_LONE_RETURN = re.compile(rb"\r(?![\n \t])")


def head_of(content: bytes) -> bytes:
    """The fields, as email parts them from the description, with the blank line."""
    blank = _BLANK_LINE.search(content)
    return content if blank is None else content[: blank.end()]


def ambiguity(head: bytes) -> str | None:
    """Why readers would see other fields than email does, or None."""
    lone = _LONE_RETURN.search(head)
    if lone is not None:
        return f"A carriage return stands alone at byte {lone.start()}: to some readers it ends the line."
    # What is indented goes on with a field, where there is one before it.
    lines = head.splitlines()
    fields = (line for at, line in enumerate(lines) if at == 0 or not line.startswith((b" ", b"\t")))
    stray = next((line for line in fields if line and not _FIELD.match(line)), None)
    if stray is None:
        return None
    text = clipped(stray.decode("utf-8", "surrogateescape"))
    return f"The line '{text}' is no field: some readers take it and all that follows for the description."


MOST_LINES = 100_000
"""Lines, the description among them; each costs a microsecond in every parser."""

MOST_HEADERS = 10_000
"""Header fields; pkginfo and packaging look through all of them for each name."""

MOST_NAMES = 100
"""Different names of header fields; core metadata has fewer than fifty."""

LARGEST_FIELDS = 512 << 10
"""Bytes of header fields that are taken apart; a thousand requirements have a tenth of it."""

_FREE_TEXT = frozenset((b"description", b"license"))
"""Fields that are not taken apart, and may hold a whole README or licence."""


def excess(content: bytes) -> str | None:
    """Why these bytes must not reach a parser of mails, or None."""
    if max(content.count(b"\n"), content.count(b"\r")) > MOST_LINES:
        return f"It has more than {MOST_LINES} lines. Shorten the README."
    count, size, names, name = 0, 0, set(), b""
    for line in head_of(content).splitlines():
        if line and not line.startswith((b" ", b"\t")):
            name = line.partition(b":")[0].strip().lower()
            count += 1
            names.add(name)
        if name not in _FREE_TEXT:
            size += len(line)
    return _too_much(count, len(names), size) or _multipart(names)


def _too_much(count: int, names: int, size: int) -> str | None:
    if count > MOST_HEADERS:
        return f"It has more than {MOST_HEADERS} header fields. {BUILD_AGAIN}"
    if names > MOST_NAMES:
        return f"It has fields of {names} names; {MOST_NAMES} are allowed. {BUILD_AGAIN}"
    if size > LARGEST_FIELDS:
        return f"Its fields but Description and License have {size} bytes; {LARGEST_FIELDS} are allowed. {BUILD_AGAIN}"
    return None


def _multipart(names: set[bytes]) -> str | None:
    # It would be taken for a mail with attachments, and searched for them, each line once for each nesting.
    return (
        f"It has a Content-Type, which is no field of core metadata. {BUILD_AGAIN}"
        if b"content-type" in names
        else None
    )
