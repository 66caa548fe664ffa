"""eggwatch index where something is missing, damaged, interrupted or written by others."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from eggwatch.maintenance.index_folder import FolderIndex
from eggwatch.pages.folder_index import Shape
from eggwatch.store import durable
from tests.archive_factory import wheel
from tests.cli.indexing import Folder, contents
from tests.cli.stocks import add, state_of


def test_a_dangling_link_does_not_affect_other_archives(folder: Folder) -> None:
    """As an argument, or in a folder; an argument that does not exist is a usage error."""
    for link in ("lost-1.0.tar.gz", "old/lost-1.1.tar.gz"):
        (folder.path / link).symlink_to("/no/such/file")
    done = folder.index(*sorted(path.name for path in folder.path.iterdir()))
    assert done.code == 1 and done.out.count("it is a link that leads nowhere") == 2
    assert folder.urls("demo") and folder.urls("other")
    assert folder.index("nowhere").code == 2


def test_pages_of_other_programs_are_never_overwritten(folder: Folder) -> None:
    """A handwritten index.html, a simple/ of another program, the folders of a daemon: exit status 2."""
    for path in ("index.html", "links.html", "simple/index.html", ".eggwatch/spool"):
        page = folder.path / path
        page.parent.mkdir(exist_ok=True)
        page.write_text("mine")
        done = folder.index()
        assert done.code == 2 and "--out" in done.err and page.read_text() == "mine"
        page.unlink()
        page.parent.rmdir() if page.parent != folder.path else None
    assert folder.index().code == 0


def test_an_empty_folder_removes_nothing_from_the_index(folder: Folder, tmp_path: Path) -> None:
    """It may be a disk that is not mounted."""
    folder.index(folder.path, "--out", tmp_path / "www")
    folder.path.rename(tmp_path / "elsewhere")
    folder.path.mkdir()
    done = folder.index(folder.path, "--out", tmp_path / "www")
    assert done.code == 2 and "mount" in done.err
    assert (tmp_path / "www" / "simple" / "demo").exists()


def _closed(scandir: Any, closed: Path, path: Any) -> Any:
    if Path(path) == closed:
        raise PermissionError(13, "Permission denied", str(path))
    return scandir(path)


def test_archives_in_an_unreadable_folder_are_kept_in_the_index(folder: Folder) -> None:
    """The folder is reported, and its archives do not count as deleted."""
    folder.index()
    closed = folder.path / "old"
    with mock.patch("os.scandir", partial(_closed, os.scandir, closed)):
        done = folder.index()
    assert done.code == 1 and "old: left out: this folder can't be read" in done.out and "1 not seen" in done.out
    assert folder.urls("other") == ["../../old/2017/other-2.0.tar.gz"]


def test_archives_in_a_folder_that_can_be_opened_and_not_be_listed_are_kept_too(folder: Folder) -> None:
    """As on a disk with a bad block, or where a server refuses it."""
    folder.index()
    scandir, opened = os.scandir, itertools.count()

    def broken(path: Any) -> Any:
        if Path(path) == folder.path / "old" and next(opened):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return scandir(path)

    with mock.patch("os.scandir", broken):
        done = folder.index()
    assert done.code == 1 and "old: left out: can't be read: Input/output error" in done.out, done
    assert "1 not seen" in done.out
    assert folder.urls("other") == ["../../old/2017/other-2.0.tar.gz"]


@pytest.mark.parametrize(
    "lost", ["simple/demo/index.html", "simple/index.html.gz", "links.html", "simple/demo/index.v1_json"]
)
def test_a_deleted_page_is_written_again(folder: Folder, lost: str) -> None:
    """Even if nothing else has changed."""
    folder.index()
    before = (folder.path / lost).read_bytes()
    (folder.path / lost).unlink()
    assert folder.index().code == 0
    assert (folder.path / lost).read_bytes() == before


def _stop_at(number: int) -> Any:
    left = iter(range(number))

    def observer(_operation: str, _subject: str) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return observer


def _fresh(folder: Folder) -> dict[str, bytes]:
    assert folder.index("--easy-install").code == 0
    return contents(folder.path)


def test_the_next_run_completes_one_that_was_interrupted_at_any_point(folder: Folder) -> None:
    """Before each change of the disk; the pages then equal those of an index made in one run."""
    expected = _fresh(folder)
    number = 0
    while True:
        for page in ("simple", "index"):
            shutil.rmtree(folder.path / page, ignore_errors=True)
        for page in ("index.html", "links.html"):
            (folder.path / page).unlink(missing_ok=True)
        with contextlib.suppress(KeyboardInterrupt), durable.observed(_stop_at(number)):
            FolderIndex(folder.path, Shape(easy_install=True)).update([folder.path])
            break
        assert folder.index("--easy-install").code == 0
        assert contents(folder.path) == expected, number
        number += 19
    assert number > 20


def test_a_run_that_was_interrupted_leaves_no_page_behind_that_it_did_not_write(folder: Folder) -> None:
    """As for easy_install, which it was not asked for, but the runs before and after it were."""
    folder.index("--easy-install")
    add(folder.path, wheel("demo", "9.0"))

    def end(operation: str, subject: str) -> None:
        if (operation, subject) == ("rename", str(folder.path / "simple/index.v1_json")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), durable.observed(end):
        FolderIndex(folder.path, Shape()).update([folder.path])
    folder.index("--easy-install")
    assert "demo-9.0" in (folder.path / "index/demo/index.html").read_text()


def test_two_runs_cannot_overlap(folder: Folder) -> None:
    """The second one exits with 3."""
    folder.index()
    fd = os.open(folder.path / "simple", os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        done = folder.index()
    finally:
        os.close(fd)
    assert done.code == 3 and "is running in" in done.err


def test_an_index_says_so_if_no_inspector_can_be_started(tmp_path: Path) -> None:
    """As where the account may start no more processes."""
    add(tmp_path, wheel("demo", "1.0"))
    error = BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    with mock.patch("eggwatch.inspection.inspectors.Worker", side_effect=error), pytest.raises(BlockingIOError):
        FolderIndex(tmp_path, Shape(site=True, easy_install=False)).update([tmp_path])


def damage(folder: Folder, page: str, text: str) -> None:
    """Another account that may write to the folder changes a page."""
    (folder.path / page).unlink(missing_ok=True)
    (folder.path / page).write_text(text)


@pytest.mark.parametrize("page", ["simple/demo/index.v1_json", "simple/left-out.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"files": [3], "left-out": 3, "eggwatch": []}'])
def test_a_page_that_cannot_be_read_is_written_again(folder: Folder, page: str, text: str) -> None:
    assert folder.index().code == 0
    pages = state_of(folder.path / "simple").keys()
    damage(folder, page, text)
    assert folder.index().code == 0
    assert [url.rpartition("/")[2] for url in folder.urls("demo")] == [wheel("demo", "1.0")[0]]
    assert state_of(folder.path / "simple").keys() >= pages


@pytest.mark.parametrize(
    "wrong",
    [{"_name": "../../evil"}, {"_name": 3}, {"_version": "<b>"}, {"hashes": {"sha256": "<b>"}}, {"requires-python": 3}],
)
def test_a_value_that_leads_elsewhere_or_is_of_no_such_kind_is_read_from_the_archive_again(
    folder: Folder, wrong: dict[str, Any]
) -> None:
    """Where others may write to the folder, the pages can say what they want; the name is that of a folder."""
    assert folder.index("--easy-install").code == 0
    sound = folder.page("demo")
    data = folder.page("demo")
    data["files"][0] |= wrong
    damage(folder, "simple/demo/index.v1_json", json.dumps(data))
    assert folder.index("--easy-install").code == 0
    assert folder.page("demo") == sound
    assert not (folder.path.parent / "evil").exists()


@pytest.mark.parametrize("page", ["simple/index.v1_json", "simple/demo/index.v1_json", "index.html", "links.html"])
def test_a_fifo_in_place_of_a_page_is_not_waited_for(folder: Folder, page: str) -> None:
    assert folder.index().code == 0
    (folder.path / page).unlink()
    os.mkfifo(folder.path / page)
    assert folder.index().code in (0, 2)


@pytest.mark.parametrize("name", ["lost.tar", "lost", "lost-1.0.tar.gz"])
def test_a_link_that_leads_nowhere_begins_no_index(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/no/such/file")
    done = Folder(tmp_path).index(name)
    assert (done.code, f"No such file or folder: {name}" in done.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == [name]
