"""Law 7 on a disk with bad blocks: a file or folder that can't be read stops nothing else, and is told."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eggwatch.service.index_runner import IndexRunner
from eggwatch.service.watcher import Bell
from eggwatch.store import durable
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render

BAD, GOOD = wheel("bad"), wheel("good")


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Gives a file or folder bad blocks: it can be opened, and not read or listed."""
    spoilt: set[int] = set()

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def read(file: Any, *more: Any) -> Any:
            if not isinstance(file, (str, Path)) and os.stat(getattr(file, "fileno", lambda: file)()).st_ino in spoilt:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(file, *more)

        return read

    for module, name in ((os, "read"), (os, "readv"), (os, "scandir"), (hashlib, "file_digest")):
        monkeypatch.setattr(module, name, failing(getattr(module, name)))
    return lambda path: spoilt.add(path.stat().st_ino)


def test_an_upload_that_can_not_be_read_is_told_and_others_are_published(
    tmp_path: Path, spoil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with IndexAtWork(tmp_path) as site:
        site.put(*BAD)
        spoil(tmp_path / "drop" / BAD[0])
        site.upload(*GOOD)
        assert site.files("good") and site.lying() == [BAD[0]]
        receipt = (tmp_path / "drop" / "receipts" / f"{BAD[0]}.txt").read_text()
        assert "NOT ACCEPTED" in receipt and "can't be read (Input/output error)" in receipt
    monkeypatch.undo()
    with IndexAtWork(tmp_path) as site:
        site.work()
        assert site.files("bad") and site.lying() == []


def test_a_folder_that_can_not_be_listed_is_told_and_what_lies_beside_it_is_published(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    with IndexAtWork(tmp_path) as site:
        site.put(f"team/{BAD[0]}", BAD[1])
        spoil(tmp_path / "drop" / "team")
        site.upload(*GOOD)
        assert site.files("good") and site.index is not None
        (waiting,) = site.index.pipeline.uploads.waiting()
        assert (waiting.path, waiting.reason) == ("team", "folder can't be read (Input/output error)")


def test_a_published_file_that_can_not_be_read_any_more_is_restored_by_whoever_uploads_it_again(
    tmp_path: Path, spoil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is kept aside, as any damaged one."""
    published = tmp_path / "public" / "files" / "bad" / BAD[0]
    with IndexAtWork(tmp_path) as site:
        site.upload(*BAD)
        before = published.stat().st_ino
        spoil(published)
        site.put(*BAD)
        site.upload(*GOOD)
        assert site.files("good") and site.lying() == []
    monkeypatch.undo()
    assert published.stat().st_ino != before and published.read_bytes() == BAD[1]
    (aside,) = (tmp_path / "public" / ".eggwatch" / "quarantine").iterdir()
    assert aside.stat().st_ino == before
    assert_equals_fresh_render(site.config)


def test_a_copy_in_the_spool_that_can_not_be_read_is_made_again(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """After a crash; its original is still in the drop folder."""
    with IndexAtWork(tmp_path) as site:
        site.put(*BAD)
        assert site.index is not None
        pipeline = site.index.pipeline
        pipeline.claim(pipeline.settle(pipeline.sight(None)))
        site.index.abandon()
        (copy,) = (tmp_path / "public" / ".eggwatch").glob("*.bytes")
        spoil(copy)
        site.open().work()
        assert site.files("bad") and site.lying() == []


def test_a_page_that_can_not_be_read_is_replaced_when_it_changes(tmp_path: Path) -> None:
    with IndexAtWork(tmp_path) as site:
        site.upload(*GOOD)
        page = tmp_path / "public" / "simple" / "good" / "index.v1_json"
        page.unlink()
        page.symlink_to("/proc/self/mem")  # it can be opened, and not read
        site.upload(*wheel("good", "2.0"))
        assert len(site.files("good")) == 2 and not page.is_symlink()
    assert_equals_fresh_render(site.config)


def test_a_receipt_that_can_not_be_read_is_replaced_by_the_next_one(
    tmp_path: Path, spoil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all others are written where they always are."""
    receipts = tmp_path / "drop" / "receipts"
    with IndexAtWork(tmp_path) as site:
        site.upload(*BAD)
        spoil(receipts / f"{BAD[0]}.txt")
        site.order("remove", "bad")
        site.upload(*GOOD)
        assert site.index is not None
        assert site.index.pipeline.news.faults() == {} and site.index.pipeline.components.answers.fault is None
    monkeypatch.undo()
    assert "REMOVED" in (receipts / f"{BAD[0]}.txt").read_text()
    assert "PUBLISHED" in (receipts / f"{GOOD[0]}.txt").read_text()


def test_a_removed_file_that_can_not_be_deleted_stops_nothing_else_and_goes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is immutable, or of which the file system is in doubt; the fault says so until it has gone."""
    published = tmp_path / "public" / "files" / "bad" / BAD[0]

    def immutable(operation: str, subject: str) -> None:
        if operation == "unlink" and subject == str(published):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), subject)

    with IndexAtWork(tmp_path) as site:
        site.upload(*BAD)
        site.order("remove", "bad")
        site.now += site.config.grace + 1
        assert site.index is not None
        pipeline = site.index.pipeline
        with durable.observed(immutable):
            site.upload(*GOOD)
            assert site.files("good") and published.exists()
            assert pipeline.uploads.faults == {
                "removed": f"the removed file {BAD[0]} can't be deleted: Operation not permitted: {published}"
            }
            assert pipeline._grace.sweep() == 0 and pipeline._grace.next_due() == pipeline._grace._again
            with pytest.raises(PermissionError):
                pipeline._grace.sweep_all()
        monkeypatch.setattr(pipeline._grace, "_again", 0.0)
        site.work()
        assert not published.exists() and pipeline.uploads.faults == {}


def test_a_catalog_with_a_bad_block_is_made_anew(tmp_path: Path) -> None:
    """SQLite says so with an error that it has for disks. Mapped into memory, it would be SIGBUS, and no error."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*GOOD)
    with IndexAtWork(tmp_path) as work:
        work.upload(*BAD)
        assert f"{work.config.catalog}\n" not in Path("/proc/self/maps").read_text()
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    with closing(Bell()) as bell:
        runner = IndexRunner(work.config, bell, lambda: None)
        runner.open()
        runner.doubt_catalog(error)
        assert not work.config.catalog.exists()
        runner.close()
    with IndexAtWork(tmp_path) as work:
        work.work()
        assert_equals_fresh_render(work.config)
