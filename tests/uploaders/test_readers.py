"""Whoever may read asks the index by the same commands, daemon up or down; whoever may not is told who may."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import ALICE, CAPABILITIES, CAROL, EGGWATCH, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = [pytest.mark.parts, pytest.mark.root]

NAME, DATA = wheel_of("demo", 20_000)
WRONG = "wrong-1.0-py3-none-any.whl"
AS_OWNER = "sudo -u eggwatch eggwatch …"


@pytest.fixture(scope="module")
def files(machine: Machine) -> Path:
    """A wheel that everybody may read."""
    (machine.base / NAME).write_bytes(DATA)
    (machine.base / NAME).chmod(0o644)
    return machine.base / NAME


def fill(machine: Machine, files: Path, daemon: IndexDaemon) -> None:
    """Alice publishes a wheel, and is refused another."""
    for name in (NAME, WRONG):
        machine.run(ALICE, "cp", files, daemon.drop / name)
    daemon.wait_published(NAME, time.time())
    daemon.wait_empty()
    until("the front pages", lambda: b'"demo"' in (daemon.public / "simple" / "index.v1_json").read_bytes())
    until("the status", lambda: json.loads((daemon.public / "status.json").read_bytes())["files"] == 1)


UP_OR_DOWN = ["daemon up", pytest.param("daemon down", marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=UP_OR_DOWN)
def index(request: pytest.FixtureRequest, machine: Machine, files: Path) -> Iterator[IndexDaemon]:
    """A system user's index that no test changes, with its daemon at work or not."""
    with filled(machine, files, is_up=request.param == "daemon up") as daemon:
        yield daemon


@pytest.fixture(params=UP_OR_DOWN)
def fresh(request: pytest.FixtureRequest, machine: Machine, files: Path) -> Iterator[IndexDaemon]:
    """One like it, for one test."""
    with filled(machine, files, is_up=request.param == "daemon up") as daemon:
        yield daemon


@contextmanager
def filled(machine: Machine, files: Path, *, is_up: bool) -> Iterator[IndexDaemon]:
    base = machine.base / f"index-{time.monotonic_ns()}"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    with running(base, prefix=machine.as_account(EGGWATCH, *CAPABILITIES), linger='"100ms"') as daemon:
        fill(machine, files, daemon)
        if not is_up:
            daemon.stop()
        yield daemon


def ask(machine: Machine, index: IndexDaemon, uid: int, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """A command on the index, as an account."""
    done = machine.eggwatch(uid, "--config", index.base / "eggwatch.toml", *command)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def row(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The one JSON object that a command has printed."""
    return json.loads(done.stdout)


@pytest.mark.parametrize("uid", [ALICE, CAROL], ids=["alice", "carol"])
def test_readers_need_no_lock_and_no_rights_but_to_read(machine: Machine, index: IndexDaemon, uid: int) -> None:
    """Also Carol, who may not enter the drop folder."""
    assert ask(machine, index, uid, "list").stdout.startswith("demo  1.0  20")
    assert "by alice" in ask(machine, index, uid, "show", "demo").stdout
    events = [json.loads(line) for line in ask(machine, index, uid, "history", "--json").stdout.splitlines()]
    assert [(event["event"], event["uploader"]) for event in events] == [("admitted", "alice"), ("rejected", "alice")]
    assert ask(machine, index, uid, "wait", "demo==1.0", "--timeout", "0").returncode == 0
    refused = ask(machine, index, uid, "wait", WRONG, "--timeout", "0")
    assert (refused.returncode, "same-bytes" in refused.stdout) == (1, True)
    status = ask(machine, index, uid, "status", "--json")
    assert (status.returncode, row(status)["running"], row(status)["files"]) == (0, index.is_running(), 1)
    assert ask(machine, index, uid, "verify").returncode == 0


@pytest.mark.parametrize("uid", [ALICE, CAROL], ids=["alice", "carol"])
def test_where_state_is_closed_pages_and_receipts_answer(machine: Machine, index: IndexDaemon, uid: int) -> None:
    """list, show, wait, status from PUBLIC and the reasons in the drop; history says whom to be."""
    index.state.chmod(0o700)
    try:
        assert ask(machine, index, uid, "list").stdout.startswith("demo  1.0  20")
        assert "by alice" in ask(machine, index, uid, "show", "demo==1.0").stdout
        assert ask(machine, index, uid, "wait", "demo==1.0", "--timeout", "0").returncode == 0
        assert ask(machine, index, uid, "wait", WRONG, "--timeout", "0").returncode == (1 if uid == ALICE else 4)
        status = ask(machine, index, uid, "status", "--json")
        told = None if index.is_running() else False  # PUBLIC/status.json tells of an end in order
        assert (status.returncode, row(status)["running"], row(status)["files"]) == (0, told, 1)
        assert (row(status)["unseen"] is not None) is (uid == CAROL)
        words = "this account can't see" if told is None else "no daemon is running"
        assert words in ask(machine, index, uid, "status").stdout
        for command in (["history"], ["verify"], ["render", str(machine.base / "nowhere")]):
            done = ask(machine, index, uid, *command)
            assert (done.returncode, AS_OWNER in done.stderr) == (2, True), done
    finally:
        index.state.chmod(0o755)


def test_a_narrowed_mode_is_for_the_members_of_its_group(machine: Machine, files: Path) -> None:
    """mode 0640 and a group: Alice is a member and sees everything; the error for Carol names who may."""
    base = machine.base / "narrow"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    for name in ("public", "state"):
        (base / name).rmdir()
    os.chown(base, EGGWATCH, EGGWATCH)
    prefix = machine.as_account(EGGWATCH, *CAPABILITIES)
    with running(base, prefix=prefix, linger='"100ms"', mode='"0640"', group='"packages"') as daemon:
        fill(machine, files, daemon)
        for stop in (False, True):
            if stop:
                daemon.stop()
            for command in (["list"], ["show", "demo"], ["history"], ["status"], ["wait", "demo", "--timeout", "0"]):
                assert ask(machine, daemon, ALICE, *command).returncode == 0, command
                done = ask(machine, daemon, CAROL, *command)
                assert done.returncode == 2 or command == ["status"], done
                assert command == ["status"] or AS_OWNER in done.stderr, done


@pytest.mark.parametrize(
    "command", [["yank", "demo"], ["unyank", "demo"], ["remove", "demo"], ["run", "--once"], ["rebuild"], ["run"]]
)
def test_who_may_not_change_the_index_is_told_who_may(machine: Machine, index: IndexDaemon, command: list[str]) -> None:
    """Exit status 2, the owner of STATE by name, and nothing has changed."""
    before = index.events()
    done = ask(machine, index, ALICE, *command)
    assert (done.returncode, AS_OWNER in done.stderr) == (2, True), done
    assert index.events() == before


def test_publish_is_for_whoever_may_write_to_the_drop(machine: Machine, fresh: IndexDaemon) -> None:
    """The daemon publishes Alice's file; without one the command says so; Carol can't copy it there."""
    name, data = wheel_of(f"more-{int(fresh.is_running())}", 20_000)
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    done = ask(machine, fresh, ALICE, "publish", machine.base / name, "--timeout", "20s")
    if fresh.is_running():
        assert (done.returncode, done.stderr) == (0, "")
        assert [event["uploader"] for event in fresh.events_of(name)] == ["alice"]
    else:
        assert (done.returncode, AS_OWNER in done.stderr) == (1, True)
    done = ask(machine, fresh, CAROL, "publish", machine.base / name)
    assert (done.returncode, "can't be copied" in done.stderr) == (2, True)


def test_root_orders_a_daemon_and_leaves_nothing_of_its_own_where_none_is(machine: Machine, fresh: IndexDaemon) -> None:
    """What root made, the daemon's account could not change any more."""
    command = [*machine.enter, sys.executable, "-m", "eggwatch", "--config", str(fresh.base / "eggwatch.toml")]
    done = subprocess.run([*command, "yank", "demo"], capture_output=True, text=True, check=False, timeout=60)
    if fresh.is_running():
        assert (done.returncode, done.stdout) == (0, f"yank {NAME}\n")
    else:
        assert (done.returncode, AS_OWNER in done.stderr) == (2, True)
    owners = {path.stat().st_uid for folder in (fresh.state, fresh.public) for path in folder.rglob("*")}
    assert owners == {EGGWATCH}
