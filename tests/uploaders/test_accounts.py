"""Forty accounts and one drop folder: every upload is published as its owner's, and no other account can change it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import ALICE, BOB, CAPABILITIES, EGGWATCH, UPLOADERS, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running
from tests.uploaders.servers import Sshd, running_sshd
from tests.uploaders.test_local_tools import slug

pytestmark = [pytest.mark.parts, pytest.mark.root]

Upload = Callable[[Sshd, Path, Path], object]

UPLOADS: dict[str, Upload] = {
    "scp": lambda ssh, source, drop: ssh.scp(source, f"h:{drop}/"),
    "scp -p": lambda ssh, source, drop: ssh.scp("-p", source, f"h:{drop}/"),
    "scp -O": lambda ssh, source, drop: ssh.scp("-O", source, f"h:{drop}/"),
    "scp -O -p": lambda ssh, source, drop: ssh.scp("-O", "-p", source, f"h:{drop}/"),
    "sftp put": lambda ssh, source, drop: ssh.sftp(f"put {source} {drop}/"),
    "sftp put -p": lambda ssh, source, drop: ssh.sftp(f"put -p {source} {drop}/"),
    "sftp put, chmod 0": lambda ssh, source, drop: ssh.sftp(f"put {source} {drop}/", f"chmod 0 {drop}/{source.name}"),
    "rsync -a": lambda ssh, source, drop: ssh.rsync("-a", "--no-o", "--no-g", source, f"h:{drop}/"),
}


@pytest.fixture(scope="module")
def users_sshd(machine: Machine) -> Iterator[Sshd]:
    """A real sshd for the machine's accounts, whose umask is 077."""
    folder = machine.base / "sshd"
    folder.mkdir()
    folder.chmod(0o755)
    with running_sshd(folder, prefix=[*machine.enter, "sh", "-c", 'umask 077; exec "$@"', "sh"]) as server:
        yield server


@pytest.fixture(scope="module")
def daemon(machine: Machine) -> Iterator[IndexDaemon]:
    """A system user's daemon with its three capabilities, over a sticky set-gid drop folder of root's."""
    base = machine.base / "index"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    prefix = machine.as_account(EGGWATCH, *CAPABILITIES)
    with running(base, prefix=prefix, linger='"300ms"') as daemon:
        yield daemon
        daemon.wait_empty()


@pytest.mark.parametrize("account", UPLOADERS)
@pytest.mark.parametrize("label", UPLOADS)
def test_what_an_account_uploads_is_published_and_its_own(
    daemon: IndexDaemon, users_sshd: Sshd, tmp_path: Path, label: str, account: str
) -> None:
    """umask 077 and mode 0600: no other account can read the file. It is published at once, as its owner's."""
    name, data = wheel_of(f"{account}-{slug(label)}", 200_000)
    source = tmp_path / name
    source.write_bytes(data)
    source.chmod(0o600)
    os.utime(source, (1577934245, 1577934245))
    UPLOADS[label](users_sshd.by(account), source, daemon.drop)
    daemon.wait_published(name, time.time())
    daemon.assert_published_once(name, data)
    (event,) = daemon.events_of(name)
    assert (event["uploader"], event["uid"]) == (account, UPLOADERS[account])
    daemon.wait_empty()


def test_a_file_moved_in_without_an_acl_is_published(daemon: IndexDaemon, machine: Machine) -> None:
    """mv within a file system keeps owner, group and mode: the drop folder's group and default ACL do not reach it."""
    name, data = wheel_of("moved-in")
    home = machine.base / "home-of-alice"
    home.mkdir(mode=0o700)
    (home / name).write_bytes(data)
    (home / name).chmod(0o600)
    for path in (home / name, home):
        os.chown(path, ALICE, ALICE)
    machine.run(ALICE, "mv", home / name, daemon.drop)
    daemon.wait_published(name, time.time())
    daemon.assert_published_once(name, data)
    assert [(event["uploader"], event["uid"]) for event in daemon.events_of(name)] == [("alice", ALICE)]
    daemon.wait_empty()


def test_nobody_can_touch_an_upload_of_another_account(daemon: IndexDaemon, machine: Machine) -> None:
    """An unfinished upload lies there: others can neither read, rename, replace, remove nor alter it or its answers."""
    name, data = wheel_of("mine")
    (machine.base / "half").write_bytes(data[:100_000])
    (machine.base / "half").chmod(0o644)
    upload, other = daemon.drop / name, daemon.drop / "other-1.0-py3-none-any.whl"
    machine.run(ALICE, "sh", "-c", f"umask 077; cat {machine.base}/half > {upload}")
    until("it is known as unfinished", lambda: "the end of the file is missing" in daemon.reason_for(name))
    for command in (
        ["cat", upload],
        ["mv", upload, other],
        ["mv", "-f", machine.base / "half", upload],
        ["cp", "-f", machine.base / "half", upload],
        ["rm", "-f", upload],
        ["ln", upload, other],
        ["chmod", "666", upload],
        ["truncate", "-s", "0", upload],
        ["touch", upload],
        *(["mv", daemon.drop / folder, daemon.drop / "away"] for folder in ("rejected", "receipts")),
        *(["ln", "-sfn", "/etc", daemon.drop / folder / "x"] for folder in ("rejected", "receipts")),
        ["rm", "-rf", daemon.drop / "README.txt"],
        ["touch", daemon.drop / "rejected" / "planted"],
        ["sh", "-c", f"ls {daemon.public}/.eggwatch"],
    ):
        assert machine.fails(BOB, *command), command
    assert upload.read_bytes() == data[:100_000]
    machine.run(ALICE, "rm", upload)
    daemon.wait_empty()


def test_a_subfolder_swapped_for_a_link_is_not_followed(daemon: IndexDaemon, machine: Machine) -> None:
    """Its owner may put a link there; then what lies behind it is not read, and `status` says so."""
    name, data = wheel_of("behind-a-link")
    treasure = machine.base / "treasure"
    treasure.mkdir(mode=0o755)
    (treasure / name).write_bytes(data)
    folder = daemon.drop / "release"
    machine.run(ALICE, "mkdir", folder)
    machine.run(ALICE, "rmdir", folder)
    machine.run(ALICE, "ln", "-s", treasure, folder)
    machine.run(ALICE, "ln", "-s", treasure / name, daemon.drop / name)
    until("the links are told", lambda: daemon.reason_for("release") and daemon.reason_for(name))
    assert "symbolic link" in daemon.reason_for("release")
    daemon.assert_not_published(name)
    assert machine.fails(BOB, "rm", folder)
    machine.run(ALICE, "rm", folder, daemon.drop / name)
    assert (treasure / name).read_bytes() == data


def test_a_subfolder_swapped_while_an_original_leaves_moves_nothing_behind_the_link(
    daemon: IndexDaemon, machine: Machine
) -> None:
    """Alice renames her folder away and puts a link to another's in its place: what lies there stays as it is."""
    victim = machine.base / "victim"
    victim.mkdir()
    os.chown(victim, EGGWATCH, EGGWATCH)
    for number in range(6):
        name, data = wheel_of(f"swapped-{number}", 30_000)
        folder = daemon.drop / f"swap-{number}"
        machine.run(ALICE, "mkdir", "-m", "2775", folder)
        (victim / name).write_bytes(data)
        (machine.base / name).write_bytes(data)
        machine.run(ALICE, "cp", machine.base / name, folder / name)
        daemon.wait_published(name, time.time())
        machine.run(ALICE, "sh", "-c", f"mv {folder} {folder}.old; ln -s {victim} {folder}")
        daemon.go_round(times=1)
        assert (victim / name).read_bytes() == data
        machine.run(ALICE, "rm", "-rf", folder, f"{folder}.old")
    assert not [path for path in victim.iterdir() if path.name.startswith(".")]
    assert len(list(victim.iterdir())) == 6
    daemon.wait_empty()
