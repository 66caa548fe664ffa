"""Tar records, made field by field."""

from __future__ import annotations

import gzip

from tests.archive_factory import sdist_members
from tests.archives.judging import ZEROS
from tests.hostile.unpacking import STATIC

TOP = "demo-1.0"
FIELDS = {
    "name": (0, 100),
    "mode": (100, 8),
    "uid": (108, 8),
    "gid": (116, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "checksum": (148, 8),
    "kind": (156, 1),
    "target": (157, 100),
    "magic": (257, 8),
    "uname": (265, 32),
    "gname": (297, 32),
    "devmajor": (329, 8),
    "devminor": (337, 8),
    "prefix": (345, 155),
    "padding": (500, 12),
}
"""Where each field stands in a header, and its length (POSIX.1-2017, pax, ustar Interchange Format)."""
USTAR, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)


def header(**fields: bytes) -> bytes:
    """A ustar header with these fields, its checksum put right unless one is given."""
    plain = {"mode": b"0000644\0", "uid": b"0000000\0", "gid": b"0000000\0", "mtime": b"00000000000\0", "kind": b"0"}
    block = bytearray(512)
    for name, value in {**plain, "magic": USTAR, **fields}.items():
        at, width = FIELDS[name]
        block[at : at + width] = value[:width].ljust(width, b"\0")
    if "checksum" not in fields:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name: str | bytes, content: bytes = b"", **fields: bytes) -> bytes:
    """A header and the padded contents."""
    raw = name if isinstance(name, bytes) else name.encode()
    return header(**{"name": raw, "size": b"%011o\0" % len(content), **fields}) + content + bytes(-len(content) % 512)


def record(key: bytes, value: bytes) -> bytes:
    """A record of a pax header, whose length counts itself."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return str(length).encode() + rest


def pax(*records: bytes, kind: bytes = b"x") -> bytes:
    """An extended header of these records."""
    return member("pax", b"".join(records), kind=kind)


def sound(**fields: bytes) -> list[bytes]:
    """The records of a sound sdist, each with these fields."""
    members = {**sdist_members(), f"{TOP}/PKG-INFO": STATIC}
    folder = {"kind": b"5", "mode": b"0000755\0"}
    return [
        member(name, content, **{**(folder if name.endswith("/") else {}), **fields})
        for name, content in members.items()
    ]


def targz(records: list[bytes], closing: bytes = ZEROS * 2) -> bytes:
    """A .tar.gz of these records."""
    return gzip.compress(b"".join(records) + closing, 1, mtime=0)
