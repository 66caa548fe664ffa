"""Whatever an ordinary account puts into the drop folder, it delays neither the daemon nor other uploaders."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import ALICE, BOB, CAPABILITIES, EGGWATCH, PACKAGES, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running
from tests.uploaders.test_privileges import children_of

pytestmark = [pytest.mark.parts, pytest.mark.root]


@pytest.fixture(scope="module")
def daemon(machine: Machine) -> Iterator[IndexDaemon]:
    """A system user's daemon over the drop folder of the documentation, in which Bob has created files before."""
    base = machine.base / "hostile"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    names = [name_of_old(name) for name in ("README.txt", "demo-1.0-py3-none-any.whl.txt")]
    fifos = f"mkfifo {' '.join(names)}"
    machine.run(BOB, "sh", "-c", f"cd {base}/drop && {fifos} && mkdir receipts && cd receipts && {fifos}")
    with running(base, prefix=machine.as_account(EGGWATCH, *CAPABILITIES), linger='"300ms"') as daemon:
        yield daemon
        machine.run(BOB, "sh", "-c", f"cd {daemon.drop} && rm -r receipts {' '.join(names)}")


def name_of_old(name: str) -> str:
    """A name that can be guessed."""
    return f".eggwatch-new-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def bytes_read(daemon: IndexDaemon) -> int:
    """What the daemon and its processes have read so far."""
    pids = [daemon.pid, *children_of(daemon.pid)]
    counts = [Path(f"/proc/{pid}/io").read_text() for pid in pids]
    return sum(int(line.split()[1]) for text in counts for line in text.splitlines() if line.startswith("rchar:"))


def publish(daemon: IndexDaemon, machine: Machine, project: str) -> None:
    """Alice's upload; waits until it is published."""
    name, data = wheel_of(project, 20_000)
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    machine.run(ALICE, "cp", machine.base / name, daemon.drop)
    daemon.wait_published(name, time.time())


def test_fifos_under_the_names_of_our_unfinished_files_hold_up_nothing(daemon: IndexDaemon, machine: Machine) -> None:
    """The daemon starts, writes its README.txt, and publishes."""
    assert (daemon.drop / "README.txt").stat().st_uid == EGGWATCH
    publish(daemon, machine, "demo")
    until("an answer below STATE", lambda: list((daemon.state / "answers/receipts").glob("demo-*.txt")))


def test_a_forged_hidden_name_takes_over_nobodys_rejected_file(daemon: IndexDaemon, machine: Machine) -> None:
    """Bob copies Alice's rejected file to the name that a crash would leave; his copy is treated like any upload."""
    name = "forged-1.0-py3-none-any.whl"
    machine.run(ALICE, "sh", "-c", f"umask 022; echo no wheel > {daemon.drop}/{name}")
    (event,) = until("the refusal", lambda: daemon.events_of(name, "rejected"))
    kept = daemon.drop / "rejected" / name
    before = until("it is kept", lambda: kept.exists() and kept.stat())
    daemon.stop()
    forged = f".eggwatch-{event['serial']}-{event['sha256'][:8]}"
    machine.run(BOB, "sh", "-c", f"cd {daemon.drop} && cp rejected/{name} {forged}")
    daemon.start()
    daemon.wait_empty(*(path for path in daemon.lying() if ".eggwatch-new-" in path))
    after = kept.stat()
    assert (after.st_ino, after.st_uid, after.st_mtime_ns) == (before.st_ino, ALICE, before.st_mtime_ns)
    assert [one["uid"] for one in daemon.events_of(name, "rejected")] == [ALICE]


def test_a_folder_under_the_hidden_name_keeps_no_original(daemon: IndexDaemon, machine: Machine) -> None:
    """Bob makes folders under every name that Alice's upload could be hidden under."""
    name, data = wheel_of("kept", 20_000)
    digest, serial = hashlib.sha256(data).hexdigest(), len(daemon.events())
    folders = [f".eggwatch-{serial + more}-{digest[:8]}" for more in range(1, 4)]
    machine.run(BOB, "sh", "-c", f"cd {daemon.drop} && mkdir {' '.join(folders)} && touch {folders[0]}/mine")
    publish(daemon, machine, "kept")
    until("it has left", lambda: name not in daemon.lying())
    machine.run(BOB, "sh", "-c", f"cd {daemon.drop} && rm -r {' '.join(folders)}")


def test_files_that_cost_their_owner_nothing_hold_up_nobody(daemon: IndexDaemon, machine: Machine) -> None:
    """Four GiB of holes each: one begins like a wheel, and one with zeros."""
    names = [f"sparse{number}-1.0-py3-none-any.whl" for number in range(2)]
    line = f"printf 'PK\\003\\004' > {names[0]}; truncate -s 4G {' '.join(names)}"
    machine.run(BOB, "sh", "-c", f"cd {daemon.drop} && {line}")
    before = bytes_read(daemon)
    publish(daemon, machine, "beside")
    until("it waits for its head", lambda: "starts with zeros" in daemon.reason_for(names[1]))
    assert bytes_read(daemon) - before < 1 << 30
    machine.run(BOB, "sh", "-c", f"cd {daemon.drop} && rm -f {' '.join(names)}")
    until("they are forgotten", lambda: not daemon.status()["in_hand"] and not daemon.status()["queue"])


def test_whoever_may_keep_an_upload_open_is_named(daemon: IndexDaemon) -> None:
    """Alice uploads with umask 002, and another account keeps her file open: her receipt names who can do so."""
    name, data = wheel_of("open", 20_000)
    with (daemon.drop / f".{name}").open("wb") as kept:
        kept.write(data)
        kept.flush()
        os.chown(kept.name, ALICE, PACKAGES)
        os.chmod(kept.name, 0o664)
        os.rename(kept.name, daemon.drop / name)
        told = "by its owner, or a member of the group packages (mode 0664)"
        until("it is told", lambda: told in daemon.reason_for(name))
    daemon.wait_published(name, time.time())
