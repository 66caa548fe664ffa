"""How an index is opened, and what is left of it when that fails."""

from __future__ import annotations

import errno
import gc
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.errors import FolderError, FolderTakenError
from eggwatch.maintenance.rebuild import rebuild
from eggwatch.store import durable
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render


@contextmanager
def no_file_left_open() -> Iterator[None]:
    """Afterwards as many files are open as before."""
    gc.collect()
    before = os.listdir("/proc/self/fd")
    yield
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == len(before)


def failing_at(number: int) -> durable.Observer:
    """A file system that becomes read-only before the step of that number."""
    steps = itertools.count()

    def fail(*_: str) -> None:
        if next(steps) == number:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    return fail


def test_an_index_that_can_not_be_opened_leaves_no_file_open(tmp_path: Path) -> None:
    """The daemon tries again every minute, for as long as a file system is read-only."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))

    steps: list[str] = []
    with durable.observed(lambda operation, _: steps.append(operation)):
        work.open()
    work.close()
    for number in range(len(steps)):
        with durable.observed(failing_at(number)), no_file_left_open(), pytest.raises(OSError):
            work.open()


def test_two_configurations_can_not_publish_into_one_folder(tmp_path: Path) -> None:
    """Each has a STATE of its own, so that the other's lock says nothing."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        (tmp_path / "other").mkdir()
        other = IndexAtWork(tmp_path / "other")
        other.config = replace(other.config, public=work.config.public)
        with no_file_left_open(), pytest.raises(FolderTakenError, match=rf"{work.config.public} .*"):
            other.open()
        with no_file_left_open(), pytest.raises(FolderTakenError, match=rf"{work.config.public} .*"):
            rebuild(other.config)
        assert not other.config.ledger.exists()
        work.upload(*wheel("demo", "2.0"))
        assert_equals_fresh_render(work.config)


@pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")
@pytest.mark.parametrize("begin", [lambda work: work.open(), lambda work: rebuild(work.config)])
def test_root_leaves_no_folder_in_the_index_of_another_account(
    tmp_path: Path, begin: Callable[[IndexAtWork], object]
) -> None:
    """Its daemon could not write there."""
    work = IndexAtWork(tmp_path)
    work.config.state.mkdir()
    os.chown(work.config.state, 12345, 12345)
    with no_file_left_open(), pytest.raises(FolderError, match="belongs to another account"):
        begin(work)
    assert list(work.config.public.iterdir()) == []


def test_the_spool_may_be_a_link(tmp_path: Path) -> None:
    """To a folder of the same file system that no web server serves."""
    work = IndexAtWork(tmp_path)
    (tmp_path / "spool").mkdir(mode=0o700)
    work.config.public.mkdir(exist_ok=True)
    (work.config.public / ".eggwatch").symlink_to(tmp_path / "spool")
    with work:
        work.upload(*wheel("demo", "1.0"))
        assert_equals_fresh_render(work.config)
