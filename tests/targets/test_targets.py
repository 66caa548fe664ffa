"""Pages in a folder: published, replaced, compared, and each whole at every moment."""

from __future__ import annotations

import contextlib
import errno
import gzip
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.store import durable
from eggwatch.store.durable import Permissions
from eggwatch.targets.folder import SECOND, FolderTarget

NOW = 1_700_000_000 * SECOND


@pytest.fixture
def folder(tmp_path: Path) -> FolderTarget:
    (tmp_path / "public").mkdir()
    (tmp_path / "scratch").mkdir()
    return FolderTarget(tmp_path / "public", scratch=tmp_path / "scratch", now_ns=lambda: NOW)


def packed(data: bytes, level: int = 6) -> bytes:
    return gzip.compress(data, level, mtime=0)


def test_what_was_published_is_read_back(folder: FolderTarget) -> None:
    assert folder.publish({"simple/demo/index.html": b"one", "index.html": b"two"}) == (
        "simple/demo/index.html",
        "index.html",
    )
    assert (folder.read("simple/demo/index.html"), folder.read("index.html")) == (b"one", b"two")


def test_a_page_that_was_never_published_is_none(folder: FolderTarget) -> None:
    folder.publish({"index.html": b"x"})
    assert folder.read("simple/none/index.html") is None
    assert folder.read("index.html/below") is None


def test_a_page_is_replaced(folder: FolderTarget) -> None:
    folder.publish({"index.html": b"old"})
    assert folder.publish({"index.html": b"new"}) == ("index.html",)
    assert folder.read("index.html") == b"new"


def test_an_equal_page_is_not_published_again(folder: FolderTarget) -> None:
    folder.publish({"a": b"same", "b": b"old"})
    assert folder.publish({"a": b"same", "b": b"new"}) == ("b",)


def test_twins_that_unpack_to_the_same_are_equal(folder: FolderTarget) -> None:
    folder.publish({"a.gz": packed(b"text" * 100, 1)})
    assert folder.publish({"a.gz": packed(b"text" * 100, 9)}) == ()
    assert folder.publish({"a.gz": packed(b"other")}) == ("a.gz",)


def test_a_damaged_twin_is_replaced(folder: FolderTarget) -> None:
    folder.publish({"a.gz": b"not gzip at all"})
    assert folder.publish({"a.gz": packed(b"text")}) == ("a.gz",)


def test_a_page_that_did_not_change_keeps_its_inode_and_mtime(folder: FolderTarget) -> None:
    folder.publish({"a": b"x"})
    before = os.stat(folder.root / "a")
    folder.publish({"a": b"x"})
    after = os.stat(folder.root / "a")
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_pages_mtime_is_at_least_a_second_after_its_last_one(folder: FolderTarget) -> None:
    """Web servers make ETags of whole seconds."""
    stamps = []
    for number in range(3):
        folder.publish({"a": b"%d" % number})
        stamps.append(os.stat(folder.root / "a").st_mtime_ns)
    assert stamps == [NOW, NOW + SECOND, NOW + 2 * SECOND]


def test_a_page_and_its_twin_have_the_same_mtime(folder: FolderTarget) -> None:
    folder.publish({"a": b"old", "a.gz": packed(b"old")})
    folder.publish({"a": b"new", "a.gz": packed(b"new")})
    assert os.stat(folder.root / "a").st_mtime_ns == os.stat(folder.root / "a.gz").st_mtime_ns


@pytest.fixture
def odd_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_a_page_and_its_twin_have_the_same_mtime_although_time_goes_on(tmp_path: Path) -> None:
    """Also where two pages of the same bytes are one file."""
    (tmp_path / "public").mkdir()
    (tmp_path / "scratch").mkdir()
    clock = itertools.count(NOW)
    folder = FolderTarget(tmp_path / "public", scratch=tmp_path / "scratch", now_ns=lambda: next(clock))
    names = ("demo/index.html", "demo/index.html.gz", "demo/index.v1_html", "demo/index.v1_html.gz")
    folder.publish({name: gzip.compress(b"page", mtime=0) if name.endswith(".gz") else b"page" for name in names})
    assert len({(folder.root / name).stat().st_mtime_ns for name in names}) == 1


def test_modes_are_those_that_were_asked_for_whatever_the_umask(folder: FolderTarget, odd_umask: None) -> None:
    folder.publish({"simple/demo/index.html": b"x"})
    modes = [stat.S_IMODE(os.stat(folder.root / path).st_mode) for path in ("simple/demo", "simple/demo/index.html")]
    assert modes == [0o755, 0o644]


def test_narrower_modes_can_be_asked_for(tmp_path: Path) -> None:
    narrow = FolderTarget(
        tmp_path, scratch=tmp_path, now_ns=lambda: NOW, permissions=Permissions(file=0o640, folder=0o750)
    )
    narrow.publish({"demo/index.html": b"x"})
    assert stat.S_IMODE(os.stat(tmp_path / "demo").st_mode) == 0o750
    assert stat.S_IMODE(os.stat(tmp_path / "demo/index.html").st_mode) == 0o640


def test_a_folder_that_a_crash_left_without_its_mode_gets_it_at_the_next_use(folder: FolderTarget) -> None:
    (folder.root / "demo").mkdir(mode=durable.UNFINISHED_FOLDER)
    folder.publish({"demo/index.html": b"x"})
    assert stat.S_IMODE(os.stat(folder.root / "demo").st_mode) == 0o755


def test_pages_are_synced_before_they_are_renamed_and_appear_in_their_order(folder: FolderTarget) -> None:
    steps: list[tuple[str, str]] = []
    with durable.observed(lambda operation, subject: steps.append((operation, Path(subject).name))):
        folder.publish({"demo/b": b"1", "demo/a": b"2"})
    operations = [operation for operation, _ in steps]
    assert operations.index("sync") > max(number for number, name in enumerate(operations) if name == "write")
    assert operations.index("sync") < operations.index("rename")
    assert [name for operation, name in steps if operation == "rename"] == ["b", "a"]
    assert operations[-1] == "sync"


def test_nothing_unfinished_is_ever_seen_in_the_published_folder(folder: FolderTarget) -> None:
    seen: set[str] = set()
    with durable.observed(lambda *_: seen.update(path.name for path in folder.root.rglob("*"))):
        folder.publish({"demo/a": b"1", "demo/b": b"2"})
    assert seen <= {"demo", "a", "b"}


@pytest.mark.parametrize("number", range(1, 12))
def test_no_page_is_written_to_after_a_publication_that_failed(folder: FolderTarget, number: int) -> None:
    """What it left behind may have become a second name of a page, as of the two of HTML."""
    steps = itertools.count(1)

    def fail(*_: str) -> None:
        if next(steps) == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    first = {"a.html": b"html", "a.v1_html": b"html", "a.v1_json": b"json"}
    with durable.observed(fail), contextlib.suppress(OSError):
        folder.publish(first)
    published = {path: data for path in first if (data := folder.read(path)) is not None}
    folder.publish({"b.html": b"other", "c.html": b"another", "d.html": b"a third"})
    assert {path: folder.read(path) for path in published} == {path: first[path] for path in published}
    folder.publish(first)
    assert {path: folder.read(path) for path in first} == first


def test_no_folder_is_made_where_the_tree_has_gone(folder: FolderTarget) -> None:
    """An empty mount point, or nothing: it stays so, and the error says that something is not there."""
    folder.root.rmdir()
    (folder.root.parent / "scratch").rmdir()
    with pytest.raises(FileNotFoundError):
        folder.publish({"simple/demo/index.html": b"x"})
    assert not folder.root.exists()
