"""Hostile sdists, each a dict (building.Description) with the one code that finds it."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from tests.archive_factory import zip_of
from tests.archives.judging import ZEROS
from tests.hostile.building import TOP

FILE: dict[str, Any] = {"name": f"{TOP}/file", "content": b"x"}
FOLDER: dict[str, Any] = {"name": f"{TOP}/folder/", "kind": b"5"}
EXTENDED: tuple[dict[str, Any], ...] = (
    {"name": "pax", "kind": b"x", "content": b"17 comment=words\n"},
    {"name": "pax", "kind": b"g", "content": b"17 comment=words\n"},
    {"name": "long", "kind": b"L", "content": b"demo-1.0/long\0"},
)
"""Headers of each kind that says something about the next member."""
TWICE: tuple[dict[str, Any], ...] = tuple(
    {
        "code": "tar-malformed",
        "records": [one, one, FILE],
        "twin": {"records": [FILE] if one["kind"] == b"L" else [one, FILE]},
    }
    for one in EXTENDED
)

FIRST_TEN = gzip.compress(b"", 6, mtime=0)[:10]
HEADER_CRC = (zlib.crc32(FIRST_TEN[:3] + b"\x02" + FIRST_TEN[4:]) & 0xFFFF).to_bytes(2, "little")
ODD_HEADERS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"magic": bytes(8)}, {}),
    ({"magic": b"ustar  \0"}, {}),
    ({"magic": b"ustar\x0001"}, {}),
    ({"owner": b"   1000\0"}, {"owner": b"0001000\0"}),
    ({"owner": b"\0" + b"1000000"}, {"owner": bytes(8)}),
    ({"owner": b"00010000"}, {"owner": b"1000 \0\0 "}),
    ({"owner": b"\xff" * 8}, {"owner": b"7777777 "}),
    ({"owner": b"\x80" + bytes(7)}, {}),
    ({"mtime": b"\xff" * 12}, {"mtime": b"77777777777\0"}),
    ({"mtime": b" " * 12}, {"mtime": bytes(12)}),
    ({"target": "setup.py"}, {}),
)
"""Fields of a header that uv refuses, and what it takes."""
ODD_RECORDS: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
    ({"RHT.security.selinux": "x"}, {"SCHILY.xattr.security.selinux": "x"}),
    ({"nodot": "x"}, {"comment": "x"}),
    ({"mtime": "nan"}, {"mtime": "1.5"}),
    ({"mtime": "1e300"}, {"mtime": "9223372036854774000"}),
    ({"mtime": "-1"}, {"mtime": "0"}),
    ({"atime": "-0.5"}, {"atime": "0.5"}),
    ({"mtime": "9223372036854775808"}, {"ctime": "9223372036854775808"}),
    ({"uid": "root"}, {"uid": "0"}),
    ({"uid": "-1"}, {"uname": "-1"}),
    ({"hdrcharset": "latin-1"}, {"hdrcharset": "BINARY"}),
    ({"linkpath": "setup.py"}, {"gname": "setup.py"}),
)
"""Records of a pax header, likewise."""
ODD_NAMES = tuple(
    name.encode("utf-8", "surrogateescape")
    for name in (
        *(f"{TOP}/a\\b", f"{TOP}/a\tb", f"{TOP}/a\x7fb", f"{TOP}/a\udcffb", f"{TOP}/a\x9bb"),
        *(f"{TOP}/a\u202eb", f"{TOP}/\u2066b", f"{TOP}/a/."),
    )
)


def link(target: str, **more: Any) -> dict[str, Any]:
    """A symbolic link in the top folder."""
    return {"name": f"{TOP}/link", "kind": b"2", "target": target, **more}


SDISTS: tuple[dict[str, Any], ...] = tuple(
    {"kind": "sdist", **description}
    for description in (
        {"code": "not-a-gzip", "before": b"PK"},
        {"code": "gzip-corrupt", "swap": [(b"\x1f\x8b\x08", b"\x1f\x8b\x09")]},
        {"code": "gzip-trailing-data", "after": b"more"},
        {"code": "incomplete", "cut": 9},
        {"code": "tar-malformed", "records": [{**FILE, "kind": b"V"}], "twin": {"records": [FILE]}},
        {"code": "tar-malformed", "pax": {"path": ""}, "records": [FILE], "twin": {"pax": {"path": f"{TOP}/other"}}},
        *TWICE,
        {"code": "tar-malformed", "records": [{**FILE, "mtime": b"yesterday\0\0\0"}], "twin": {"records": [FILE]}},
        {"code": "tar-malformed", "records": [{**FILE, "owner": b"somebody"}], "twin": {"records": [FILE]}},
        {"code": "tar-unclosed", "closing": ZEROS, "twin": {"closing": ZEROS * 2}},
        {
            "code": "zip-tar-polyglot",
            "records": [{**FILE, "content": zip_of({})}],
            "compression": 0,
            "twin": {"compression": 9},
        },
        {
            "code": "zip-tar-polyglot",
            "header": (1 << 2, b"\x16\0" + zip_of({})),
            "twin": {"header": (1 << 2, b"\x16\0" + zip_of({})[:3] + bytes(19))},
        },
        {"code": "gzip-members", "after": gzip.compress(b"", mtime=0)},
        {"code": "gzip-members", "closing": b"", "after": gzip.compress(ZEROS * 2, mtime=0)},
        {
            "code": "gzip-header",
            "header": (1 << 2, b"\x41\0" + bytes(65)),
            "twin": {"header": (1 << 2, b"\x40\0" + bytes(64))},
        },
        {
            "code": "gzip-header",
            "header": (1 << 4, b"x" * 65 + b"\0"),
            "twin": {"header": (1 << 4, b"x" * 64 + b"\0")},
        },
        {
            "code": "gzip-header",
            "header": (1 << 3, b"x" * 256 + b"\0"),
            "twin": {"header": (1 << 2 | 1 << 3, b"\x02\0ab" + b"x" * 255 + b"\0")},
        },
        {"code": "gzip-header", "header": (1 << 1, HEADER_CRC), "twin": {"header": (0, b"")}},
        *(
            {"code": "tar-not-portable", "records": [{**FILE, **odd}], "twin": {"records": [{**FILE, **sound}]}}
            for odd, sound in ODD_HEADERS
        ),
        *(
            {"code": "tar-not-portable", "records": [FILE], "pax": odd, "twin": {"pax": sound}}
            for odd, sound in ODD_RECORDS
        ),
        *(
            {"code": "tar-name-characters", "records": [{**FILE, "name": odd}], "twin": {"records": [FILE]}}
            for odd in ODD_NAMES
        ),
        {"code": "tar-name-characters", "records": [link("setup.py\t")], "twin": {"records": [link("setup.py")]}},
        {"code": "tar-broken-link", "records": [link("link")], "twin": {"records": [link("setup.py")]}},
        {
            "code": "tar-broken-link",
            "records": [link("other"), {**link("./demo/../link"), "name": f"{TOP}/other", "target": "./link"}],
            "twin": {"records": [link("other"), {**link("demo"), "name": f"{TOP}/other"}]},
        },
        {"code": "tar-broken-link", "records": [link("setup.py/")], "twin": {"records": [link("missing/")]}},
        {
            "code": "tar-broken-link",
            "records": [link(f"./{TOP}/setup.py", kind=b"1")],
            "twin": {"records": [link(f"{TOP}/./setup.py", kind=b"1")]},
        },
        {
            "code": "tar-unsafe-link",
            "records": [link(f"../{TOP}/setup.py")],
            "twin": {"records": [link(f"{TOP}/setup.py", kind=b"1")]},
        },
        {
            "code": "sdist-leading-dot",
            "records": [{**FILE, "name": f"./{TOP}/file"}],
            "twin": {"records": [{**FILE, "name": f"{TOP}/./file"}]},
        },
        {"code": "sdist-leading-dot", "records": [{"name": "./", "kind": b"5"}]},
        {"code": "tar-sparse", "records": [{**FILE, "kind": b"S"}], "twin": {"records": [FILE]}},
        {"code": "tar-device", "records": [{"name": f"{TOP}/null", "kind": b"3"}], "twin": {"records": [FILE]}},
        {
            "code": "tar-unsafe-path",
            "records": [{**FILE, "name": f"{TOP}/../../x"}],
            "twin": {"records": [{**FILE, "name": f"{TOP}/..x"}]},
        },
        {
            "code": "tar-unsafe-path",
            "pax": {"path": f"{TOP}/{'x' * 256}/x"},
            "records": [FILE],
            "twin": {"pax": {"path": f"{TOP}/{'x' * 255}/x"}},
        },
        {
            "code": "tar-unsafe-path",
            "records": [FILE],
            "pax": {"path": f"{TOP}/{chr(0x1F95A) * 64}"},
            "twin": {"pax": {"path": f"{TOP}/{chr(0x1F95A) * 63}"}},
        },
        *(
            {
                "code": "tar-unsafe-path",
                "records": [{**FILE, "name": f"{TOP}/{name}"}],
                "twin": {"records": [{**FILE, "name": f"{TOP}/{sound}"}]},
            }
            for name, sound in (("setup.py::$DATA", "setup.py$DATA"), ("C:x", "Cx"))
        ),
        {"code": "windows-name", "records": [{**FILE, "name": f"{TOP}/aux.c"}], "twin": {"records": [FILE]}},
        *(
            {
                "code": "tar-mode",
                "records": [{**member, "mode": mode}],
                "twin": {"records": [{**member, "mode": sound}]},
            }
            for member, mode, sound in (
                (FILE, 0o4755, 0o777),
                (FILE, 0o2755, 0o400),
                (FILE, 0o040, 0o444),
                (FOLDER, 0, 0o2755),
                (FOLDER, 0o644, 0o1777),
            )
        ),
        {"code": "tar-unsafe-link", "records": [link("/etc/passwd")], "twin": {"records": [link("setup.py")]}},
        {"code": "tar-unsafe-link", "records": [link("../x")], "twin": {"records": [link("demo")]}},
        {
            "code": "tar-unsafe-link",
            "records": [link("../x", kind=b"1")],
            "twin": {"records": [link(f"{TOP}/setup.py", kind=b"1")]},
        },
        {
            "code": "tar-unsafe-link",
            "records": [link("demo"), {**FILE, "name": f"{TOP}/Link/x"}],
            "twin": {"records": [link("demo"), {**FILE, "name": f"{TOP}/Links/x"}]},
        },
        {
            "code": "tar-unsafe-link",
            "records": [FILE, {**link("setup.py"), "name": f"{TOP}/File"}],
            "twin": {"records": [FILE, link("setup.py")]},
        },
        {
            "code": "tar-unsafe-link",
            "records": [link(f"{TOP}/file", kind=b"1"), FILE],
            "twin": {"records": [FILE, link(f"{TOP}/file", kind=b"1")]},
        },
        {
            "code": "tar-unsafe-link",
            "records": [link("setup.py"), {**link(f"{TOP}/link", kind=b"1"), "name": f"{TOP}/hard"}],
            "twin": {"records": [link("setup.py"), {**link(f"{TOP}/setup.py", kind=b"1"), "name": f"{TOP}/hard"}]},
        },
        {"code": "tar-duplicate-metadata", "records": [{"name": f"{TOP}/PKG-INFO", "content": b"Name: other"}]},
        {"code": "tar-duplicate-member", "records": [FILE, {**FILE, "content": b"y"}], "twin": {"records": [FILE]}},
        {
            "code": "tar-duplicate-member",
            "records": [FILE, {**FILE, "name": f"{TOP}/./file", "content": b"y"}],
            "twin": {"records": [FILE, {**FILE, "name": f"{TOP}/.file"}]},
        },
        {"code": "tar-duplicate-member", "records": [FILE, {"name": f"{TOP}/file", "kind": b"5"}]},
        {
            "code": "tar-duplicate-member",
            "records": [FILE, {**FILE, "name": f"{TOP}/file/x"}],
            "twin": {"records": [FOLDER, FOLDER, {**FILE, "name": f"{TOP}/folder/x"}]},
        },
        {
            "code": "tar-case-collision",
            "records": [FILE, {**FILE, "name": f"{TOP}/File"}],
            "twin": {"records": [FILE, {**FILE, "name": f"{TOP}/Files"}]},
        },
        {
            "code": "tar-case-collision",
            "records": [FILE, {**FILE, "name": f"{TOP}/File/x"}],
            "twin": {"records": [FILE, {**FILE, "name": f"{TOP}/files/x"}]},
        },
        {
            "code": "tar-case-collision",
            "records": [{**FILE, "name": f"{TOP}/a/b"}, {**FILE, "name": f"{TOP}/A/c"}],
            "twin": {"records": [{**FILE, "name": f"{TOP}/a/b"}, {**FILE, "name": f"{TOP}/a/c"}]},
        },
        {"code": "tar-case-collision", "records": [{**FILE, "name": f"{TOP}/{e}"} for e in ("\u00e9", "e\u0301")]},
        {
            "code": "tar-case-collision",
            "records": [FOLDER, {**FOLDER, "name": f"{TOP}/Folder/"}],
            "twin": {"records": [FOLDER, {**FOLDER, "name": f"{TOP}/folder"}]},
        },
        {"code": "sdist-top-folder", "records": [{"name": "README"}], "twin": {"records": [{"name": f"{TOP}/README"}]}},
        {"code": "sdist-top-folder", "records": [{"name": "other/README"}]},
        {"code": "sdist-no-pyproject", "members": {f"{TOP}/pyproject.toml": None}},
        {"code": "metadata-missing", "members": {f"{TOP}/PKG-INFO": None}},
        {"code": "metadata-not-a-file", "members": {f"{TOP}/PKG-INFO": None, f"{TOP}/PKG-INFO/": b""}},
        {"code": "metadata-too-large", "members": {f"{TOP}/PKG-INFO": bytes(9 << 20)}},
        {
            "code": "license-file-missing",
            "fields": {"Metadata-Version": "2.4", "License-File": "LICENSE"},
            "twin": {"members": {f"{TOP}/LICENSE": b""}},
        },
        {
            "code": "license-file-missing",
            "fields": {"Metadata-Version": "2.4", "License-File": "legal/LICENSE"},
            "members": {f"{TOP}/legal/LICENSE/": b"", f"{TOP}/LICENSE": b""},
            "twin": {"members": {f"{TOP}/legal/LICENSE": b""}},
        },
        {"code": "compression-ratio", "records": [{**FILE, "content": bytes(70 << 20)}]},
    )
)
