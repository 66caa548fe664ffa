"""Bytecode in wheels: found wherever Python or an installer would take it from, and told apart as Python does."""

from __future__ import annotations

import importlib.util
import marshal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.archive_factory import recorded, wheel_members, zip_of
from tests.archives.judging import WHEEL, judge, refusals, warnings
from tests.installers import uv

SOURCE, OTHER = b"print('source')\n", b"print('bytecode')\n"
TAG = sys.implementation.cache_tag
CACHED = f"demo/__pycache__/mod.{TAG}.pyc"


def compiled(flags: int, *words: int, hashed: bytes = b"") -> bytes:
    """Bytecode that does not do what the source says, with this head (PEP 552)."""
    head = struct.pack("<L", flags) + (hashed or struct.pack("<2L", *words))
    return importlib.util.MAGIC_NUMBER + head + marshal.dumps(compile(OTHER, "mod.py", "exec"))


TIMED = compiled(0, 1_600_000_000, len(SOURCE))
UNCHECKED = compiled(1, hashed=bytes(8))
CHECKED = compiled(3, hashed=importlib.util.source_hash(SOURCE))


def wheel_with(members: dict[str, bytes]) -> bytes:
    """A wheel with a module, and more."""
    return zip_of(recorded({**wheel_members(files={"demo/__init__.py": b"", "demo/mod.py": SOURCE}), **members}))


@pytest.mark.parametrize(
    "path",
    [
        CACHED,
        "demo/__pycache__/mod.cpython-39.opt-2.pyc",
        "demo/__PYCACHE__/mod.cpython-311.PYC",
        "demo/mod.pyc",
        "demo/lonely.pyc",
        "lonely.pyo",
        f"demo-1.0.data/purelib/{CACHED}",
        f"demo-1.0.data/platlib/{CACHED}",
        f"demo-1.0.data/data/lib/python3.11/site-packages/{CACHED}",
        "demo-1.0.data/scripts/demo.pyc",
    ],
)
def test_bytecode_is_warned_of_and_refused_if_it_is_run_without_a_look_at_its_source(path: str) -> None:
    """Wherever it lies, and for whatever Python."""
    for content in (TIMED, CHECKED, b"", b"short", UNCHECKED[:4] + b"\1" + bytes(2)):
        inspection = judge(WHEEL, wheel_with({path: content}))
        assert (refusals(inspection), warnings(inspection)) == ([], ["wheel-bytecode"])
    inspection = judge(WHEEL, wheel_with({path: UNCHECKED}))
    assert (refusals(inspection), warnings(inspection)) == (["wheel-bytecode-unchecked"], [])


def test_both_kinds_are_told_of_once() -> None:
    """However many there are."""
    members = {f"demo/m{number}.pyc": (TIMED, UNCHECKED)[number % 2] for number in range(40)}
    flaws = judge(WHEEL, wheel_with(members)).flaws
    assert [(flaw.code, flaw.message.partition(" ")[0]) for flaw in flaws] == [
        ("wheel-bytecode-unchecked", "20"),
        ("wheel-bytecode", "20"),
    ]


def test_the_head_is_read_however_the_member_is_packed() -> None:
    """Large, and behind a quarter of a mebibyte of empty blocks."""
    from tests.archives.judging import Part, raw_zip, recorded_parts

    content = UNCHECKED + bytes(300_000)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = b"\0\0\0\xff\xff" * 60_000 + packer.compress(content) + packer.flush()
    parts = [Part(name=name.encode(), content=data) for name, data in wheel_members().items()]
    parts.insert(0, Part(name=b"demo/mod.pyc", content=content, packed=packed))
    assert refusals(judge(WHEEL, raw_zip(recorded_parts(parts)))) == ["wheel-bytecode-unchecked"]


@pytest.mark.parts
def test_what_is_said_of_uv_and_pip_is_so(tmp_path: Path) -> None:
    """After uv bytecode with a hash is run in place of its source, after pip the source is; no time is believed."""
    for name, content, after_uv in (
        ("timed", TIMED, "source"),
        ("un", UNCHECKED, "bytecode"),
        ("ch", CHECKED, "bytecode"),
    ):
        wheel = tmp_path / name / WHEEL
        wheel.parent.mkdir()
        wheel.write_bytes(wheel_with({CACHED: content}))
        options = ("--quiet", "--no-deps", "--no-index", "--target")
        by_uv = ("pip", "install", "--offline", "--python", sys.executable, *options, str(tmp_path / name / "uv"))
        uv(tmp_path / "home", *by_uv, str(wheel))
        by_pip = ("-m", "pip", "install", *options, str(tmp_path / name / "pip"), str(wheel))
        subprocess.run([sys.executable, *by_pip], check=True, capture_output=True)
        assert _imported(tmp_path / name / "uv") == after_uv, name
        assert _imported(tmp_path / name / "pip") == "source", name


def _imported(folder: Path) -> str:
    command = [sys.executable, "-B", "-c", "import demo.mod"]
    done = subprocess.run(command, env={"PYTHONPATH": str(folder)}, check=True, capture_output=True, text=True)
    return done.stdout.strip()
