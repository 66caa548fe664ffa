"""How much core metadata may hold of everything: the parsers behind us take time that grows with its square."""

from __future__ import annotations

from eggwatch.archives.findings import BUILD_AGAIN
from eggwatch.archives.metadata.head import head_of

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
