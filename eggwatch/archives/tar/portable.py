"""Finds what tarfile, and so pip, can read in a tar and uv can't: old formats, padded numbers, unknown pax records.

uv reads POSIX ("pax, ustar Interchange Format") and the old GNU format, and only one of the two in a tar. All of this
was found by running uv (tests/hostile/differential.py continues to do so).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from eggwatch.archives.findings import bytes_in_words, quoted

USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
"""Magic and version of the two formats that uv reads."""

LARGEST_PAX = 256 << 10
LARGEST_GNU = 128 << 10
"""Most bytes of one extended header that uv reads."""

MOST_REASONS = 8
"""Most reasons that are reported for one tar."""

LATEST = 2**63 - 1024
"""Seconds; with more pip fails, because no date is so late (the last thousand seconds because of rounding)."""

_COMMON = re.compile(rb"(?:[0-7]{6}[0-7 \0][ \0]){3}[0-7]{11}[ \0][0-7]{11}[ \0][0-7]{6}[0-7 \0][ \0]")
"""Mode, owner, group, size, time and checksum as nearly all tools write them."""

_OCTAL = re.compile(rb"[0-7]+[ \0]+")
_TIME = re.compile(r"([0-9]+)(?:\.[0-9]+)?")
_DECIMAL = re.compile(r"[0-9]{1,20}")
_FIELDS = (("mode", 100, 108), ("owner", 108, 116), ("group", 116, 124), ("time", 136, 148))
_MEMBERS = b"\x0001234567"
_LONG = b"LK"
_PAX = b"xg"
_TIMES = frozenset(("mtime", "atime", "ctime"))
_NUMBERS = frozenset(("uid", "gid", "size"))
_TEXTS = frozenset(("charset", "comment", "gname", "hdrcharset", "linkpath", "path", "uname"))
_KNOWN_VENDORS = frozenset(("SCHILY", "LIBARCHIVE", "realtime", "security"))
_CHARSETS = frozenset(("", "BINARY", "ISO-IR 10646 2000 UTF-8"))


class Portability:
    """What was found in all headers of a tar: a sentence → the offset where it is true first, and how often it is."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, int]] = {}
        self._first = b""

    def see_header(self, block: bytes, at: int) -> None:
        """Check a header, which begins at this offset."""
        self._first = self._first or block[257:265]
        self._note(header_oddities(block, self._first), at)

    def see_extension(self, kind: bytes, raw: bytes, records: Mapping[str, str], at: int) -> None:
        """Check the contents of an extended header."""
        self._note(extension_oddities(kind, raw, records), at)

    def see_target(self, at: int) -> None:
        """Report a member that is not a link and has a target."""
        self._note(("a member that is not a link has a target, which uv rejects",), at)

    def _note(self, sentences: Iterable[str], at: int) -> None:
        for sentence in sentences:
            first, count = self.found.get(sentence, (at, 0))
            if count or len(self.found) < MOST_REASONS:
                self.found[sentence] = (first, count + 1)


def header_oddities(block: bytes, first: bytes) -> Iterator[str]:
    """What uv rejects in this header of a tar whose first header has the magic and version `first`."""
    identity = block[257:265]
    if identity not in (USTAR, GNU):
        yield "it is neither in the format of POSIX 1988 (ustar, pax) nor in that of GNU, the two that uv can read"
        return
    if identity != first:
        yield "it has headers in the formats of both GNU and POSIX, and uv reads only one of the two in a tar"
    kind = block[156]
    if kind in (_LONG if identity == USTAR else _PAX):
        yield "it has extended headers in another format than its members, which uv can't read"
    if not _COMMON.match(block, 100):
        yield from _odd_numbers(block[100:156], identity, is_member=kind in _MEMBERS)


@lru_cache(maxsize=256)
def _odd_numbers(fields: bytes, identity: bytes, *, is_member: bool) -> tuple[str, ...]:
    """The same for mode, owner, group, size, time and checksum."""
    found = []
    if not _OCTAL.fullmatch(fields[48:56]):
        found.append("its checksum has spaces before it or nothing after it, which uv rejects")
    if not _is_number(fields[24:36], identity):
        found.append(f"its size, {bytes_in_words(fields[24:36])}, is not a number to uv")
    for name, start, end in _FIELDS if is_member else ():
        value = fields[start - 100 : end - 100]
        if value.strip(b"\0") and not _is_number(value, identity):
            odd = f"its {name}, {bytes_in_words(value)}, is not a number to uv"
            found.append(f"{odd} (octal digits, then a space or zero byte)")
    if is_member and fields[36] == 0x80 and int.from_bytes(fields[37:48], "big") > LATEST:
        found.append("its time is too large, and pip fails")
    return tuple(found)


def _is_number(field: bytes, identity: bytes) -> bool:
    """True for octal digits followed by a space or zero byte; in GNU's format also for a number of 64 bits."""
    if identity == GNU and field[0] == 0x80:
        return int.from_bytes(field[1:], "big") < 1 << 64
    return _OCTAL.fullmatch(field) is not None


def extension_oddities(kind: bytes, raw: bytes, records: Mapping[str, str]) -> Iterator[str]:
    """What uv rejects in an extended header; `records` are those of a pax header."""
    if kind in (b"L", b"K"):
        if len(raw) > LARGEST_GNU:
            yield f"it has an extended header of {len(raw)} bytes, and uv reads at most {LARGEST_GNU}"
        elif not raw.rstrip(b"\0").isascii() or b"\0" in raw.rstrip(b"\0") or not raw.endswith(b"\0"):
            yield from _odd_long_name(raw)
        return
    if len(raw) > LARGEST_PAX:
        yield f"it has an extended header of {len(raw)} bytes, and uv reads at most {LARGEST_PAX}"
    elif not records:
        yield "it has an extended header without a record, which uv rejects"
    for key, value in records.items():
        reason = _odd_record(key, value)
        if reason:
            yield reason


def _odd_long_name(raw: bytes) -> Iterator[str]:
    _, end, rest = raw.partition(b"\0")
    if not end or rest.strip(b"\0"):
        yield "one of its long names does not end in a zero byte, which uv requires"


def _odd_record(key: str, value: str) -> str | None:
    vendor, dot, name = key.partition(".")
    if key in _TIMES:
        return _odd_time(key, value)
    if key in _NUMBERS:
        whole = not value or (_DECIMAL.fullmatch(value) is not None and int(value) < 1 << 64)
        return None if whole else f"its pax record {key} is {quoted(value)}, which is not a number to uv"
    if key in _TEXTS or (vendor in ("realtime", "security") and name):
        if not _is_utf8(value) and key not in ("path", "linkpath", "uname", "gname"):
            return f"its pax record {quoted(key)} is not UTF-8, which uv requires"
        return (
            None
            if key != "hdrcharset" or value in _CHARSETS
            else f"its names are encoded in {quoted(value)}, which uv can't read"
        )
    if vendor in _KNOWN_VENDORS and name:
        return None
    if vendor and dot and name:
        known = f"it has a pax record of a vendor that uv does not know ({quoted(key)})"
        return f"{known}; with --no-selinux GNU tar writes none for SELinux"
    return f"it has a pax record {quoted(key)}, which POSIX does not define and uv rejects"


def _odd_time(key: str, value: str) -> str | None:
    time = _TIME.fullmatch(value)
    if value and (time is None or int(time[1]) >= 1 << 64):
        return (
            f"its pax record {key} is {quoted(value)}; uv rejects times before 1970 and anything but a decimal number"
        )
    if key == "mtime" and time is not None and int(time[1]) > LATEST:
        return "its time is too large, and pip fails"
    return None


def _is_utf8(value: str) -> bool:
    return value.isascii() or not any("\udc80" <= character <= "\udcff" for character in value)
