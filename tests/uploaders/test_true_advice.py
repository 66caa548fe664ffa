"""What uploaders and administrators are told to do helps: each remedy is carried out, by the account that reads it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import ALICE, EGGWATCH, PACKAGES, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = [pytest.mark.parts, pytest.mark.root]

KINDS: dict[str, Callable[[Path], None]] = {
    "644": lambda file: os.chown(file, ALICE, ALICE),
    "640": lambda file: os.chown(file, ALICE, PACKAGES),
}
"""By the right mode, what gives an upload its group."""


def remedies(text: str) -> list[str]:
    """The commands that a receipt names."""
    return [line.partition(": ")[2] for line in text.splitlines() if "can't be read" in line]


def lay(machine: Machine, daemon: IndexDaemon, upload: tuple[str, bytes], kind: str, mode: int = 0o600) -> None:
    """An upload of Alice's, which no other account may read by that mode."""
    name, data = upload
    source = machine.base / name
    source.write_bytes(data)
    source.chmod(mode)
    KINDS[kind](source)
    os.rename(source, daemon.drop / name)


def test_the_command_that_is_advised_is_one_that_helps(machine: Machine) -> None:
    """640 does not help where the daemon is not in the file's group, nor g+rwx a folder; all is published then."""
    base = machine.base / "closed"
    make_folders(base, owner=EGGWATCH, drop_owner=EGGWATCH)
    settings = {"linger": '"100ms"', "quiet": '"200ms"', "scan": '"500ms"'}
    with running(base, prefix=machine.as_account(EGGWATCH), **settings) as daemon:
        names = {mode: wheel_of(f"mode{mode}", 10_000)[0] for mode in KINDS}
        for mode, name in names.items():
            lay(machine, daemon, (name, wheel_of(f"mode{mode}", 10_000)[1]), mode)
        name, data = wheel_of("closed", 10_000)
        folder = base / "private"
        folder.mkdir(mode=0o700)
        (folder / name).write_bytes(data)
        for path in (folder, folder / name):
            os.chown(path, ALICE, ALICE)
        os.rename(folder, daemon.drop / folder.name)
        wanted = {name: f"chmod {mode} {name}" for mode, name in names.items()}
        wanted["private"] = "setfacl -m u:eggwatch:rwx private"
        for told, command in wanted.items():
            assert remedies(until("its receipt", lambda told=told: daemon.receipt(told))) == [command]
            machine.run(ALICE, "sh", "-c", f"cd {daemon.drop} && {command}")
        for published in (*names.values(), name):
            daemon.wait_published(published, time.time())
        daemon.wait_empty()


def test_an_index_that_is_not_the_daemons_is_no_fault_of_an_upload(machine: Machine) -> None:
    """The uploader is told to wait, the administrator what to do. Then it is published without a restart."""
    base = machine.base / "foreign"
    make_folders(base, owner=EGGWATCH, drop_owner=EGGWATCH)
    with running(base, prefix=machine.as_account(EGGWATCH), linger='"100ms"', quiet='"200ms"') as daemon:
        for mode in (0o700, 0o755):
            os.chown(daemon.public / ".eggwatch", 0, 0)
            (daemon.public / ".eggwatch").chmod(mode)
            name, data = wheel_of(f"foreign{mode:o}", 10_000)
            lay(machine, daemon, (name, data), "640", mode=0o644)
            text = until("its receipt", lambda name=name: daemon.receipt(name))
            assert text.startswith(f"{name}: WAITING") and "chmod" not in text and "administrator" in text
            fault = until("why", lambda: daemon.status()["faults"].get("public"))
            command = f"chown -R eggwatch: {daemon.public}"
            assert command in fault and "Permission denied" in fault
            subprocess.run([*machine.enter, *shlex.split(command)], check=True)
            daemon.wait_published(name, time.time())
            until("no fault", lambda: "public" not in daemon.status()["faults"])


NAMESPACE = """
cd "$1"; shift
for part in . drop public state; do mount --bind $part $part; done
mount -o remount,ro,bind .
mount --bind drop drop; mount --bind public public; mount --bind state state
exec "$@"
"""


def test_a_drop_folder_that_was_replaced_under_a_service_is_told_as_that(tmp_path: Path) -> None:
    """For the unit the new one is read-only: log, status and doctor say to restart it, and that helps."""
    drop = tmp_path / "drop"
    for name in ("drop", "public", "state"):
        (tmp_path / name).mkdir()
    prefix = ["env", "INVOCATION_ID=1", "unshare", "-m", "--propagation", "private"]
    prefix += ["sh", "-ec", NAMESPACE, "sh", str(tmp_path)]
    daemon = IndexDaemon(tmp_path, prefix=prefix, linger='"100ms"', scan='"500ms"').start()
    try:
        drop.rename(tmp_path / "old")
        drop.mkdir()
        fault = until("why", lambda: daemon.status()["faults"].get("unit"))
        assert "was replaced or mounted over since this service began" in fault and "systemctl restart" in fault
        findings = doctor(daemon)
        assert [one["where"] for one in findings if "replaced" in one["problem"]] == [str(drop)], findings
        daemon.stop()
        daemon.start()
        assert "unit" not in daemon.status()["faults"]
        assert not [one for one in doctor(daemon) if "replaced" in one["problem"]]
        name, data = wheel_of("replaced", 10_000)
        (drop / name).write_bytes(data)
        daemon.wait_published(name, time.time())
        daemon.wait_empty()
    finally:
        daemon.kill()


def doctor(daemon: IndexDaemon) -> list[dict[str, str]]:
    """What it finds."""
    command = [sys.executable, "-m", "eggwatch", "--config", str(daemon.base / "eggwatch.toml"), "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    findings: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return findings
