"""The published bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eggwatch.model.names import Project
from eggwatch.store import durable
from eggwatch.store.drop.folder import Drop
from eggwatch.store.durable import Permissions
from eggwatch.store.public.pool import Pool, StrangerInPoolError
from eggwatch.store.public.spool import Spool
from tests.store.public.claims import NAME, PLACE, claimed


def test_a_placed_file_is_a_link_of_the_private_copy(spool: Spool, drop: Drop, pool: Pool) -> None:
    """The bytes exist once; the name in the spool can go."""
    claim = claimed(spool, drop)
    pool.place(spool.bytes_of(claim), sha256=claim.sha256, **PLACE)
    pool.sync()
    target = pool.path_of(**PLACE)
    assert target.stat().st_ino == spool.bytes_of(claim).stat().st_ino
    spool.release(claim)
    assert target.read_bytes() == (drop.root / NAME).read_bytes() and target.stat().st_nlink == 1
    assert target.parent.stat().st_mode & 0o777 == 0o755


def test_the_same_bytes_count_as_placed_and_others_are_refused(spool: Spool, drop: Drop, pool: Pool) -> None:
    """A crash may have come right after the link; a stranger's file is never overwritten."""
    claim = claimed(spool, drop)
    source = spool.bytes_of(claim)
    pool.place(source, sha256=claim.sha256, **PLACE)
    pool.place(source, sha256=claim.sha256, **PLACE)
    stranger = pool.path_of(Project("demo"), "demo-2.0.tar.gz")
    stranger.write_bytes(b"stranger")
    with pytest.raises(StrangerInPoolError, match="eggwatch rebuild"):
        pool.place(source, sha256=claim.sha256, project=Project("demo"), filename="demo-2.0.tar.gz")
    assert stranger.read_bytes() == b"stranger"


def test_only_what_was_not_committed_is_withdrawn(spool: Spool, drop: Drop, pool: Pool) -> None:
    """The public name is removed if it is this very copy; any other file is kept."""
    claim = claimed(spool, drop)
    source = spool.bytes_of(claim)
    pool.withdraw_uncommitted(source, **PLACE)
    pool.place(source, sha256=claim.sha256, **PLACE)
    other = claimed(spool, drop)
    pool.withdraw_uncommitted(spool.bytes_of(other), **PLACE)
    assert pool.path_of(**PLACE).exists()
    pool.withdraw_uncommitted(source, **PLACE)
    assert not pool.path_of(**PLACE).exists() and source.exists()


def test_metadata_lies_beside_byte_for_byte(spool: Spool, drop: Drop, pool: Pool) -> None:
    """0644, replaced as a whole, untouched when it is the same."""
    claim = claimed(spool, drop)
    pool.place(spool.bytes_of(claim), sha256=claim.sha256, **PLACE)
    beside = pool.path_of(Project("demo"), f"{NAME}.metadata")
    for data in (b"one\r\n", b"two\xff"):
        pool.place_metadata(data, **PLACE)
        pool.sync()
        assert beside.read_bytes() == data and beside.stat().st_mode & 0o777 == 0o644
        inode = beside.stat().st_ino
        pool.place_metadata(data, **PLACE)
        assert beside.stat().st_ino == inode
    assert list(pool.names()) == [("demo", NAME), ("demo", f"{NAME}.metadata")]


def test_sweeping_takes_the_bytes_and_their_metadata(spool: Spool, drop: Drop, pool: Pool) -> None:
    """Both go; what is gone already does not matter."""
    claim = claimed(spool, drop)
    pool.place(spool.bytes_of(claim), sha256=claim.sha256, **PLACE)
    pool.place_metadata(b"x", **PLACE)
    for _ in range(2):
        pool.sweep(**PLACE)
        assert list(pool.names()) == []


def test_strange_things_in_the_pool_are_named(pool: Pool, tmp_path: Path) -> None:
    """Files and links at the top belong to no project."""
    (pool.folder / "file").write_text("x")
    (pool.folder / "link").symlink_to(tmp_path)
    assert list(pool.names()) == [("", "file"), ("", "link")]


def test_modes_are_what_is_configured_whatever_the_umask(tmp_path: Path, drop: Drop) -> None:
    """Archives 0444 narrowed by `mode`; folders follow."""
    mask = os.umask(0o077)
    try:
        permissions = Permissions(file=0o640, folder=0o750)
        spool, pool = Spool(tmp_path / "narrow", permissions), Pool(tmp_path / "narrow", permissions)
        spool.prepare()
        pool.prepare()
        claim = claimed(spool, drop)
        pool.place(spool.bytes_of(claim), sha256=claim.sha256, **PLACE)
    finally:
        os.umask(mask)
    assert pool.path_of(**PLACE).stat().st_mode & 0o777 == 0o440
    assert pool.path_of(**PLACE).parent.stat().st_mode & 0o777 == 0o750


def test_every_change_is_announced_before_it_happens(tmp_path: Path, drop: Drop) -> None:
    """The crash tests rely on it: they stop the process before each change of the disk."""
    seen: list[tuple[str, str]] = []
    spool, pool = Spool(tmp_path / "public"), Pool(tmp_path / "public")
    with durable.observed(lambda operation, subject: seen.append((operation, Path(subject).name))):
        spool.prepare()
        pool.prepare()
        claim = claimed(spool, drop)
        pool.place(spool.bytes_of(claim), sha256=claim.sha256, **PLACE)
        pool.sync()
        spool.release(claim)
    operations = [operation for operation, _ in seen]
    assert operations.index("write") < operations.index("link") < operations.index("unlink")
    assert ("link", NAME) in seen and operations.count("sync") >= 3
