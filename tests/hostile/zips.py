"""Hostile zip files around a sound wheel, each a dict (building.Description) with the one code that finds it."""

from __future__ import annotations

import struct
from typing import Any

from tests.archive_factory import zip_of
from tests.archives.judging import Part
from tests.hostile.building import polyglot_part, signed

TEXT = b"some text, some text, some text"
NAME = b"demo/data.bin"
FILE: dict[str, Any] = {"name": NAME, "content": TEXT}
STORED: dict[str, Any] = {**FILE, "method": 0}
EXTRA = struct.pack("<2H2Q", 1, 16, len(TEXT), len(TEXT))
SECOND = struct.pack("<2HBL", 0x7075, 5 + 5, 1, 7) + b"other"
LATER = {"crc": 0, "packed": 0, "size": 0}
DESCRIPTOR = struct.pack("<4s3L", b"PK\x07\x08", Part(**STORED).facts({})["crc"], len(TEXT), len(TEXT))


ZIPS: tuple[dict[str, Any], ...] = (
    {"code": "not-a-zip", "before": b"#!/bin/sh\n"},
    {"code": "incomplete", "cut": 9},
    {
        "code": "zip-malformed",
        "zip": {"end": {"here": 5, "count": 5}},
        "twin": {"zip": {"end": {"here": 4, "count": 4}}},
    },
    {
        "code": "zip-mode",
        "members": {"demo/folder": b"", "demo/other": b""},
        "mode": {"demo/folder": 0o040755},
        "twin": {"mode": {"demo/folder": 0}},
    },
    {
        "code": "zip-mode",
        "members": {"demo/folder/": b""},
        "mode": {"demo/folder/": 0o100644},
        "twin": {"mode": {"demo/folder/": 0o755}},
    },
    {"code": "zip-crc", "parts": [{**STORED, "packed": TEXT.upper()}], "twin": {"parts": [STORED]}},
    {"code": "zip-size", "parts": [{**FILE, "local": {"size": 5}, "central": {"size": 5}}], "twin": {"parts": [FILE]}},
    {"code": "zip-duplicate-member", "parts": [FILE, {**FILE, "content": b"other"}], "twin": {"parts": [FILE]}},
    {"code": "zip-repeated-member", "parts": [FILE, FILE], "twin": {"parts": [FILE]}},
    {"code": "zip-repeated-member", "parts": [{"name": b"demo/x/"}] * 2, "twin": {"parts": [{"name": b"demo/x/"}]}},
    {"code": "zip-name-spelling", "parts": [{**FILE, "name": b"demo//x"}], "twin": {"parts": [FILE]}},
    {"code": "zip-name-spelling", "parts": [{**FILE, "name": b"./demo/./x"}], "twin": {"parts": [FILE]}},
    {
        "code": "zip-duplicate-member",
        "parts": [FILE, {"name": NAME + b"/x", "content": TEXT}],
        "twin": {"parts": [FILE, {"name": b"demo/x", "content": TEXT}]},
    },
    {"code": "zip-repeated-member", "parts": [{"name": b"a"}, {"name": b"a"}], "twin": {"parts": [{"name": b"a"}]}},
    {
        "code": "zip-case-collision",
        "parts": [FILE, {"name": NAME.upper(), "content": TEXT}],
        "twin": {"parts": [FILE, {"name": b"demo/other", "content": TEXT}]},
    },
    {
        "code": "zip-case-collision",
        "parts": [
            {"name": "demo/\u00e9".encode(), "flags": 1 << 11},
            {"name": "demo/e\u0301".encode(), "flags": 1 << 11},
        ],
    },
    {
        "code": "zip-case-collision",
        "parts": [{**FILE, "name": b"demo/Sub"}, {**FILE, "name": b"demo/sub/x"}],
        "twin": {"parts": [{**FILE, "name": b"demo/Sub"}, {**FILE, "name": b"demo/subs/x"}]},
    },
    {
        "code": "zip-case-collision",
        "parts": [{**FILE, "name": b"demo/Sub/a/b"}, {**FILE, "name": b"demo/sub/a/c"}, {"name": b"demo/sub/"}],
        "twin": {"parts": [{**FILE, "name": b"demo/sub/a/b"}, {**FILE, "name": b"demo/sub/a/c"}]},
    },
    {"code": "zip-case-collision", "parts": [{"name": b"demo/Sub/"}, {"name": b"demo/sub/"}]},
    {"code": "zip-local-mismatch", "parts": [{**FILE, "local": {"name": b"demo/atad.bin"}}], "twin": {"parts": [FILE]}},
    {"code": "zip-local-crc", "parts": [{**FILE, "local": {"crc": 7}}], "twin": {"parts": [FILE]}},
    {"code": "zip-encrypted", "parts": [{**FILE, "flags": 1}], "twin": {"parts": [FILE]}},
    {"code": "zip-flags", "parts": [{**FILE, "flags": 1 << 5}], "twin": {"parts": [{**FILE, "flags": 6 | 1 << 11}]}},
    {"code": "zip-flags", "parts": [{**FILE, "flags": 1 << 12}], "twin": {"parts": [FILE]}},
    {"code": "zip-compression", "parts": [{**FILE, "method": 12}], "twin": {"parts": [STORED]}},
    {
        "code": "zip-unsafe-path",
        "parts": [{**FILE, "name": b"demo/../../x"}],
        "twin": {"parts": [{**FILE, "name": b"demo/..x"}]},
    },
    {
        "code": "zip-unsafe-path",
        "parts": [{**FILE, "name": b"demo/" + b"x" * 256}],
        "twin": {"parts": [{**FILE, "name": b"demo/" + b"x" * 255}]},
    },
    {"code": "zip-unsafe-path", "parts": [{**FILE, "name": b"/etc/x"}]},
    {"code": "zip-unsafe-path", "parts": [{**FILE, "name": b"C:/x"}]},
    {"code": "zip-unsafe-path", "parts": [{**FILE, "name": b"demo\\..\\x"}]},
    {
        "code": "zip-unsafe-path",
        "parts": [{**FILE, "name": b"demo-1.0.data/purelib/c:x"}],
        "twin": {"parts": [{**FILE, "name": b"demo-1.0.data/purelib/x"}]},
    },
    {"code": "windows-name", "parts": [{**FILE, "name": b"demo/a:b.txt"}], "twin": {"parts": [FILE]}},
    {"code": "zip-link", "members": {"demo/x/": b""}, "mode": {"demo/x/": 0o120777}, "twin": {"mode": {"demo/x/": 0}}},
    {"code": "windows-name", "parts": [{**FILE, "name": b"demo/__init__.py:stream"}], "twin": {"parts": [FILE]}},
    *(
        {"code": "windows-name", "members": {f"demo/{name}": b""}, "twin": {"members": {f"demo/{sound}": b""}}}
        for name, sound in (
            ("con.py", "icon.py"),
            ("NUL/x", "NULL/x"),
            ("lpt1", "lpt"),
            ("com\xb9.txt", "comma.txt"),
            ("x.", ".x"),
            ("x.. /y", "..x/y"),
            ("x?", "x!"),
        )
    ),
    {
        "code": "zip-link",
        "parts": [FILE],
        "members": {"demo/link": b"/etc/passwd"},
        "mode": {"demo/link": 0o120777},
        "twin": {"mode": {}},
    },
    {"code": "zip-device", "members": {"demo/pipe": b""}, "mode": {"demo/pipe": 0o010644}, "twin": {"mode": {}}},
    {
        "code": "zip-data-descriptor",
        "parts": [{**STORED, "flags": 8, "local": LATER, "descriptor": DESCRIPTOR}],
        "twin": {"parts": [STORED]},
    },
    {"code": "zip-comment", "zip": {"comment": b"hello"}},
    {"code": "zip-comment", "parts": [{**FILE, "comment": b"hello"}], "twin": {"parts": [FILE]}},
    {
        "code": "zip-name-characters",
        "parts": [{**FILE, "name": b"demo/\x07"}],
        "twin": {"parts": [{**FILE, "name": b"demo/7"}]},
    },
    {"code": "zip-name-characters", "parts": [{**FILE, "name": b"demo/\xff", "flags": 1 << 11}]},
    *(
        {
            "code": "zip-name-invisible",
            "parts": [{**FILE, "name": f"demo/{odd}".encode(), "flags": 1 << 11}],
            "twin": {"parts": [{**FILE, "name": f"demo/{sound}".encode(), "flags": 1 << 11}]},
        }
        for odd, sound in (
            *(("\u202e", "\u05d0"), ("\u200b", "\u00a0"), ("\x9b", "\u3000")),
            *(("\ufeff", "\ufe0f"), ("\u200d", "\u0301"), ("\ue000", "\ufffd"), ("\u0378", "\U0001fae9")),
        )
    ),
    {
        "code": "zip-not-portable",
        "parts": [{**FILE, "extra": bytes(8)}],
        "twin": {"parts": [{**FILE, "extra": bytes(4)}]},
    },
    {
        "code": "zip-not-portable",
        "parts": [{**FILE, "central_extra": b"UT\1\0\1" * 2}],
        "twin": {"parts": [{**FILE, "central_extra": b"UT\1\0\1ux\1\0\1"}]},
    },
    {
        "code": "zip-name-characters",
        "parts": [{**FILE, "name": "demo/\u00e9".encode()}],
        "twin": {"parts": [{**FILE, "name": "demo/\u00e9".encode(), "flags": 1 << 11}]},
    },
    {"code": "zip-unicode-path", "parts": [{**FILE, "central_extra": SECOND}], "twin": {"parts": [FILE]}},
    {"code": "zip-unicode-path", "parts": [{**FILE, "extra": SECOND}], "twin": {"parts": [FILE]}},
    {
        "code": "zip-duplicate-extra",
        "parts": [{**STORED, "extra": EXTRA * 2}],
        "twin": {"parts": [{**STORED, "extra": EXTRA}]},
    },
    *(
        {"code": "zip64-mismatch", "parts": [{**STORED, **extra}], "twin": {"parts": [STORED]}}
        for extra in (
            {"extra": struct.pack("<2HQ", 1, 8, len(TEXT))},
            {"extra": EXTRA[:-1] + b"x"},
            {"central_extra": EXTRA},
        )
    ),
    {"code": "zip64-mismatch", "zip": {"zip64": {"count": 9}}, "twin": {"zip": {"zip64": {}}}},
    {"code": "zip64-mismatch", "zip": {"zip64": {"position": 3}}, "twin": {"zip": {"zip64": {}}}},
    {"code": "zip-leading-data", "before": zip_of({})},
    {"code": "zip-hidden-data", "parts": [{**FILE, "after": b"hidden"}], "twin": {"parts": [FILE]}},
    {
        "code": "zip-overlap",
        "parts": [{**FILE, "local": {"packed": 999}, "central": {"packed": 999}}],
        "twin": {"parts": [FILE]},
    },
    {"code": "zip-trailing-data", "after": b"more"},
    {"code": "zip-tar-polyglot", "parts": [polyglot_part()], "twin": {"parts": [STORED]}},
    {"code": "zip-tar-polyglot", "parts": [polyglot_part(signed)]},
    {"code": "zip-tar-polyglot", "parts": [polyglot_part(prefix=b"demo")]},
    {
        "code": "compression-ratio",
        "parts": [{**FILE, "content": bytes(70 << 20)}],
        "twin": {"parts": [{**FILE, "content": bytes(9 << 20)}]},
    },
    {"code": "too-many-members", "zip": {"end": {"here": 65535, "count": 65535}, "zip64": {"count": 200_001}}},
)
