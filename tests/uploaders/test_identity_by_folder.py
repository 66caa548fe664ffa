"""identity = "folder": a server that stores everything as one account, and a folder for each who uploads."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import BOB, CAPABILITIES, EGGWATCH, UPLOADERS, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running
from tests.uploaders.servers import Smbd, running_smbd

pytestmark = [pytest.mark.parts, pytest.mark.root]


@pytest.fixture
def index(machine: Machine) -> Iterator[tuple[IndexDaemon, Smbd]]:
    """An ordinary account's daemon, and an smbd that stores each user's files as that account in DROP/<user>."""
    base = machine.base / f"index-{time.monotonic_ns()}"
    for folder in (base, base / "drop", base / "public", base / "state", *(base / "drop" / name for name in UPLOADERS)):
        folder.mkdir()
        os.chown(folder, EGGWATCH, EGGWATCH)
        folder.chmod(0o755)
    settings = {"linger": '"300ms"', "identity": '"folder"', "owners": '{ "guarded" = ["alice"] }'}
    settings["first_uploader_owns"] = "true"
    (base / "smbd").mkdir()
    force = "force user = eggwatch\nvalid users = alice bob\n"
    with (
        running(base, prefix=machine.as_account(EGGWATCH), **settings) as daemon,
        running_smbd(
            base / "smbd", f"{base}/drop/%U", prefix=machine.enter, accounts=list(UPLOADERS), more=force
        ) as smbd,
    ):
        yield daemon, smbd


def put(smbd: Smbd, account: str, folder: Path, archive: tuple[str, bytes]) -> str:
    """Let an account put an archive on its share; answers with its name."""
    (folder / archive[0]).write_bytes(archive[1])
    command = smbd.command(f"put {archive[0]}", account=account)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return archive[0]


def test_who_a_samba_server_stores_as_one_account_is_told_by_the_folder(
    index: tuple[IndexDaemon, Smbd], tmp_path: Path
) -> None:
    """The event names the account behind the share and its uid; owners and first uploaders are judged by it."""
    daemon, smbd = index
    for account in UPLOADERS:
        name, data = wheel_of(f"of-{account}")
        put(smbd, account, tmp_path, (name, data))
        daemon.wait_published(name, time.time())
        daemon.assert_published_once(name, data)
        (event,) = daemon.events_of(name)
        assert (event["uploader"], event["uid"]) == (account, UPLOADERS[account])
    for project, version in (("guarded", "1.0"), ("of-alice", "2.0")):
        name = put(smbd, "bob", tmp_path, wheel_of(project, version=version))
        (event,) = until("the refusal", lambda name=name: daemon.events_of(name, "rejected"))
        assert ([flaw["code"] for flaw in event["flaws"]], event["uploader"]) == (["not-owner"], "bob")
        assert "uploaded by bob" in event["flaws"][0]["message"]
        assert (event["uid"], event["path"]) == (BOB, f"bob/{name}")
        name = put(smbd, "alice", tmp_path, wheel_of(project, version=f"{version}.1"))
        daemon.wait_published(name, time.time())
    daemon.wait_empty()
    assert daemon.status()["faults"] == {}


def test_a_file_in_the_drop_folder_itself_is_nobody_s(
    index: tuple[IndexDaemon, Smbd], machine: Machine, tmp_path: Path
) -> None:
    """With first-uploader-owns it is rejected, and the reason asks for a folder."""
    daemon, _ = index
    name, data = wheel_of("whose")
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    machine.run(EGGWATCH, "cp", machine.base / name, daemon.drop / name)
    (event,) = until("the refusal", lambda: daemon.events_of(name, "rejected"))
    assert (event["uploader"], event["uid"]) == (None, None)
    assert "the folder of your account" in event["flaws"][0]["message"]
    until("the receipt", lambda: "uploaded by an unknown account" in daemon.receipt(name))
    daemon.wait_empty()


def test_the_folder_that_bob_made_for_alice_is_nobody_s(machine: Machine) -> None:
    """A group may write to DROP: a file in Bob's folder DROP/alice is not hers, even if she owns the project."""
    base = machine.base / f"index-{time.monotonic_ns()}"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    name, data = wheel_of("guarded")
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    settings = {"linger": '"300ms"', "identity": '"folder"', "owners": '{ "guarded" = ["alice"] }'}
    with running(base, prefix=machine.as_account(EGGWATCH, *CAPABILITIES), **settings) as daemon:
        machine.run(
            BOB, "sh", "-c", f"umask 002; mkdir {daemon.drop}/alice && cp {machine.base / name} {daemon.drop}/alice"
        )
        (event,) = until("the refusal", lambda: daemon.events_of(name, "rejected"))
        assert ([flaw["code"] for flaw in event["flaws"]], event["uploader"]) == (["not-owner"], None)
        daemon.wait_empty()
