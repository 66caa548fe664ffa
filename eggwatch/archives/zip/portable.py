"""What zipfile, and so pip, unpacks and uv's reader of zips refuses: doubled extra fields, some comments, descriptors.

uv reads a wheel as it comes from the index, from the front: a member's local header alone tells it how wide the data
descriptor behind the member is (APPNOTE 4.3.9.2). What it says was found by running it (tests/hostile/differential.py).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.model.codes import Code

DEFLATED = 8
_SUSPECT = re.compile(rb"[\x01-\x08]")
"""Bytes in every signature of a zip's records, and in hardly a text."""

Oddity = tuple[str, str, int]
"""Of which member, what is odd, and at which byte of the file."""


def entry_oddity(extra: bytes, comment: bytes) -> str | None:
    """What uv refuses in an entry of the directory that has these extra fields and this comment."""
    return extra_oddity(extra) or comment_oddity(comment)


def comment_oddity(comment: bytes) -> str | None:
    """What uv refuses in the comment of a member or of the zip."""
    if _SUSPECT.search(comment) is None:
        return None
    return "A comment holds bytes 01 to 08, as another zip would; uv refuses that, pip does not look"


def extra_oddity(extra: bytes) -> str | None:
    """What uv refuses in extra fields that are whole, and that name zip64 and a second name only once."""
    kinds = list(_kinds(extra))
    if len(kinds) == len(set(kinds)):
        return None
    return "It has two extra fields of one kind; uv refuses that, pip does not look"


def _kinds(extra: bytes) -> Iterator[int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        yield kind
        at += 4 + length


def descriptor_oddity(method: int, *, is_wide: bool, has_zip64: bool) -> str | None:
    """What uv refuses in a data descriptor; of a stored member it reads none from the front."""
    if method != DEFLATED or is_wide == has_zip64:
        return None
    width = "64 bits, and no zip64 field says so" if is_wide else "32 bits, and a zip64 field says 64"
    return (
        f"The sizes behind its data have {width}; uv reads them by that field and refuses the wheel, pip does not look"
    )


FULL_WITHOUT_ZIP64 = "Its local header says that a zip64 field holds its sizes, and there is none; uv refuses that"


def tell(oddities: Iterable[Oddity], findings: Findings) -> None:
    """Note each reason once, with the member where it was first."""
    firsts: dict[str, tuple[str, int, int]] = {}
    for name, reason, at in oddities:
        subject, offset, count = firsts.get(reason, (name, at, 0))
        firsts[reason] = (subject, offset, count + 1)
    for reason, (subject, offset, count) in firsts.items():
        times = "" if count == 1 else f" So it is with {count} members."
        findings.refuse(Code.ZIP_NOT_PORTABLE, subject, f"{reason}.{times} {BUILD_AGAIN}", at=offset)
