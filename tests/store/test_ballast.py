"""What is kept back on a disk for orders."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from eggwatch.store import ballast
from eggwatch.store.ballast import Ballast

KIB = 1024


@pytest.fixture
def kept(tmp_path: Path) -> Ballast:
    """The ballast of an index whose two folders are on one file system."""
    for name in ("state", "public/.eggwatch"):
        (tmp_path / name).mkdir(parents=True)
    return Ballast(tmp_path / "state", tmp_path / "public")


class DiskOf:
    """A file system with this many free bytes, and this many in all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, free: int, size: int) -> None:
        self.free, self.f_blocks, self.f_frsize = free, size, 1
        monkeypatch.setattr(ballast.os, "statvfs", lambda _: self)

    @property
    def f_bavail(self) -> int:
        """What is free."""
        return self.free


def test_one_on_each_file_system(kept: Ballast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sixteenth of it, in STATE, and none in PUBLIC if that is the same."""
    DiskOf(monkeypatch, free=900 * KIB, size=1600 * KIB)
    kept.take_in()
    kept.take_in()
    status = (tmp_path / "state/ballast").stat()
    assert (status.st_size, status.st_mode & 0o777) == (100 * KIB, 0o644)
    assert os.listdir(tmp_path / "public/.eggwatch") == []


def test_it_is_thrown_off_only_when_the_disk_is_nearly_full(
    kept: Ballast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reserved again later, except for what others need at least."""
    disk = DiskOf(monkeypatch, free=900 * KIB, size=1600 * KIB)
    kept.take_in()
    kept.throw_off()
    assert (tmp_path / "state/ballast").stat().st_size == 100 * KIB
    disk.free = 4 * KIB
    kept.throw_off()
    assert (tmp_path / "state/ballast").stat().st_size == 0
    disk.free = 90 * KIB
    kept.take_in()
    assert (tmp_path / "state/ballast").stat().st_size == 90 * KIB - ballast.SLACK
    disk.free = 10 * KIB
    kept.take_in()
    assert (tmp_path / "state/ballast").stat().st_size == 90 * KIB - ballast.SLACK


def test_a_quarter_of_it_is_for_orders_alone(kept: Ballast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status file gets pieces of the rest, as long as the disk is full."""
    disk = DiskOf(monkeypatch, free=900 * KIB, size=1600 * KIB)
    kept.take_in()
    kept.give_piece()
    assert (tmp_path / "state/ballast").stat().st_size == 100 * KIB
    disk.free = 0
    sizes = []
    for _ in range(5):
        kept.give_piece()
        sizes.append((tmp_path / "state/ballast").stat().st_size // KIB)
    assert sizes == [84, 68, 52, 36, 36]


def test_it_is_given_free_where_a_quota_is_used_up_on_a_disk_with_room(
    kept: Ballast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is free on the disk is not free for this account."""

    def used_up(*_: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    DiskOf(monkeypatch, free=1 << 40, size=1 << 41)
    kept.take_in()
    sizes = []
    with monkeypatch.context() as patch:
        patch.setattr(ballast.durable, "write_all", used_up)
        for free in (kept.give_piece, kept.throw_off):
            free()
            sizes.append((tmp_path / "state/ballast").stat().st_size)
    assert sizes == [ballast.LARGEST - ballast.PIECE, 0]
    assert os.listdir(tmp_path / "state") == ["ballast"]


def test_it_is_at_most_16_mib(kept: Ballast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the disk is."""
    DiskOf(monkeypatch, free=1 << 40, size=1 << 41)
    kept.take_in()
    assert (tmp_path / "state/ballast").stat().st_size == 16 << 20


def test_folders_that_are_not_there_are_no_error(tmp_path: Path) -> None:
    """The order itself will say what is wrong."""
    kept = Ballast(tmp_path / "nowhere", tmp_path / "neither")
    kept.throw_off()
    kept.take_in()


def test_what_can_not_be_reserved_is_said_once(
    kept: Ballast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon tries it again with each scan: where a quota is used up, for ever."""

    def full(*_: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        kept.take_in()
        kept.take_in()
    assert caplog.text.count("can't be reserved") == 1
    kept.take_in()
    assert caplog.text.count("can't be reserved") == 1
