"""Finds what zipfile, and so pip, can read in a zip and uv can't: repeated extra fields, some comments, descriptors.

uv reads a wheel from the front while it downloads it: only the local header of a member says how wide its data
descriptor is (APPNOTE 4.3.9.2). All of this was found by running uv (tests/hostile/differential.py).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.model.codes import Code

DEFLATED = 8
_SUSPECT = re.compile(rb"[\x01-\x08]")
"""Bytes that are in the signatures of zip records, and in nearly no text."""

Oddity = tuple[str, str, int]
"""The name of a member, what uv rejects in it, and its offset in the file."""


def entry_oddity(extra: bytes, comment: bytes) -> str | None:
    """What uv rejects in an entry of the directory with these extra fields and this comment."""
    return extra_oddity(extra) or comment_oddity(comment)


def comment_oddity(comment: bytes) -> str | None:
    """What uv rejects in the comment of a member or of the zip."""
    if _SUSPECT.search(comment) is None:
        return None
    return "A comment contains bytes 01 to 08, as another zip would, which uv rejects and pip ignores"


def extra_oddity(extra: bytes) -> str | None:
    """What uv rejects in extra fields that are otherwise valid."""
    kinds = list(_kinds(extra)) if extra else []
    if len(kinds) == len(set(kinds)):
        return None
    return "It has two extra fields of one kind, which uv rejects and pip ignores"


def _kinds(extra: bytes) -> Iterator[int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        yield kind
        at += 4 + length


def descriptor_oddity(method: int, *, is_wide: bool, has_zip64: bool) -> str | None:
    """What uv rejects in a data descriptor; it reads none of a stored member."""
    if method != DEFLATED or is_wide == has_zip64:
        return None
    width = "64 bits without a zip64 field" if is_wide else "32 bits with a zip64 field"
    return f"The sizes after its data have {width}; uv goes by that field and rejects the wheel, pip ignores it"


FULL_WITHOUT_ZIP64 = "Its local header refers to a zip64 field for its sizes, and there is none, which uv rejects"


def note_oddities(oddities: Iterable[Oddity], findings: Findings) -> None:
    """Add a flaw for each reason, with the first member that has it."""
    firsts: dict[str, tuple[str, int, int]] = {}
    for name, reason, at in oddities:
        subject, offset, count = firsts.get(reason, (name, at, 0))
        firsts[reason] = (subject, offset, count + 1)
    for reason, (subject, offset, count) in firsts.items():
        times = "" if count == 1 else f" The same is true of {count} members in all."
        findings.refuse(Code.ZIP_NOT_PORTABLE, subject, f"{reason}.{times} {BUILD_AGAIN}", at=offset)
