"""Every upload has an answer: while its end is missing, under a wrong name, and beside a published one of its name."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from eggwatch.policy import settling
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork

NAME, DATA = wheel("demo", "1.0")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexAtWork]:
    """An index with the clock of this machine, that answers unfinished uploads at once."""
    monkeypatch.setattr(settling, "ANSWERED_AFTER", 0.0)
    with IndexAtWork(tmp_path) as work:
        work.now = time.time()
        yield work


def receipt(work: IndexAtWork, name: str) -> str:
    """What the uploader of that name reads."""
    path = work.config.drop / "receipts" / f"{name}.txt"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("data", [b"", DATA[:10], DATA[:-5]], ids=["empty", "a few bytes", "cut"])
def test_an_interrupted_upload_is_answered_after_a_while(
    work: IndexAtWork, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since when nothing has come, until when it waits, and what to do; the whole file then gets its own answer."""
    monkeypatch.setattr(settling, "ANSWERED_AFTER", 3600.0)
    work.put(NAME, data)
    changed = (work.config.drop / NAME).stat().st_ctime
    assert work.index is not None
    work.index.pipeline.round()
    assert receipt(work, NAME) == ""
    monkeypatch.setattr(settling, "ANSWERED_AFTER", 0.0)
    work.work()
    first, why, remedy, until = receipt(work, NAME).splitlines()
    assert first == f"{NAME}: UNFINISHED, it is not in the index yet"
    assert time.strftime("since %Y-%m-%dT%H:%M:%SZ", time.gmtime(changed)) in why
    assert why.startswith("The end of the file is missing") and "Upload the whole file again" in remedy
    assert time.strftime("until %Y-%m-%dT%H:%M:%SZ", time.gmtime(changed + 3600)) in until
    work.upload(NAME, DATA)
    assert receipt(work, NAME).startswith(f"{NAME}: PUBLISHED\n")


def test_no_answer_is_left_open(work: IndexAtWork) -> None:
    """Else nobody could unmount the disk of the drop folder until an upload comes."""
    work.put("demo.exe", b"MZ")
    work.work()
    assert receipt(work, "demo.exe")
    names = [name for name in map(name_of, os.listdir("/proc/self/fd")) if name.startswith(str(work.config.drop))]
    assert names == []


def name_of(descriptor: str) -> str:
    """What a descriptor of this process stands for."""
    with suppress(FileNotFoundError):  # that of listing them
        return os.readlink(f"/proc/self/fd/{descriptor}")
    return ""


def test_an_equal_receipt_stays_as_it_is(work: IndexAtWork) -> None:
    """Also when another process comes to the same answer."""
    work.put(NAME, b"")
    work.put("alice", DATA)
    work.put("demo.exe", b"MZ")
    work.work()
    paths = [work.config.drop / "receipts" / f"{name}.txt" for name in (NAME, "alice", "demo.exe")]
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in paths]
    work.close()
    work.open()
    work.work()
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in paths] == before


@pytest.mark.parametrize("name", ["alice", "v1.0", "alice.smith", "team/incoming", f"{NAME}.bak", f"{NAME}_"])
def test_a_wheel_under_a_name_that_is_none_is_told_of(work: IndexAtWork, name: str) -> None:
    """scp and cp make such a file where the folder is missing; `status` says it too."""
    work.put(name, DATA)
    work.work()
    text = receipt(work, name.rpartition("/")[2])
    assert "NOT ACCEPTED" in text and "a wheel inside" in text and "under its own name" in text
    assert work.index is not None
    assert any("a wheel inside" in row.reason for row in work.index.pipeline.uploads.waiting())
    assert work.lying() == [name]


def test_an_sdist_without_a_suffix_is_told_of(work: IndexAtWork) -> None:
    """By its first bytes."""
    work.put("bob", sdist("demo", "1.0")[1])
    work.work()
    assert "an archive (gzip) inside" in receipt(work, "bob")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("README", b"words"),
        ("notes", b""),
        ("letter.odt", b"PK\x03\x04 and more"),
        ("dump.gz", b"\x1f\x8b\x08 and more"),
    ],
)
def test_what_is_no_package_gets_no_receipt(work: IndexAtWork, name: str, data: bytes) -> None:
    """It only lies there."""
    work.put(name, data)
    work.work()
    assert receipt(work, name) == ""


@pytest.mark.parametrize("other", [b"", wheel("demo", "1.0", files={"demo/__init__.py": b"new = 1\n"})[1], b"nothing"])
def test_what_is_published_keeps_its_receipt(work: IndexAtWork, other: bytes) -> None:
    """Whatever comes after it under its name, its receipt says first that it is in the index, and since when."""
    work.upload(NAME, DATA)
    published = work.files("demo")[NAME]["upload-time"]
    work.upload(NAME, other)
    first = receipt(work, NAME).partition("\n")[0]
    assert first.startswith(f"{NAME}: IN THE INDEX since {published}, unchanged; another file of that name ")
    assert list(work.files("demo")) == [NAME]
    work.upload(NAME, DATA)
    assert receipt(work, NAME).startswith(f"{NAME}: PUBLISHED, unchanged")


@pytest.mark.parametrize(("name", "data"), [(NAME, b""), ("demo.exe", b"MZ")])
@pytest.mark.parametrize("seen_by", ["event", "scan", "scan of the next process"])
def test_the_answer_about_a_file_that_was_deleted_says_that_it_is_gone(
    work: IndexAtWork, name: str, data: bytes, seen_by: str
) -> None:
    """However it is seen, and whether it was an upload or not."""
    work.put(name, data)
    work.work()
    assert f" at {name}" in receipt(work, name)
    if seen_by == "scan of the next process":
        work.close()
    (work.config.drop / name).unlink()
    if seen_by == "scan of the next process":
        work.open()
    assert work.index is not None
    work.index.pipeline.round({name} if seen_by == "event" else None)
    assert receipt(work, name).startswith(f"{name}: GONE, it is not in the index\nIt is no longer at {name}")
