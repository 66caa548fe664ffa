"""Uploads that are not finished: cut, preallocated, written tail first, or with a hole in the middle."""

from __future__ import annotations

import gzip
import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from eggwatch.archives import unwritten
from eggwatch.archives.inspecting import inspect
from eggwatch.model.archives import Inspection
from tests.archive_factory import recorded, sdist, sdist_members, tar_of, wheel, wheel_members, zip_of
from tests.archives.judging import (
    SDIST,
    WHEEL,
    ZEROS,
    Part,
    judge,
    raw_wheel,
    raw_zip,
    refusals,
    tar_block,
    tar_parts,
    wheel_parts,
)

NOISE = random.Random(1).randbytes(9000)
STORED_WHEEL = zip_of(recorded({**wheel_members(), "demo/noise.bin": NOISE}), zipfile.ZIP_STORED)
NOISY_SDIST = gzip.compress(tar_of({**sdist_members(), "demo-1.0/noise.bin": NOISE}), 6, mtime=0)
STORED_SDIST = gzip.compress(tar_of({**sdist_members(), "demo-1.0/noise.bin": NOISE}), 0, mtime=0)
INNER = {"demo/inner.zip": zip_of({"a": b"b"}), "demo/empty.zip": zip_of({})}
NESTED = zip_of(recorded({**wheel_members(), **INNER}), 0)

ARCHIVES = {
    "wheel": (WHEEL, wheel()[1]),
    "sdist": (SDIST, sdist()[1]),
    "stored wheel": (WHEEL, STORED_WHEEL),
    "wheel with zips in it": (WHEEL, NESTED),
    "long-tailed wheel": (WHEEL, raw_zip(wheel_parts(), comment=b"a long comment")),
    "noisy sdist": (SDIST, NOISY_SDIST),
    "stored sdist": (SDIST, STORED_SDIST),
}
each_archive = pytest.mark.parametrize(("name", "data"), ARCHIVES.values(), ids=ARCHIVES.keys())


def is_unfinished(inspection: Inspection) -> bool:
    """True if the inspection says so in both of its places."""
    assert (inspection.incomplete is not None) == ("incomplete" in refusals(inspection))
    return inspection.incomplete is not None


@each_archive
def test_whole_archives_are_whole(name: str, data: bytes) -> None:
    """The twins of all that follows pass."""
    assert refusals(judge(name, data)) == []


@each_archive
def test_an_archive_cut_anywhere_is_unfinished(name: str, data: bytes) -> None:
    """However many bytes are missing at the end, nothing is admitted and nothing is refused for good."""
    for length in range(0, len(data), 1 if len(data) < 3000 else 7):
        assert is_unfinished(judge(name, data[:length])), length


@each_archive
def test_a_preallocated_file_whose_client_was_killed_is_unfinished(name: str, data: bytes) -> None:
    """A killed SMB client leaves the full size, and zeros instead of the end."""
    for length in range(0, len(data) - 1, 13):
        assert is_unfinished(judge(name, data[:length] + bytes(len(data) - length) + ZEROS)), length


@each_archive
def test_a_whole_archive_in_front_of_preallocated_zeros_is_unfinished(name: str, data: bytes) -> None:
    """The client has written all, and not yet cut off what it had reserved."""
    assert is_unfinished(judge(name, data + bytes(4096)))
    assert is_unfinished(judge(name, data + bytes(100_000)))


@each_archive
def test_an_archive_whose_tail_came_first_is_unfinished(name: str, data: bytes) -> None:
    """`dd seek=1` leaves the head zero."""
    if len(data) > 1024:
        assert is_unfinished(judge(name, ZEROS + data[512:]))
        assert is_unfinished(judge(name, ZEROS * 2 + data[1024:]))


@pytest.mark.parametrize(
    ("name", "data"),
    [(WHEEL, STORED_WHEEL), (SDIST, NOISY_SDIST), (SDIST, STORED_SDIST)],
    ids=["wheel", "sdist", "stored sdist"],
)
def test_a_block_of_zeros_in_the_middle_is_unfinished(name: str, data: bytes) -> None:
    """A part that never came, wherever it lies and whatever it covers."""
    for start in range(0, len(data) - 512, 97):
        holed = data[:start] + ZEROS + data[start + 512 :]
        assert holed == data or is_unfinished(judge(name, holed)), start


@pytest.mark.parametrize(("name", "data"), [(WHEEL, STORED_WHEEL), (SDIST, NOISY_SDIST)], ids=["wheel", "sdist"])
def test_damage_without_zeros_is_final(name: str, data: bytes) -> None:
    """Changed bytes that are not zeros, and fewer zeros than a block, are no unfinished upload."""
    middle = data.index(NOISE[5000:5010]) if name == WHEEL else len(data) // 2
    for damage in (b"\xff" * 600, bytes(300)):
        inspection = judge(name, data[:middle] + damage + data[middle + len(damage) :])
        assert inspection.flaws != ()
        assert not is_unfinished(inspection)


def test_zeros_elsewhere_do_not_excuse_damage() -> None:
    """A sound stored member full of zeros says nothing about the broken one beside it."""
    zeros = Part(name=b"demo/zeros.bin", content=bytes(9000), method=0)
    noise = Part(name=b"demo/noise.bin", content=NOISE, method=0, packed=NOISE[::-1])
    between = Part(name=b"demo/between.bin", content=NOISE, method=0)
    assert judge(WHEEL, raw_wheel([zeros, *wheel_parts()])).flaws == ()
    assert refusals(judge(WHEEL, raw_wheel([zeros, between, noise, *wheel_parts()]))) == ["zip-crc"]


def test_zeros_that_only_reach_into_a_member_count() -> None:
    """A block of 512 zeros across two members leaves fewer of them in each."""
    parts = [Part(name=b"demo/%d" % number, content=NOISE[:400], method=0) for number in range(9)]
    data = raw_wheel([*parts, *wheel_parts()])
    assert judge(WHEEL, data).flaws == ()
    assert is_unfinished(judge(WHEEL, data[:600] + ZEROS + data[1112:]))


def test_a_tar_that_was_not_closed_is_not_unfinished() -> None:
    """The gzip around it is whole: more bytes will not come."""
    inspection = judge(SDIST, gzip.compress(b"".join(tar_parts())))
    assert refusals(inspection) == ["tar-unclosed"]


def test_other_flaws_are_told_beside_the_missing_end() -> None:
    """When the deadline passes, the uploader gets all answers at once."""
    inspection = judge("demo-1.0 (1).tar.gz", sdist()[1][:-9])
    assert refusals(inspection) == ["incomplete", "filename-copy"]
    evil, noise = tar_block("demo-1.0/../evil"), tar_block("demo-1.0/noise", NOISE)
    cut = judge(SDIST, gzip.compress(b"".join([*tar_parts(), evil, noise]))[:-900])
    assert refusals(cut) == ["incomplete", "tar-unsafe-path"]


def test_junk_that_looks_like_an_end_record_is_unfinished() -> None:
    """Stored contents may hold the signature of an end record; the zip's own is still missing."""
    junk = Part(name=b"demo/junk.bin", content=b"PK\x05\x06" + b"\x07" * 40 + NOISE, method=0)
    short = Part(name=b"demo/junk.bin", content=b"PK\x05\x06" + b"\x07" * 16 + bytes(2) + NOISE, method=0)
    for part in (junk, short):
        data = raw_wheel([part, *wheel_parts()])
        assert judge(WHEEL, data).flaws == ()
        assert is_unfinished(judge(WHEEL, data[:3000]))


@pytest.mark.parametrize(("name", "data"), [(WHEEL, STORED_WHEEL), (SDIST, NOISY_SDIST)], ids=["wheel", "sdist"])
@pytest.mark.parametrize("length", [1, 2, 3, 100, 511, 512, 5000])
def test_a_file_of_zeros_is_unfinished(name: str, data: bytes, length: int) -> None:
    """Preallocated, and nothing has come yet."""
    assert is_unfinished(judge(name, bytes(length)))


@pytest.mark.parametrize(("name", "data"), [(WHEEL, STORED_WHEEL), (SDIST, NOISY_SDIST)], ids=["wheel", "sdist"])
def test_a_sparse_file_is_unfinished(tmp_path: Path, name: str, data: bytes) -> None:
    """A hole of the file system is found, and the descriptor stays usable for whoever reads on."""
    path = tmp_path / name
    with path.open("wb") as out:
        out.write(data[:700])
        out.seek(1 << 20)
        out.write(data[700:])
    with path.open("rb") as file:
        assert is_unfinished(inspect(file, name))
        file.seek(0)
        assert file.read(700) == data[:700]


def test_a_file_system_that_knows_its_holes_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole beyond what is scanned is found by asking; where nobody can say, zeros are looked for."""
    path = tmp_path / "file"
    with path.open("wb") as out:
        out.write(b"x" * 8192)
        out.seek(1 << 21)
        out.write(b"x" * 8192)
    monkeypatch.setattr(unwritten, "FARTHEST_SCAN", 100)
    with path.open("rb") as file:
        found = unwritten.unwritten(file, path.stat().st_size, [(0, 10), (10, 1 << 30)])
        assert found == (10, path.stat().st_size)
        monkeypatch.delattr(os, "SEEK_HOLE")
        assert unwritten.unwritten(file, path.stat().st_size, [(0, 10), (10, 1 << 30)]) is None
        monkeypatch.setattr(unwritten, "FARTHEST_SCAN", 1 << 20)
        assert unwritten.unwritten(file, path.stat().st_size, [(0, 10), (10, 1 << 30)]) is not None


@pytest.mark.parametrize("at", [0, 1, 511, 512, (1 << 20) - 600, (1 << 20) - 300, (1 << 20) + 5, 3 << 20])
def test_a_run_of_zeros_is_found_across_chunks(at: int) -> None:
    """The file is scanned in pieces, and a run may lie across two."""
    data = b"x" * at + ZEROS + b"x" * 900
    short = b"x" * at + ZEROS[1:] + b"x" * 900
    assert unwritten.unwritten(io.BytesIO(data), len(data), [(0, len(data))]) == (0, len(data))
    assert unwritten.unwritten(io.BytesIO(short), len(short), [(0, len(short))]) is None


def test_a_file_that_shrinks_while_it_is_read_is_no_error() -> None:
    """`check` may look at a file that somebody else is writing."""

    class Shrinking(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return super().seek(offset, whence) + (9000 if whence else 0)

    class Vanishing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            if size == 4000:
                return b""
            return data[:-4000] if -1 < data.find(NOISE) < 100 else data

    for name, data in ARCHIVES.values():
        assert is_unfinished(inspect(Shrinking(data[:-4]), name))
    stored = Part(name=b"demo/noise.bin", content=NOISE, method=0)
    vanished = inspect(Vanishing(raw_wheel([*wheel_parts(), stored])), WHEEL)
    assert refusals(vanished) == ["zip-size"]
    assert unwritten.unwritten(Shrinking(b"x"), 9000, [(0, 9000)]) is None


def _real(path: Path, data: bytes) -> BinaryIO:
    path.write_bytes(data)
    return path.open("rb")


def test_real_files_and_bytes_in_memory_get_the_same_answer(tmp_path: Path) -> None:
    """Holes are asked of a descriptor; a stream without one is scanned."""
    cases: list[Callable[[bytes], bytes]] = [lambda data: data, lambda data: data[:-5], lambda data: data + ZEROS]
    for name, data in ARCHIVES.values():
        for change in cases:
            with _real(tmp_path / "file", change(data)) as file:
                assert inspect(file, name) == judge(name, change(data))
