"""Private copies on their way."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest

from eggwatch.errors import FolderError
from eggwatch.linux.accounts import account_name
from eggwatch.store import durable
from eggwatch.store.drop.folder import Drop
from eggwatch.store.public.pool import Pool
from eggwatch.store.public.spool import Changed, Spool
from tests.store.public.claims import NAME, claimed, copied, sighting


def test_an_owner_proves_nothing_where_others_may_have_written(drop: Drop, spool: Spool) -> None:
    """Files that group or others may write to, or with a second link, when their bytes are read."""
    upload = drop.root / NAME
    upload.chmod(0o644)
    assert claimed(spool, drop).doubt is None
    for mode in (0o664, 0o646, 0o660):
        upload.chmod(mode)
        assert f"(mode {mode:04o})" in str(claimed(spool, drop).doubt)
    upload.chmod(0o644)
    os.link(upload, drop.root / "notes.txt")
    assert "hard link" in str(claimed(spool, drop).doubt)


def test_the_folders_of_a_path_tell_whose_it_is(drop: Drop) -> None:
    """Each with its owner and mode, without following links; then the file itself."""
    (drop.root / "team" / "deep").mkdir(parents=True)
    (drop.root / "team" / "deep" / "x").touch()
    (drop.root / "link").symlink_to("team")
    team, deep, file = drop.folders_of("team/deep/x")
    assert [one.st_ino for one in (team, deep)] == [(drop.root / name).stat().st_ino for name in ("team", "team/deep")]
    assert file.st_ino == (drop.root / "team/deep/x").stat().st_ino
    assert len(drop.folders_of(NAME)) == 1
    with pytest.raises(FileNotFoundError):
        drop.folders_of("absent/x")
    with pytest.raises(NotADirectoryError):
        drop.folders_of("link/deep/x")


def test_a_claim_is_a_private_copy_with_its_hash(spool: Spool, drop: Drop) -> None:
    """Another inode, 0444, with sha256, size and owner; the original is left there."""
    claim = claimed(spool, drop)
    data = (drop.root / NAME).read_bytes()
    assert (claim.sha256, claim.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (claim.uid, claim.uploader) == (os.geteuid(), account_name(os.geteuid()))
    copy = spool.bytes_of(claim)
    assert copy.read_bytes() == data and copy.stat().st_mode & 0o777 == 0o444
    assert copy.stat().st_ino != (drop.root / NAME).stat().st_ino
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_claims_are_found_again_in_their_order(spool: Spool, drop: Drop) -> None:
    """After a restart: the same values, and numbers go on."""
    claims = [claimed(spool, drop) for _ in range(3)]
    again = Spool(spool.folder.parent)
    again.prepare()
    assert list(again.intents()) == claims
    assert all(again.is_whole(claim) for claim in claims)
    assert claimed(again, drop).number == claims[-1].number + 1


def test_claims_that_are_made_last_together_share_a_file_which_goes_with_the_last_of_them(
    spool: Spool, drop: Drop
) -> None:
    """After a crash the unfinished ones are found; the number of a finished one is not used again."""
    first, second, third = (copied(spool, drop, sighting(drop)) for _ in range(3))
    spool.sync([first, second, third])
    assert len(list(spool.folder.glob("*.json"))) == 1
    spool.release(first)
    spool.release(third)
    again = Spool(spool.folder.parent)
    again.prepare()
    assert list(again.intents()) == [second]
    assert claimed(again, drop).number == third.number + 1
    again.release(second)
    assert len(list(again.folder.glob("*.json"))) == 1, "that of the new claim"


def test_claims_that_can_not_be_written_down_are_let_go(
    spool: Spool, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk: the uploads are still in the drop folder, and are found by the next scan."""

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    claims = [copied(spool, drop, sighting(drop)) for _ in range(2)]
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        spool.sync(claims)
    monkeypatch.undo()
    assert [path.name for path in spool.folder.iterdir()] == ["pages"]


def test_a_released_claim_leaves_nothing(spool: Spool, drop: Drop) -> None:
    """Intent and bytes go; twice is once."""
    claim = claimed(spool, drop)
    spool.release(claim)
    spool.release(claim)
    assert [path.name for path in spool.folder.iterdir()] == ["pages"]


@pytest.mark.parametrize("text", [b"", b"not json", b"{}", b'{"number": 1}', b"[]", b"null"])
def test_what_is_no_whole_intent_is_dropped(spool: Spool, drop: Drop, text: bytes) -> None:
    """A torn intent, bytes without an intent, and an intent without bytes: none of them has had a verdict."""
    claim = claimed(spool, drop)
    torn = claimed(spool, drop)
    (spool.folder / f"{torn.number:012d}.json").write_bytes(text)
    (spool.folder / "000000000009.bytes").write_bytes(b"x")
    (spool.scratch / "3.new").write_bytes(b"x")
    again = Spool(spool.folder.parent)
    again.prepare()
    assert list(again.intents()) == [claim]
    assert sorted(path.name for path in again.folder.iterdir()) == ["000000000001.bytes", "000000000001.json", "pages"]
    assert list(again.scratch.iterdir()) == []


def test_bytes_that_a_power_cut_took_are_noticed(spool: Spool, drop: Drop) -> None:
    """A claim whose copy is not what was read is not whole."""
    claim = claimed(spool, drop)
    spool.bytes_of(claim).chmod(0o644)
    os.truncate(spool.bytes_of(claim), 10)
    assert not spool.is_whole(claim)


def test_an_upload_that_changed_since_it_was_seen_is_not_claimed(spool: Spool, drop: Drop) -> None:
    """Other size, other inode, gone: Changed or FileNotFoundError, and nothing is left in the spool."""
    path = drop.root / NAME
    seen = sighting(drop)
    path.write_bytes(b"other")
    with pytest.raises(Changed):
        copied(spool, drop, seen)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        copied(spool, drop, seen)
    assert [name.name for name in spool.folder.iterdir()] == ["pages"]


def test_an_upload_that_changes_while_it_is_read_is_not_claimed(spool: Spool, drop: Drop) -> None:
    """Written to, replaced or taken away between the first byte and the last, or the folder with it."""
    path, real = drop.root / NAME, os.readv
    data = path.read_bytes()

    def write() -> None:
        with path.open("ab") as file:
            file.write(b"more")

    def replace() -> None:
        (path.parent / ".new").write_bytes(data)
        (path.parent / ".new").rename(path)

    def unmount() -> None:
        drop.root.rename(drop.root.with_name("gone"))

    for meanwhile in (write, replace, path.unlink, unmount):
        path.write_bytes(data)
        seen, done = sighting(drop), []

        def readv(fd: int, buffers: list[bytearray], meanwhile=meanwhile, done=done) -> int:  # type: ignore[no-untyped-def]
            if not done:
                done.append(meanwhile())
            return real(fd, buffers)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "readv", readv)
            with pytest.raises(Changed):
                copied(spool, drop, seen)
        assert [name.name for name in spool.folder.iterdir()] == ["pages"], meanwhile


def test_of_an_upload_that_grows_while_it_is_read_no_more_is_copied_than_was_seen(
    spool: Spool, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever appends to it as fast as it is copied would fill the disk, whatever `min-free` says."""
    real, copied_then = os.readv, list[int]()

    def readv(fd: int, buffers: list[bytearray]) -> int:
        copied_then.append(sum(path.stat().st_size for path in spool.folder.glob("*.bytes")))
        if len(copied_then) < 20:
            with (drop.root / NAME).open("ab") as file:
                file.write(b"more" * 300_000)
        return real(fd, buffers)

    seen = sighting(drop)
    monkeypatch.setattr(os, "readv", readv)
    with pytest.raises(Changed):
        copied(spool, drop, seen)
    assert max(copied_then) <= seen.identity.size
    assert [name.name for name in spool.folder.iterdir()] == ["pages"]


def test_a_full_disk_leaves_nothing_in_the_spool(spool: Spool, drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC in the middle of a copy: the error is raised, and the partial copy deleted."""

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space") as raised:
        copied(spool, drop, sighting(drop))
    monkeypatch.undo()
    assert Path(raised.value.filename).parent == spool.folder  # it names the disk
    assert [path.name for path in spool.folder.iterdir()] == ["pages"]
    assert spool.free_bytes() > 0


def test_a_copy_that_can_not_be_deleted_is_given_up_and_deleted_at_the_next_start(spool: Spool, drop: Drop) -> None:
    """Whoever lets go of it has met an error already, such as a disk that became read-only, and has more to close."""

    def fail(operation: str, subject: str) -> None:
        if operation == "unlink":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), subject)

    steps = spool.claiming(drop, sighting(drop), at="2026")
    next(steps)
    with durable.observed(fail):
        steps.close()
    assert len(list(spool.folder.glob("*.bytes"))) == 1
    spool.prepare()
    assert [path.name for path in spool.folder.iterdir()] == ["pages"]


def test_without_proc_a_full_disk_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of the error is read there."""
    monkeypatch.setattr(os, "readlink", Mock(side_effect=FileNotFoundError))
    with Path("/dev/full").open("wb") as file, pytest.raises(OSError, match="No space"):
        durable.write_all(file.fileno(), b"x")


def test_a_sidecar_says_where_a_file_came_from(spool: Spool, drop: Drop) -> None:
    """The intent is JSON, for whoever has to look at it by hand."""
    claim = claimed(spool, drop)
    data = json.loads((spool.folder / f"{claim.number:012d}.json").read_text())
    assert (data["path"], data["filename"], data["sha256"]) == (NAME, NAME, claim.sha256)


def test_accounts_that_are_gone_are_numbers() -> None:
    """docs/contract.rst: the account's name at the time, else its uid."""
    assert account_name(0) == "root"
    assert account_name(1_234_567) == "uid:1234567"


def test_two_file_systems_are_an_error(spool: Spool) -> None:
    """Linking would fail for every upload."""
    with pytest.raises(FolderError, match="two file systems"):
        spool.check_linking(Path("/proc"))


@pytest.mark.root
def test_one_file_system_that_is_mounted_twice_is_an_error(spool: Spool, pool: Pool) -> None:
    """As volumes of a container, which have the same device number: the kernel links nothing between mounts."""
    spool.check_linking(pool.folder)
    subprocess.run(["mount", "--bind", pool.folder, pool.folder], check=True)
    try:
        with pytest.raises(FolderError, match="mounted each for itself"):
            spool.check_linking(pool.folder)
    finally:
        subprocess.run(["umount", pool.folder], check=True)
    assert list(pool.folder.iterdir()) == []
