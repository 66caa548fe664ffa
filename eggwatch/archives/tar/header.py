"""Parses tar headers, which are blocks of 512 bytes, and the records of pax headers (POSIX.1-2017, pax)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from zlib import adler32

from eggwatch.archives.findings import BUILD_AGAIN, BrokenError, bytes_in_words, clipped
from eggwatch.model.codes import Code

BLOCK = 512

MOST_RECORDS = 1000
"""Most records of one pax header; tarfile copies those of a global one for each member."""

_POSIX_MAGIC = b"ustar\0"
_RECORD = re.compile(rb"([0-9]{1,8}) ([^=\0]+)=")


class TarHeader(NamedTuple):
    """The fields of a header that describe the member; `kind` is the type flag, with `0` for `\\0`."""

    name: str
    kind: bytes
    mode: int
    size: int
    target: str


def parse_header(block: bytes) -> TarHeader:
    """Parse a header; raises BrokenError if it is invalid, or if two tools could read it differently."""
    name = _text(block[:100])
    # "The simple sum of all bytes, treating the checksum field as spaces" (POSIX, ustar).
    if _byte_sum(block) - sum(block[148:156]) + 8 * 0x20 != _number(block[148:156], name):
        raise malformed(name, "The checksum of its header is wrong.")
    mode = _mode(block[100:124])
    # tarfile takes a header with a number that it can't read for the end of the tar.
    if mode is None or not _are_numbers(block[136:148], 12) or not _are_numbers(block[329:345], 8):
        raise malformed(name, "Its header has an invalid number for mode, owner, time or device.")
    kind = block[156:157]
    if kind == b"\0":
        # Before POSIX, a folder was a file whose name ends in a slash.
        kind = b"5" if name.endswith("/") else b"0"
    if block[345] and kind not in b"LKS":
        if block[257:263] != _POSIX_MAGIC:
            raise malformed(name, "Its header has a prefix, which its format does not have.")
        name = f"{_text(block[345:500])}/{name}"
    target = _text(block[157:257]) if block[157] else ""
    return TarHeader(name, kind, mode, _number(block[124:136], name), target)


def _byte_sum(block: bytes) -> int:
    """`sum(block)`, thirty times as fast.

    The low half of Adler-32 is one more than the sum of all bytes, modulo 65521 (RFC 1950, 8.2), which 256
    bytes do not reach.
    """
    half = BLOCK // 2
    return (adler32(block[:half]) & 0xFFFF) + (adler32(block[half:]) & 0xFFFF) - 2


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


# All headers of an archive have the same few values.
@lru_cache(maxsize=256)
def _mode(fields: bytes) -> int | None:
    """The mode from mode, uid and gid, eight bytes each; None if one of them is not a number."""
    if not _are_numbers(fields, 8):
        return None
    # Only the permissions matter; tools set the bits above them differently.
    return _as_tarfile_reads(fields[:8]) & 0o7777


@lru_cache(maxsize=1024)
def _are_numbers(fields: bytes, width: int) -> bool:
    """True if tarfile can read a number in each field of `width` bytes."""
    try:
        for at in range(0, len(fields), width):
            _as_tarfile_reads(fields[at : at + width])
    except ValueError:
        return False
    return True


def _as_tarfile_reads(field: bytes) -> int:
    """Octal up to the first zero byte, or GNU's base-256 form; raises ValueError if it is neither.

    int() also accepts signs, underscores and '0o'. uv does not, which `tar.portable` reports.
    """
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    return int(field.partition(b"\0")[0].decode("ascii").strip() or "0", 8)


def _number(field: bytes, name: str) -> int:
    """An octal number followed by spaces or zero bytes, or GNU's base-256 form, which its first bit marks."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    # Not int() alone, which also accepts signs, underscores and '0o'.
    digits = field.rstrip(b" \0").lstrip(b" ")
    if digits.strip(b"01234567"):
        raise malformed(name, f"Its header has an invalid number: {bytes_in_words(field)}.")
    return int(digits or b"0", 8)


def pax_records(raw: bytes) -> tuple[dict[str, str], bool]:
    """The records of an extended header, each `length key=value\\n`, and whether a length has leading zeros.

    A key that occurs twice is ambiguous.
    """
    records: dict[str, str] = {}
    padded = False
    at = 0
    while at < len(raw):
        match = _RECORD.match(raw, at)
        end = at + int(match[1]) if match else at
        if match is None or end > len(raw) or end <= match.end() or raw[end - 1 : end] != b"\n":
            raise malformed("pax header", "Its records are damaged.")
        key = match[2].decode("utf-8", "surrogateescape")
        if key in records:
            raise malformed("pax header", f"It contains {clipped(key)} twice.")
        if len(records) == MOST_RECORDS:
            raise malformed("pax header", f"It has more than {MOST_RECORDS} records.")
        records[key] = raw[match.end() : end - 1].decode("utf-8", "surrogateescape")
        padded = padded or match[1].startswith(b"0")
        at = end
    return records, padded


def malformed(subject: str, sentence: str) -> BrokenError:
    """The flaw of a tar with an invalid structure. (Later damage is found by the CRC of the gzip file.)"""
    return BrokenError(Code.TAR_MALFORMED, subject, f"{sentence} {BUILD_AGAIN}")
