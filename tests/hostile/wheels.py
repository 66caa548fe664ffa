"""Hostile wheels, each a dict (building.Description) with the one code that finds it."""

from __future__ import annotations

import base64
import hashlib
from importlib.util import MAGIC_NUMBER
from typing import Any

from tests.archive_factory import record_line, wheel_members
from tests.hostile.building import INFO
from tests.hostile.wheel_places import PLACES
from tests.hostile.zips import ZIPS

WHEEL_FILE = f"{INFO}/WHEEL"
INIT = "demo/__init__.py"
CODE = wheel_members()[INIT]


def wheel_file(*lines: str) -> dict[str, bytes]:
    """WHEEL of these lines."""
    return {WHEEL_FILE: "".join(f"{line}\n" for line in lines).encode()}


def record_hash(algorithm: str, digest: bytes) -> dict[str, str]:
    """A line of RECORD for the module by another algorithm."""
    value = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return {INIT: f"{INIT},{algorithm}={value},{len(CODE)}"}


FIRST = ("Wheel-Version: 1.0", "Root-Is-Purelib: true")
TAG = "Tag: py3-none-any"
SCRIPTS = f"{INFO}/entry_points.txt"
HEAD = MAGIC_NUMBER
"""What a .pyc begins with."""
HASH = record_line(INIT, CODE).strip()

WHEELS: tuple[dict[str, Any], ...] = (
    # filenames
    {"code": "filename-control-characters", "filename": "demo-1.0-py3-none-any\n.whl"},
    {"code": "filename-slash", "filename": "../demo-1.0-py3-none-any.whl"},
    {"code": "filename-slash", "filename": "..\\demo-1.0-py3-none-any.whl"},
    {"code": "filename-format", "filename": "demo-1.0.exe"},
    {"code": "filename-too-long", "filename": f"{'d' * 190}-1.0-py3-none-any.whl"},
    {"code": "filename-invalid", "filename": "demo-1.0-any.whl"},
    {"code": "filename-invalid", "filename": "demo-1.0-build1-py3-none-any.whl"},
    {"code": "filename-copy", "filename": "demo-1.0-py3-none-any (1).whl"},
    {"code": "filename-not-normalized", "filename": "Demo-1.0-py3-none-any.whl"},
    {"code": "filename-not-normalized", "filename": "demo-1.00-py3-none-any.whl"},
    {"code": "filename-tags-repeated", "filename": "demo-1.0-py3.py3-none-any.whl"},
    {
        "code": "filename-too-many-tags",
        "filename": f"demo-1.0-{'.'.join('abcdefgh')}-{'.'.join('abcdefgh')}-{'.'.join('abcdefgh')}.whl",
    },
    {"code": "python-tag-unknown", "filename": "demo-1.0-snake3-none-any.whl", "tags": "snake3-none-any"},
    {"code": "abi-tag-unknown", "filename": "demo-1.0-py3-abi99-any.whl", "tags": "py3-abi99-any"},
    {
        "code": "platform-tag-unknown",
        "filename": "demo-1.0-py3-none-amiga.whl",
        "tags": "py3-none-amiga",
        "twin": {"filename": "demo-1.0-py3-none-win_amd64.whl", "tags": "py3-none-win_amd64"},
    },
    {
        "code": "platform-tag-linux",
        "filename": "demo-1.0-py3-none-linux_x86_64.whl",
        "tags": "py3-none-linux_x86_64",
        "twin": {"filename": "demo-1.0-py3-none-linux_armv7l.whl", "tags": "py3-none-linux_armv7l"},
    },
    *(
        {
            "code": "platform-tag-newer",
            "filename": f"demo-1.0-py3-none-{newer}.whl",
            "tags": f"py3-none-{newer}",
            "twin": {"filename": f"demo-1.0-py3-none-{taken}.whl", "tags": f"py3-none-{taken}"},
        }
        for newer, taken in (
            ("macosx_27_0_arm64", "macosx_26_0_arm64"),
            ("manylinux_2_36_loongarch64", "manylinux_2_36_riscv64"),
            ("musllinux_1_2_ppc64", "musllinux_1_2_ppc64le"),
            ("pyodide_2024_0_wasm32", "pyemscripten_2024_0_wasm32"),
        )
    ),
    # what a client can't install
    {"code": "filename-tags-uppercase", "filename": "demo-1.0-Py3-None-Any.whl"},
    *(
        {
            "code": "version-too-large",
            "version": f"{version}{2**64 - 1}",
            "filename": f"demo-{version}{2**64 - 1}-py3-none-any.whl",
            "twin": {
                "version": f"{version}{2**64 - 2}",
                "filename": f"demo-{version}{2**64 - 2}-py3-none-any.whl",
            },
        }
        for version in ("", "1.", "1.0.dev", "1.0a", "1.0.post")
    ),
    *(
        {"code": "script-unsupported", "members": {SCRIPTS: f"[{group}]\n{line}\n".encode()}}
        for group, line in (
            ("console_scripts", "x = demo:main [%]"),
            ("console_scripts", "x = demo:main []"),
            ("gui_scripts", "x = demo:main [a b]"),
            ("console_scripts", "x = demo : main"),
            ("console_scripts", "python = demo:main"),
            ("gui_scripts", "Python3.11 = demo:main"),
        )
    ),
    *(
        {
            "code": "script-unsupported",
            "members": {f"demo-1.0.data/scripts/{name}": b"#!python\n"},
            "mode": {f"demo-1.0.data/scripts/{name}": 0o100755},
        }
        for name in ("python", "pythonw.exe", "PyPy3")
    ),
    *(
        {
            "code": "script-not-executable",
            "members": {"demo-1.0.data/scripts/x": b"#!python\n"},
            "mode": {"demo-1.0.data/scripts/x": mode},
            "twin": {
                "members": {"demo-1.0.data/scripts/x": b"#!python\n"},
                "mode": {"demo-1.0.data/scripts/x": 0o100755},
            },
        }
        for mode in (0o100644, 0, 0o755)
    ),
    *(
        {
            "code": "wheel-file-invalid",
            "members": wheel_file(*lines),
            "twin": {"members": wheel_file(*FIRST, "tag: py3-none-any")},
        }
        for lines in (
            ("wheel-version: 1.0", "Root-Is-Purelib: true", TAG),
            ("Wheel-Version: 01.0", "Root-Is-Purelib: true", TAG),
            ("Wheel-Version: 1.0", "root-is-purelib: true", TAG),
            ("Wheel-Version: 1.0", "Root-Is-Purelib: true\t", TAG),
            ("Wheel-Version: 1.0", "Root-Is-Purelib:", " true", TAG),
        )
    ),
    {"code": "record-invalid", "lines": {INIT: HASH + "\n"}},
    {"code": "record-invalid", "lines": {INIT: HASH + "\r\n\x0c"}},
    {"code": "record-invalid", "lines": {f"{INFO}/RECORD": f"{INFO}/RECORD,,\0"}},
    # bytecode
    {"code": "wheel-bytecode", "members": {"demo/__pycache__/__init__.cpython-311.pyc": HEAD + bytes(12)}},
    {"code": "wheel-bytecode", "members": {"demo/other.PYC": HEAD + b"\3" + bytes(11)}},
    {"code": "wheel-bytecode", "members": {"demo/other.pyo": b""}},
    {"code": "wheel-bytecode-unchecked", "members": {"demo/other.pyc": HEAD + b"\1" + bytes(11)}},
    *ZIPS,
    # wheel
    {
        "code": "dist-info-ambiguous",
        "members": {"other-2.0.dist-info/METADATA": b""},
        "twin": {"members": {"demo/other-2.0.dist-info/METADATA": b""}},
    },
    {"code": "metadata-missing", "members": {f"{INFO}/METADATA": None}},
    {"code": "metadata-not-a-file", "members": {f"{INFO}/METADATA": None, f"{INFO}/METADATA/": b""}},
    {"code": "metadata-too-large", "members": {f"{INFO}/METADATA": bytes(9 << 20)}},
    {"code": "wheel-file-missing", "members": {WHEEL_FILE: None}},
    {
        "code": "wheel-file-invalid",
        "members": wheel_file("Wheel-Version: 1.0", TAG),
        "twin": {"members": wheel_file(*FIRST, TAG)},
    },
    {"code": "wheel-file-invalid", "members": wheel_file(*FIRST, TAG, "no colon")},
    {
        "code": "wheel-file-invalid",
        "members": wheel_file(*FIRST, "Tag: py3-none"),
        "twin": {"members": wheel_file(*FIRST, TAG)},
    },
    {"code": "wheel-file-invalid", "members": wheel_file(*FIRST, TAG, "Build: 1", "Build: 1")},
    {"code": "wheel-file-invalid", "members": wheel_file(FIRST[0], "Root-Is-Purelib: maybe", TAG)},
    {"code": "wheel-file-invalid", "members": wheel_file("Wheel-Version: one", FIRST[1], TAG)},
    {
        "code": "wheel-file-invalid",
        "members": wheel_file("Generator: x\rRoot-Is-Purelib: false", *FIRST, TAG),
        "twin": {"members": wheel_file("Generator: x\r", *(f"{line}\r" for line in (*FIRST, TAG)))},
    },
    {
        "code": "wheel-file-invalid",
        "members": wheel_file(*FIRST, TAG, "Generator: x\x0cRoot-Is-Purelib: false"),
        "twin": {"members": wheel_file(*FIRST, TAG, "Generator:\tx")},
    },
    {"code": "wheel-file-invalid", "members": {WHEEL_FILE: b"\xff"}},
    {"code": "wheel-file-invalid", "members": {WHEEL_FILE: bytes(300_000)}},
    {"code": "wheel-version-unsupported", "members": wheel_file("Wheel-Version: 2.0", FIRST[1], TAG)},
    {
        "code": "wheel-tags-mismatch",
        "tags": "cp311-none-any",
        "twin": {"tags": "cp311-none-any", "filename": "demo-1.0-cp311-none-any.whl"},
    },
    {
        "code": "wheel-tags-mismatch",
        "members": wheel_file(*FIRST, "Tag: py2.py3-none-any"),
        "twin": {"filename": "demo-1.0-py2.py3-none-any.whl"},
    },
    {
        "code": "wheel-build-mismatch",
        "filename": "demo-1.0-1-py3-none-any.whl",
        "twin": {"members": wheel_file(*FIRST, TAG, "Build: 1")},
    },
    {"code": "wheel-build-mismatch", "members": wheel_file(*FIRST, TAG, "Build: 2x")},
    {
        "code": "wheel-data-folder",
        "members": {"demo-1.0.data/etc/passwd": b""},
        "twin": {"members": {"demo-1.0.data/data/etc/passwd": b""}},
    },
    {
        "code": "wheel-data-folder",
        "members": {"other-1.0.data/scripts/x": b""},
        "twin": {"members": {"demo-1.0.data/scripts/x": b""}},
    },
    {
        "code": "license-file-missing",
        "fields": {"Metadata-Version": "2.4", "License-File": "LICENSE"},
        "twin": {"members": {f"{INFO}/licenses/LICENSE": b""}},
    },
    {
        "code": "license-file-missing",
        "fields": {"Metadata-Version": "2.4", "License-File": "LICENSE"},
        "members": {f"{INFO}/LICENSE": b""},
        "twin": {"members": {f"{INFO}/licenses/LICENSE": b""}},
    },
    *PLACES,
    {"code": "record-missing", "members": {f"{INFO}/RECORD": None}},
    {"code": "record-invalid", "lines": {"x": "x,y"}, "twin": {"lines": {}}},
    {"code": "record-invalid", "lines": {"x": '"x'}},
    {"code": "record-invalid", "lines": {"x": "\udcff,,"}},
    {"code": "record-unlisted-member", "lines": {INIT: None}, "twin": {"lines": {INIT: HASH}}},
    {"code": "record-invalid", "lines": {INIT: HASH.replace(f",{len(CODE)}", f"=,{len(CODE)}")}},
    {"code": "record-stray-entry", "lines": {"x": "demo/x.py,sha256=abc,3"}},
    {
        "code": "record-stray-entry",
        "members": {"demo/folder/": b""},
        "lines": {"demo/folder/": "demo/folder/,,"},
        "twin": {"lines": {"demo/folder/": None}},
    },
    *(
        {"code": "record-unsafe-path", "lines": {"x": line}, "twin": {"lines": {}}}
        for line in ("../../../bin/x,,", "/etc/passwd,,", "demo/../..,,", ".,,", '"",,', "C:\\x,,", "\\etc\\passwd,,")
    ),
    {"code": "record-duplicate-entry", "lines": {INIT: f"{HASH}\n{HASH}"}},
    {"code": "record-hash-missing", "lines": {INIT: f"{INIT},,{len(CODE)}"}},
    {"code": "record-hash-missing", "lines": {INIT: HASH.rpartition(",")[0] + ","}},
    {
        "code": "record-hash-weak",
        "lines": record_hash("md5", hashlib.md5(CODE).digest()),
        "twin": {"lines": record_hash("sha512", hashlib.sha512(CODE).digest())},
    },
    {"code": "record-hash-weak", "lines": record_hash("sha1", hashlib.sha1(CODE).digest())},
    {
        "code": "record-hash-mismatch",
        "lines": record_hash("sha256", bytes(32)),
        "twin": {"lines": record_hash("sha256", hashlib.sha256(CODE).digest())},
    },
    {
        "code": "record-hash-mismatch",
        "lines": record_hash("sha384", bytes(48)),
        "twin": {"lines": record_hash("sha384", hashlib.sha384(CODE).digest())},
    },
    {
        "code": "record-size-mismatch",
        "lines": {INIT: HASH + "1"},
        "twin": {"lines": {INIT: HASH}},
    },
    {
        "code": "script-name-unsafe",
        "members": {SCRIPTS: b"[console_scripts]\n../x = demo:main\n"},
        "twin": {"members": {SCRIPTS: b"[console_scripts]\nx.y-z = demo:main\n"}},
    },
    {"code": "script-name-unsafe", "members": {SCRIPTS: b"[console_scripts]\n.. = demo:main\n"}},
    {"code": "script-name-unsafe", "members": {SCRIPTS: b"[gui_scripts]\nc:x = demo:main\n"}},
    {
        "code": "entry-points-invalid",
        "members": {SCRIPTS: b"[gui_scripts]\nx = demo main\n"},
        "twin": {"members": {SCRIPTS: b"[other]\nx = demo main\n"}},
    },
    {
        "code": "entry-points-invalid",
        "members": {SCRIPTS: b"[console_scripts]]\nx = demo:main\n"},
        "twin": {"members": {SCRIPTS: b"[console_scripts]\nx = demo:main\n"}},
    },
    {
        "code": "entry-points-invalid",
        "members": {SCRIPTS: b"[console_scripts]\nx = 1a:main\n"},
        "twin": {"members": {SCRIPTS: b"[console_scripts]\nx = a1.b:C.main [extra]\n"}},
    },
    {
        "code": "wheel-collision",
        "members": {SCRIPTS: b"[console_scripts]\nx = demo:main\n[gui_scripts]\nX = demo:main\n"},
        "twin": {"members": {SCRIPTS: b"[console_scripts]\nx = demo:main\n[gui_scripts]\nxw = demo:main\n"}},
    },
    {
        "code": "wheel-collision",
        "members": {SCRIPTS: b"[console_scripts]\nx = demo:main\n", "demo-1.0.data/scripts/x": b"#!python\n"},
        "twin": {"members": {SCRIPTS: b"[console_scripts]\nx = demo:main\n", "demo-1.0.data/scripts/y": b"#!python\n"}},
    },
    {"code": "entry-points-invalid", "members": {SCRIPTS: b"x = demo:main\n"}},
    {"code": "entry-points-invalid", "members": {SCRIPTS: b"\xff"}},
    {"code": "entry-points-invalid", "members": {SCRIPTS: b"[other]\na = b" + b" " * 1000 + b"c"}},
)
"""The first of each kind with the twin that is nearest to it."""
