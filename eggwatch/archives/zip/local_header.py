"""Compares the local header and data descriptor of a zip member with the central directory."""

from __future__ import annotations

import struct
from typing import NamedTuple

from eggwatch.archives.findings import UPLOAD_AGAIN, BrokenError, ByteRange, clipped
from eggwatch.archives.zip.directory import (
    FULL_32,
    LOCAL_SIGNATURE,
    ZIP64_EXTRA,
    ZipMember,
    check_unicode_path,
    extra_fields,
    widened,
)
from eggwatch.archives.zip.portable import FULL_WITHOUT_ZIP64, extra_oddity
from eggwatch.model.codes import Code

LONGEST_DESCRIPTOR = 24
"""Bytes of a data descriptor with signature and 64-bit sizes."""

_WIDE = 20

DESCRIPTOR = 1 << 3
"""The flag of a member whose sizes come after its data."""

_LOCAL = struct.Struct("<4s5H3L2H")
_LATER = ("CRC", "packed size", "size")
"""Fields that a streaming writer sets to zero, and writes into the data descriptor."""


class Local(NamedTuple):
    """A local header: where the data begins, whether it has a zip64 field, and what uv rejects in it."""

    start: int
    has_zip64: bool
    oddity: str | None


def check_local(head: bytes, member: ZipMember, where: ByteRange) -> Local:
    """Compare the local header (APPNOTE 4.3.7) at the beginning of `head` with the directory."""
    if len(head) < _LOCAL.size or not head.startswith(LOCAL_SIGNATURE):
        raise _mismatch(member, "There is no local header where the member should begin.", where)
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(head)
    name_end = _LOCAL.size + name_length
    name = head[_LOCAL.size : name_end]
    extras: dict[int, bytes] = {}
    raw = head[name_end : name_end + extra_length]
    if extra_length:
        extras = extra_fields(raw, member.name, where)
        check_unicode_path(extras, name, member.name, where)
        size, packed = widened(extras, (size, packed), member.name, where)
    stated = (member.raw_name, member.flags, member.method, member.crc, member.packed, member.size)
    found = (name, flags, method, crc, packed, size)
    if found != stated:
        _refuse_difference(found, member, where)
    oddity = extra_oddity(raw) if raw else None
    if ZIP64_EXTRA not in extras and FULL_32 in (packed, size):
        oddity = FULL_WITHOUT_ZIP64
    return Local(name_end + extra_length, ZIP64_EXTRA in extras, oddity)


def _refuse_difference(found: tuple[bytes, int, int, int, int, int], member: ZipMember, where: ByteRange) -> None:
    name, flags, method, *later = found
    pairs = (
        ("name", _text(name), _text(member.raw_name)),
        ("flags", flags, member.flags),
        ("method", method, member.method),
        *zip(_LATER, later, (member.crc, member.packed, member.size), strict=True),
    )
    differing = {
        field: f"{field} {clipped(str(local))} instead of {clipped(str(central))}"
        for field, local, central in pairs
        if local != central and not (flags & DESCRIPTOR and field in _LATER and local in (0, FULL_32))
    }
    if differing:
        # PyPI compares names and sizes.
        code = Code.ZIP_LOCAL_CRC if list(differing) == ["CRC"] else Code.ZIP_LOCAL_MISMATCH
        sentence = f"Its local header and the directory differ: {', '.join(differing.values())}."
        raise BrokenError(code, member.name, f"{sentence} {UPLOAD_AGAIN}", where)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def check_descriptor(after: bytes, length: int, member: ZipMember, where: ByteRange) -> bool:
    """Check that only a data descriptor (APPNOTE 4.3.9), or nothing, is between a member's data and the next member.

    `after` are the first 25 of these `length` bytes. Returns True if the sizes have 64 bits.
    """
    if not member.flags & DESCRIPTOR:
        if length:
            sentence = f"{length} bytes after it belong to no member."
            raise BrokenError(Code.ZIP_HIDDEN_DATA, member.name, f"{sentence} {UPLOAD_AGAIN}", where)
    elif after not in _descriptors(member):
        raise _mismatch(member, "Its data descriptor and the directory differ.", where)
    return length >= _WIDE


def _descriptors(member: ZipMember) -> list[bytes]:
    values = (member.crc, member.packed, member.size)
    forms = ["<L2Q"] if max(values) > FULL_32 else ["<L2L", "<L2Q"]
    plain = [struct.pack(form, *values) for form in forms]
    return [*plain, *(b"PK\x07\x08" + form for form in plain)]


def _mismatch(member: ZipMember, sentence: str, where: ByteRange) -> BrokenError:
    return BrokenError(Code.ZIP_LOCAL_MISMATCH, member.name, f"{sentence} {UPLOAD_AGAIN}", where)
