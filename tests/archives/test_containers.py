"""Archives of older formats: the whole container is checked, whatever lies in it."""

from __future__ import annotations

import bz2
import gzip
import io

import pytest

from eggwatch.archives.inspecting import inspect
from tests.archive_factory import sdist_members, tar_of, zip_of

MEMBERS = {"demo-1.0/setup.py": b"raise SystemExit\n", "demo-1.0/data": bytes(range(256)) * 1000}
TAR = tar_of(MEMBERS)


def codes(filename: str, data: bytes) -> list[str]:
    """What refuses an archive, but for its format."""
    flaws = inspect(io.BytesIO(data), filename).flaws
    return [flaw.code for flaw in flaws if flaw.level == "refuse" and flaw.code != "filename-format"]


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("demo-1.0.zip", zip_of(MEMBERS)),
        ("demo-1.0-py2.7.egg", zip_of({"EGG-INFO/PKG-INFO": b"Name: demo\n", "demo.py": b"x = 1\n"})),
        ("demo-1.0.tgz", gzip.compress(TAR)),
        ("demo-1.0.tar.bz2", bz2.compress(TAR)),
        ("demo-1.0.tar.bz2", bz2.compress(TAR[:5000]) + bz2.compress(TAR[5000:])),
    ],
)
def test_a_sound_archive_has_no_flaw_but_its_format(filename: str, data: bytes) -> None:
    """The format alone is what a drop folder refuses of it."""
    assert codes(filename, data) == []
    assert "filename-format" in [flaw.code for flaw in inspect(io.BytesIO(data), filename).flaws]


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("demo-1.0.zip", zip_of(MEMBERS)),
        ("demo-1.0-py2.7.egg", zip_of(MEMBERS)),
        ("demo-1.0.tgz", gzip.compress(TAR)),
        ("demo-1.0.tar.bz2", bz2.compress(TAR)),
    ],
)
def test_an_archive_cut_anywhere_is_incomplete(filename: str, data: bytes) -> None:
    """So the rest may still come."""
    for end in range(4, len(data), len(data) // 7):
        assert inspect(io.BytesIO(data[:end]), filename).incomplete is not None, end


def test_a_changed_byte_is_found() -> None:
    """By the checksums of bzip2."""
    data = bytearray(bz2.compress(TAR))
    data[len(data) // 2] ^= 1
    assert codes("demo-1.0.tar.bz2", bytes(data)) != []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04" + bytes(100), "not-a-gzip"),
        (bz2.compress(TAR) + b"more", "gzip-trailing-data"),
        (bz2.compress(tar_of({"../evil": b"x"})), "tar-unsafe-path"),
    ],
)
def test_what_is_wrong_with_a_tar_bz2_is_told(data: bytes, code: str) -> None:
    """As of a .tar.gz."""
    assert code in codes("demo-1.0.tar.bz2", data)


def test_a_bomb_in_a_tar_bz2_is_told() -> None:
    """100 MiB of zeros."""
    assert "compression-ratio" in codes("demo-1.0.tar.bz2", bz2.compress(bytes(100 << 20)))


def test_a_zip_that_climbs_out_of_its_folder_is_refused() -> None:
    """Whatever its suffix."""
    assert codes("demo-1.0.zip", zip_of({"../evil.py": b"x"})) == ["zip-unsafe-path"]


def test_a_tgz_needs_no_metadata() -> None:
    """Of these formats nobody asks for it."""
    assert codes("demo-1.0.tgz", gzip.compress(tar_of(sdist_members("demo", "1.0")))) == []
