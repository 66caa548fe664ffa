"""The drill of docs/stock.rst between two accounts: kept by one beside its daemon, restored as another elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.laws.at_work import pages_of, unpacked
from tests.running import until
from tests.uploaders.accounts import ALICE, CAPABILITIES, CAROL, EGGWATCH, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = [pytest.mark.parts, pytest.mark.root]


def upload(machine: Machine, daemon: IndexDaemon, project: str) -> str:
    """A wheel of Alice's, published; answers with its name."""
    name, data = wheel_of(project, 50_000)
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    machine.run(ALICE, "sh", "-c", f"umask 077; cat {machine.base / name} > {daemon.drop / name}")
    daemon.wait_published(name, time.time())
    daemon.wait_empty()
    return name


def receipts_told(state: Path) -> int:
    """The serial up to which receipts are known to be written; a backup can't know more."""
    try:
        told: int = json.loads((state / "news/daemon.json").read_bytes())["subscriptions"]["receipts"]["cursor"]
    except (FileNotFoundError, KeyError):
        return 0
    return told


def project_pages(public: Path) -> dict[str, bytes]:
    """Every page but the landing page, which names the drop folder."""
    return {path: data for path, data in unpacked(pages_of(public)).items() if path.startswith("simple/")}


@pytest.mark.long
def test_a_backup_by_one_account_is_restored_as_another(machine: Machine) -> None:
    """Another uid and other paths: the same pages, no news twice, `verify` finds nothing, and uploads continue."""
    old, new, kept = (machine.base / name for name in ("old", "new", "kept"))
    for base, owner in ((old, EGGWATCH), (new, CAROL)):
        make_folders(base, owner=owner, drop_owner=owner)
    kept.mkdir()
    os.chown(kept, EGGWATCH, EGGWATCH)
    with running(old, prefix=machine.as_account(EGGWATCH, *CAPABILITIES), linger='"0s"') as daemon:
        names = [upload(machine, daemon, f"moved-{number}") for number in range(3)]
        until(
            "the root page", lambda: json.loads((daemon.public / "simple/index.v1_json").read_bytes())["projects"][2:]
        )
        until("it is written what was announced", lambda: receipts_told(daemon.state) == 3)
        done = machine.eggwatch(EGGWATCH, "--config", old / "eggwatch.toml", "backup", kept)
        assert (done.returncode, done.stderr) == (0, "")
        before, uploaders = project_pages(daemon.public), [event["uploader"] for event in daemon.events()]
    for name in ("public", "state"):
        subprocess.run(["cp", "-a", f"{kept / name}/.", new / name], check=True)
        subprocess.run(["chown", "-R", f"{CAROL}:{CAROL}", new / name], check=True)
    os.chown(old, 0, 0)
    old.chmod(0o700)
    with running(new, prefix=machine.as_account(CAROL, *CAPABILITIES), linger='"0s"') as daemon:
        assert project_pages(daemon.public) == before
        assert [event["uploader"] for event in daemon.events()] == uploaders == ["alice"] * 3
        assert not [daemon.receipt(name) for name in names if daemon.receipt(name)]
        upload(machine, daemon, "after")
        done = machine.eggwatch(CAROL, "--config", new / "eggwatch.toml", "verify")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert all(path.stat().st_uid == CAROL for path in new.rglob("*") if path.is_relative_to(new / "public"))
