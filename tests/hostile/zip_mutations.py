"""Wheels with one odd field of the zip: names, flags, methods, extra fields, descriptors, comments, end records."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from tests.archives.judging import Part, raw_wheel, wheel_parts
from tests.hostile.characters import odd_name

TEXT = b"text"
FULL = 0xFFFFFFFF
UTF8 = 1 << 11
DESCRIPTOR = 1 << 3
LATER: dict[str, int | bytes] = {"crc": 0, "packed": 0, "size": 0}


def file(**special: Any) -> Part:
    """A stored member more, with whatever is special about it."""
    return Part(**{"name": b"demo/file.txt", "content": TEXT, "method": 0, **special})


def with_part(*parts: Part, **zip_options: Any) -> bytes:
    """The factory's wheel with more members in front, all in RECORD."""
    return raw_wheel([*parts, *wheel_parts()], **zip_options)


def name(source: Random) -> tuple[str, bytes]:
    """An odd name."""
    text = f"demo/{odd_name(source)}"
    raw = text.encode("utf-8", "surrogateescape")
    flags = UTF8 if not raw.isascii() and source.random() < 0.9 else 0
    return f"name {text!r} {flags}", with_part(file(name=raw, flags=flags))


def flags(source: Random) -> tuple[str, bytes]:
    """Any flag."""
    bits = 1 << source.randrange(16)
    where = source.choice(("both", "local", "central"))
    lie = {"flags": bits}
    part = file(local=lie if where != "central" else {}, central=lie if where != "local" else {})
    return f"flags {bits:#x} {where}", with_part(part)


def method(source: Random) -> tuple[str, bytes]:
    """Any method of compression."""
    value = source.choice((0, 8, 9, 12, 14, 93, 95, 99))
    return f"method {value}", with_part(file(method=value))


def extra(source: Random) -> tuple[str, bytes]:
    """Extra fields, sound, doubled, cut off or unknown."""
    time, unix = b"UT\5\0\1\0\0\0\0", b"ux\x0b\0\1\4\0\0\0\0\4\0\0\0\0"
    wide = struct.pack("<2H2Q", 1, 16, len(TEXT), len(TEXT))
    path = struct.pack("<2HBL", 0x7075, 18, 1, zlib.crc32(b"demo/file.txt")) + b"demo/file.txt"
    fields = (
        time,
        unix,
        wide,
        path,
        b"\0\0\0\0",
        b"\0\0\2\0ab",
        b"\xfe\xca\0\0",
        b"abc",
        b"\x09\0\x09\0x",
        b"\1\0\0\0",
    )
    count = source.choice((1, 1, 2))
    value = b"".join([source.choice(fields)] * count if source.random() < 0.6 else source.choices(fields, k=count))
    where = source.choice(("extra", "central_extra", "both"))
    given = {"extra": value, "central_extra": value} if where == "both" else {where: value}
    return f"extra {value!r} {where}", with_part(file(**given))


def descriptor(source: Random) -> tuple[str, bytes]:
    """Sizes behind the data, in each form and with each lie in the local header."""
    crc, size = zlib.crc32(TEXT), len(TEXT)
    plain = struct.pack("<3L", crc, size, size)
    wide = struct.pack("<L2Q", crc, size, size)
    forms = {"plain": plain, "wide": wide, "none": b"", "wrong": struct.pack("<3L", 1, size, size)}
    form = source.choice(list(forms))
    signed = source.random() < 0.7
    deflated = source.random() < 0.5
    local = source.choice((LATER, {"crc": 0, "packed": FULL, "size": FULL}, {"crc": 0}, {}, {"packed": 0}, {"size": 0}))
    more = struct.pack("<2H2Q", 1, 16, 0, 0) if source.random() < 0.3 else b""
    part = file(flags=DESCRIPTOR, method=8 if deflated else 0, local=local, extra=more)
    packed = len(part.raw)
    value = forms[form]
    if deflated and form in ("plain", "wide"):
        value = struct.pack("<3L" if form == "plain" else "<L2Q", crc, packed, size)
    part.descriptor = (b"PK\x07\x08" if signed else b"") + value
    return f"descriptor {form} {signed} {deflated} {dict(local)} {more!r}", with_part(part)


def comment(source: Random) -> tuple[str, bytes]:
    """A comment of the whole zip, or of a member."""
    values = (
        b"words",
        b"PK\x05\x06",
        b"PK\x05\x06" + bytes(18),
        b"PK\x01\x02",
        b"PK\x03\x04" + bytes(40),
        b"\1\2",
        b"\0",
    )
    value = source.choice((*values, b"\xff\xfe", b"x" * 2000, b"PK\x06\x07", b"PK", b"PK\x05\x06" + b"\1" * 18))
    if source.random() < 0.3:
        return f"comment of a member {value[:26]!r}", with_part(file(comment=value))
    return f"comment {value[:26]!r}", with_part(comment=value)


def sizes(source: Random) -> tuple[str, bytes]:
    """A wrong size, CRC or offset in one of the two headers."""
    field = source.choice(("crc", "packed", "size"))
    value = source.choice((0, 1, 3, 5, FULL))
    where = source.choice(("local", "central", "both"))
    part = file(local={field: value} if where != "central" else {}, central={field: value} if where != "local" else {})
    return f"sizes {field}={value} {where}", with_part(part)


def attributes(source: Random) -> tuple[str, bytes]:
    """Any type and mode."""
    mode = source.choice((0, 0o100644, 0o100755, 0o100000, 0o040755, 0o120777, 0o060644, 0o010644, 0o140644, 0o104755))
    suffix = source.choice((b"", b"", b"/"))
    low = source.choice((0, 0x10, 0x20))
    part = file(name=b"demo/thing" + suffix, content=b"" if suffix else TEXT, attributes=mode << 16 | low)
    return f"attributes {mode:o} {suffix!r} {low:#x}", with_part(part)


def twice(source: Random) -> tuple[str, bytes]:
    """Two members of one name, or names that are one somewhere."""
    other = source.choice(
        (b"demo/file.txt", b"demo/FILE.txt", b"demo//file.txt", b"demo/./file.txt", b"demo/file.txt/x")
    )
    content = source.choice((TEXT, b"other"))
    return f"twice {other!r} {content!r}", with_part(file(), file(name=other, content=content))


def around(source: Random) -> tuple[str, bytes]:
    """Bytes before, between and behind."""
    value = source.choice((b"x", bytes(1), bytes(600), b"PK", b"#!/bin/sh\n"))
    where = source.choice(("before", "between", "behind", "zip64", "count"))
    if where == "between":
        data = with_part(file(after=value))
    elif where == "zip64":
        data = with_part(zip64=source.choice(({}, {"length": 60}, {"count": 1}, {"start": 1})))
    elif where == "count":
        data = with_part(end={"count": source.choice((0, 1, 4, 65535)), "here": source.choice((0, 4))})
    else:
        data = with_part(before=value) if where == "before" else with_part() + value
    return f"around {value!r} {where} {len(data)}", data


MUTATIONS: tuple[Callable[[Random], tuple[str, bytes]], ...] = (
    *(name, name, name, flags, method, extra, extra, descriptor, descriptor, comment, sizes, attributes, twice),
    around,
)


def mutated(source: Random) -> tuple[str, bytes]:
    """What is odd about it, and a wheel."""
    return source.choice(MUTATIONS)(source)
