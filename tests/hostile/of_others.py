"""The bad archives of other projects' test suites, built by their facts: what each is, and what we say of it.

Each row is the suite, what it calls the case or what is special about it, the description of the archive
(building.Description), and our codes: those that refuse, or, of an archive that is admitted, those that warn.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from tests.archive_factory import sdist_members
from tests.archives.judging import ZEROS, Part, raw_zip
from tests.hostile.building import TOP
from tests.hostile.zips import FILE, LATER, NAME, SECOND, STORED, TEXT

FULL = 0xFFFFFFFF
CRC = Part(**STORED).facts({})["crc"]
INNER = raw_zip([Part(name=b"inner", content=b"other", method=0)])
LOCAL = INNER[: INNER.index(b"PK\x01\x02")]
BOTH = struct.pack("<2H2Q", 1, 16, len(TEXT), len(TEXT))
ADMITTED = "admit"
REFUSED = "reject"


class Case(NamedTuple):
    """One archive of somebody's tests."""

    suite: str
    what: str
    archive: dict[str, Any]
    verdict: str
    codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.suite}: {self.what}"


def member(**lies: Any) -> dict[str, Any]:
    """A wheel with one stored member more, which lies."""
    return {"parts": [{**STORED, **lies}]}


def streamed(crc: Any = CRC, packed: int = len(TEXT), size: int = len(TEXT), *, wide: bool = False) -> dict[str, Any]:
    """A wheel with one stored member whose CRC and sizes stand behind it."""
    descriptor = struct.pack("<4sL2Q" if wide else "<4s3L", b"PK\x07\x08", crc, packed, size)
    return member(flags=8, local=LATER, descriptor=descriptor)


def widened(size: int, packed: int) -> dict[str, Any]:
    """A wheel with one stored member whose sizes stand in zip64 fields."""
    extra = struct.pack("<2H2Q", 1, 16, size, packed)
    full = {"size": FULL, "packed": FULL}
    return member(extra=extra, central_extra=extra, local=full, central=full)


def sdist(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An sdist with these records more."""
    return {"kind": "sdist", "records": list(records), **more}


def entry(name: str, kind: bytes = b"0", target: str = "", content: bytes = b"") -> dict[str, Any]:
    """A tar record."""
    return {"name": name, "kind": kind, "target": target, "content": content}


def wide_offset(extra: bytes, **full: int) -> dict[str, Any]:
    """A wheel with a member whose zip64 field has fewer values than its directory entry needs."""
    return member(central=full, central_extra=struct.pack("<2H", 1, len(extra)) + extra)


EIGHT = struct.pack("<Q", len(TEXT))

UV = (
    Case("uv", "a comment", {"zip": {"comment": b"hello"}}, ADMITTED, ("zip-comment",)),
    Case("uv", "a data descriptor", streamed(), ADMITTED, ("zip-data-descriptor",)),
    Case("uv", "a zip64 data descriptor", streamed(wide=True), ADMITTED, ("zip-data-descriptor",)),
    Case("uv", "sizes in zip64 fields that need none", widened(len(TEXT), len(TEXT)), ADMITTED),
    Case("uv", "a stored member", member(), ADMITTED),
    Case(
        "uv",
        "a folder with an entry of its own",
        {"parts": [{"name": b"demo/sub/"}, {**FILE, "name": b"demo/sub/x"}]},
        ADMITTED,
    ),
    Case("uv", "a zip64 end record that needs none", {"zip": {"zip64": {}}}, ADMITTED),
    Case("uv", "a zip in the comment", {"zip": {"comment": INNER}}, REFUSED, ("incomplete", "zip-leading-data")),
    Case("uv", "an extra field of three bytes", member(extra=b"abc"), ADMITTED),
    Case("uv", "a name of 8 bits that is not UTF-8", member(name=b"demo/\xe9"), REFUSED, ("zip-name-characters",)),
    Case("uv", "a folder without an entry", {"parts": [{**FILE, "name": b"demo/sub/x"}]}, ADMITTED),
    Case("uv", "bytes before the zip", {"before": b"#!/bin/sh\n"}, REFUSED, ("not-a-zip",)),
    Case("uv", "a suffix that is no comment", {"after": b"not a comment"}, REFUSED, ("zip-trailing-data",)),
    Case(
        "uv",
        "extensible data in the zip64 end record",
        {"zip": {"zip64": {"length": 60}}},
        REFUSED,
        ("zip64-mismatch",),
    ),
    Case(
        "uv",
        "a zip64 field that is too long",
        member(extra=BOTH, local={"size": FULL}, central={"size": FULL}, central_extra=BOTH),
        REFUSED,
        ("zip64-mismatch",),
    ),
    Case(
        "uv",
        "a zip64 field that is too short",
        member(central={"size": FULL, "packed": FULL}, central_extra=BOTH[:2] + b"\x08\0" + EIGHT),
        REFUSED,
        ("zip64-mismatch",),
    ),
    Case(
        "uv",
        "an entry of the directory without a member",
        {"parts": [FILE, {"name": b"demo/x", "local": {"signature": b"XXXX"}}]},
        REFUSED,
        ("zip-local-mismatch",),
    ),
    Case("uv", "a member without an entry in the directory", member(after=LOCAL), REFUSED, ("zip-hidden-data",)),
    Case("uv", "a descriptor with CRC 0", streamed(crc=0), REFUSED, ("zip-local-mismatch",)),
    Case("uv", "a descriptor with a wrong CRC", streamed(crc=1), REFUSED, ("zip-local-mismatch",)),
    Case(
        "uv", "a descriptor with a wrong packed size", streamed(packed=len(TEXT) + 1), REFUSED, ("zip-local-mismatch",)
    ),
    Case("uv", "a descriptor with a wrong size", streamed(size=len(TEXT) + 1), REFUSED, ("zip-local-mismatch",)),
    Case(
        "uv",
        "a descriptor with a wrong size and no signature",
        member(flags=8, local=LATER, descriptor=struct.pack("<3L", CRC, len(TEXT), len(TEXT) + 1)),
        REFUSED,
        ("zip-local-mismatch",),
    ),
    Case(
        "uv",
        "a zip64 descriptor with a wrong packed size",
        streamed(packed=len(TEXT) + 1, wide=True),
        REFUSED,
        ("zip-local-mismatch",),
    ),
    Case(
        "uv",
        "a zip64 descriptor with a wrong size",
        streamed(size=len(TEXT) + 1, wide=True),
        REFUSED,
        ("zip-local-mismatch",),
    ),
    Case("uv", "two end records", {"after": INNER[INNER.index(b"PK\x05\x06") :]}, REFUSED, ("zip-malformed",)),
    Case(
        "uv",
        "extra fields that are cut off",
        member(extra=struct.pack("<2H", 9, 9) + b"x"),
        REFUSED,
        ("zip-malformed",),
    ),
    Case("uv", "a zip64 field with a wrong packed size", widened(len(TEXT), len(TEXT) + 1), REFUSED, ("zip-overlap",)),
    Case("uv", "a zip64 field with a wrong size", widened(len(TEXT) + 1, len(TEXT)), REFUSED, ("zip-size",)),
    Case("uv", "a second Unicode name", member(extra=SECOND * 2), REFUSED, ("zip-duplicate-extra",)),
    Case("uv", "a chain of Unicode names", member(central_extra=SECOND * 3), REFUSED, ("zip-duplicate-extra",)),
    Case("uv", "a size that is too short", member(local={"size": 9}, central={"size": 9}), REFUSED, ("zip-size",)),
    Case(
        "uv",
        "a size that is too short, in zip64",
        member(extra=BOTH, local={"size": 9, "packed": 9}),
        REFUSED,
        ("zip64-mismatch",),
    ),
    Case("uv", "end records that disagree", {"zip": {"zip64": {"count": 1, "size": 60}}}, REFUSED, ("zip64-mismatch",)),
    Case("uv", "a zip in a stored member", {"parts": [{"name": NAME, "content": INNER, "method": 0}]}, ADMITTED),
)
CPYTHON = (
    Case("CPython", "no zip64 value for the size", wide_offset(b"", size=FULL), REFUSED, ("zip64-mismatch",)),
    Case(
        "CPython",
        "one zip64 value for size and packed size",
        wide_offset(EIGHT, size=FULL, packed=FULL),
        REFUSED,
        ("zip64-mismatch",),
    ),
    Case(
        "CPython",
        "two zip64 values where the offset needs a third",
        wide_offset(EIGHT * 2, size=FULL, packed=FULL, offset=FULL),
        REFUSED,
        ("zip64-mismatch",),
    ),
    Case("CPython", "no zip64 value for the offset", wide_offset(b"", offset=FULL), REFUSED, ("zip64-mismatch",)),
    Case(
        "CPython",
        "two entries for one member",
        {"parts": [{**FILE, "name": b"a"}, {**FILE, "name": b"b", "central": {"offset": 0}}]},
        REFUSED,
        ("zip-local-mismatch",),
    ),
    Case(
        "CPython",
        "a member quoted in another",
        {
            "parts": [
                {"name": b"a", "content": LOCAL, "method": 0},
                {"name": b"inner", "content": b"other", "method": 0, "central": {"offset": 31}},
            ]
        },
        REFUSED,
        ("zip-overlap", "zip-hidden-data"),
    ),
    Case("CPython", "a wrong CRC", member(packed=TEXT.upper()), REFUSED, ("zip-crc",)),
    Case("CPython", "an unknown method", member(method=10), REFUSED, ("zip-compression",)),
    Case(
        "CPython",
        "a directory that begins before the file",
        {"zip": {"end": {"size": FULL}}},
        REFUSED,
        ("zip-malformed",),
    ),
    Case(
        "CPython",
        "bytes behind the comment",
        {"zip": {"comment": b"this is a comment"}, "after": b"abcdef\r\n"},
        REFUSED,
        ("zip-trailing-data",),
    ),
    Case("CPython", "a backslash in a folder's name", member(name=b"demo\\x\\"), REFUSED, ("zip-unsafe-path",)),
    Case("CPython", "an absolute path in a tar", sdist(entry("/escaped")), REFUSED, ("tar-unsafe-path",)),
    Case(
        "CPython",
        "a link to '.' and a way out through it",
        sdist(entry(f"{TOP}/current", b"2", "."), entry(f"{TOP}/parent", b"2", "current/../..")),
        REFUSED,
        ("tar-unsafe-link",),
    ),
    Case(
        "CPython",
        "an absolute symbolic link",
        sdist(entry(f"{TOP}/link", b"2", "/etc/passwd")),
        REFUSED,
        ("tar-unsafe-link",),
    ),
    Case(
        "CPython",
        "an absolute hard link",
        sdist(entry(f"{TOP}/link", b"1", "/etc/passwd")),
        REFUSED,
        ("tar-unsafe-link",),
    ),
    Case(
        "CPython",
        "a hard link out of the folder",
        sdist(entry(f"{TOP}/link", b"1", "../moo")),
        REFUSED,
        ("tar-unsafe-link",),
    ),
    Case("CPython", "a pipe", sdist(entry(f"{TOP}/pipe", b"6")), REFUSED, ("tar-device",)),
    Case("CPython", "a GNU sparse member", sdist(entry(f"{TOP}/sparse", b"S")), REFUSED, ("tar-sparse",)),
    Case(
        "CPython",
        "a pax sparse member",
        sdist(entry(f"{TOP}/sparse"), pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
        REFUSED,
        ("tar-sparse",),
    ),
    Case(
        "CPython",
        "a long name without a member",
        sdist(entry("././@LongLink", b"L", content=b"x" * 200)),
        REFUSED,
        ("tar-malformed",),
    ),
    Case(
        "CPython",
        "a pax record without '='",
        sdist(entry("pax", b"x", content=b"11 foo_bar\n"), entry(f"{TOP}/x")),
        REFUSED,
        ("tar-malformed",),
    ),
    Case(
        "CPython",
        "a pax record of length 0",
        sdist(entry("pax", b"x", content=b"0 path=x\n"), entry(f"{TOP}/x")),
        REFUSED,
        ("tar-malformed",),
    ),
    Case(
        "CPython",
        "a pax record that is longer than its header",
        sdist(entry("pax", b"x", content=b"99 path=x\n"), entry(f"{TOP}/x")),
        REFUSED,
        ("tar-malformed",),
    ),
    Case(
        "CPython",
        "nothing but zeros",
        sdist(
            closing=ZEROS * 20,
            members=dict.fromkeys(sdist_members()),
        ),
        REFUSED,
        ("sdist-top-folder",),
    ),
    Case(
        "CPython",
        "a negative size",
        sdist({"name": f"{TOP}/x", "size": b"\xff" * 12}),
        REFUSED,
        ("tar-malformed",),
    ),
)
PIP = (
    Case("pip", "'..' in a zip", member(name=b"../outside_file.txt"), REFUSED, ("zip-unsafe-path",)),
    Case("pip", "'..' in a zip that stays inside", member(name=b"dir/../dir_file2.txt"), REFUSED, ("zip-unsafe-path",)),
    Case("pip", "'..' in a tar", sdist(entry(f"{TOP}/../../outside_file.txt")), REFUSED, ("tar-unsafe-path",)),
    Case(
        "pip",
        "'..' in a tar that stays inside",
        sdist(entry(f"{TOP}/dir/../dir_file2.txt")),
        REFUSED,
        ("tar-unsafe-path",),
    ),
    Case(
        "pip",
        "a link far out of the tar",
        sdist(entry(f"{TOP}/bad-link", b"2", "../../../../pwn")),
        REFUSED,
        ("tar-unsafe-link",),
    ),
    Case("pip", "names that are not ASCII", sdist(entry(f"{TOP}/åäö_日本語.py")), ADMITTED),
    Case(
        "pip",
        "links, modes and folders",
        sdist(entry(f"{TOP}/file.txt"), entry(f"{TOP}/symlink.txt", b"2", "file.txt"), entry(f"{TOP}/dir/", b"5")),
        ADMITTED,
    ),
)
