"""There are no events of the drop folder, or too late: uploads are found nevertheless, and `status` says why."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running
from tests.uploaders.servers import Sshd, need

pytestmark = [pytest.mark.parts, pytest.mark.root]

UPLOADS = 100
NEVER = '"1h"'
"""No scan by the clock within a test: whatever is found was told of."""


def drop(daemon: IndexDaemon, name: str, data: bytes, folder: str = ".") -> None:
    """An upload that comes whole."""
    part = daemon.drop / folder / f".{name}.part"
    part.write_bytes(data)
    part.rename(daemon.drop / folder / name)


def test_uploads_of_which_the_kernel_forgot_to_tell(tmp_path: Path) -> None:
    """A stopped daemon with a full queue of events: when it continues, it scans everything at once."""
    longest = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with running(tmp_path, scan=NEVER, linger='"100ms"') as daemon:
        os.kill(daemon.pid, signal.SIGSTOP)
        for number in range(longest):
            # Two events of one file in a row, that are alike, would be one.
            (daemon.drop / f".noise{number % 2}.part").write_bytes(b"")
        uploads = [wheel_of(f"late-{number}") for number in range(UPLOADS)]
        (daemon.drop / "team").mkdir()
        for number, upload in enumerate(uploads):
            drop(daemon, *upload, folder="team" if number % 2 else ".")
        os.kill(daemon.pid, signal.SIGCONT)
        since = time.time()
        for name, _ in uploads:
            daemon.wait_published(name, since)
        name, data = wheel_of("afterwards")
        drop(daemon, name, data, folder="team")
        daemon.wait_published(name, time.time())  # the folder that came meanwhile is watched
        assert len(daemon.events()) == UPLOADS + 1
        for number in range(2):
            (daemon.drop / f".noise{number}.part").unlink()
        daemon.wait_empty()


LIMITED = ["unshare", "--user", "--map-root-user", "sh", "-c"]


def limit(name: str, value: int) -> list[str]:
    """A prefix for a daemon in a user namespace with so many inotify watches or instances."""
    return [*LIMITED, f'echo {value} >/proc/sys/user/max_inotify_{name}; exec "$@"', "sh"]


def set_limit(daemon: IndexDaemon, name: str, value: int) -> None:
    """Raise the limit, as an administrator does."""
    script = f"echo {value} >/proc/sys/user/max_inotify_{name}"
    subprocess.run(["nsenter", f"--user=/proc/{daemon.pid}/ns/user", "sh", "-c", script], check=True)


def findings(daemon: IndexDaemon) -> list[str]:
    """What `doctor` finds of the drop folder, by its checks; where a test keeps its folders is not its business."""
    command = [sys.executable, "-m", "eggwatch", "--config", str(daemon.base / "eggwatch.toml"), "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = [one["check"] for one in json.loads(done.stdout)["findings"]]
    return [check for check in found if check != "web"]


@pytest.mark.parametrize(
    ("name", "folder"), [("instances", "."), ("watches", "."), ("watches", "team")], ids=["instance", "watch", "some"]
)
def test_a_limit_of_inotify_is_reached(tmp_path: Path, name: str, folder: str) -> None:
    """`status` says so, scans find the uploads within seconds, and events come again when the limit is raised."""
    room = 2 if folder == "team" else 0
    (tmp_path / "drop" / "team").mkdir(parents=True)
    with running(tmp_path, prefix=limit(name, room), scan=NEVER, linger='"100ms"') as daemon:
        fault = until("the fault", lambda: daemon.status().get("faults", {}).get("events"))
        assert re.search(r"limit reached|can't be watched", fault)
        assert daemon.status()["watcher"] == {"mode": "polling", "reason": fault}
        assert name == "watches" or findings(daemon) == ["inotify"]
        upload = wheel_of("blind")
        drop(daemon, *upload, folder=folder)
        daemon.wait_published(upload[0], time.time())
        set_limit(daemon, name, 1000)
        until("no fault", lambda: "events" not in daemon.status()["faults"])
        assert daemon.status()["watcher"]["mode"] == "events"
        time.sleep(
            3.0
        )  # the last of the frequent scans, which nothing announces, must not be what finds the next upload
        upload = wheel_of("seen")
        drop(daemon, *upload, folder=folder)
        daemon.wait_published(upload[0], time.time())  # no scan is due for an hour
        daemon.wait_empty()
        # Each reason once and not at every scan. Two where the kernel still counts the watches of a first try:
        # then no folder could be watched at first, and one of them lastingly.
        told = re.findall(r"sight    (.*): uploads are found by scanning", daemon.log)
        assert 1 <= len(told) == len(set(told)) <= (2 if folder == "team" else 1), daemon.log


@contextlib.contextmanager
def mounted(folder: Path, *command: str | Path) -> Iterator[None]:
    """Mount something at a folder for the length of a block."""
    folder.mkdir(parents=True)
    subprocess.run([*command, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_drop_folder_is_mounted_over_and_unmounted(tmp_path: Path) -> None:
    """Itself or a folder in it: uploads into what lies there now are found, at once, and nothing is lost."""
    with running(tmp_path, scan=NEVER, linger='"100ms"') as daemon:
        for number, place in enumerate([".", "team"]):
            folder = daemon.drop / place
            folder.mkdir(exist_ok=True)
            kept = daemon.drop / f"kept-{number}.whl"
            kept.write_bytes(b"")
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
            try:
                upload = wheel_of(f"over-{number}")
                drop(daemon, *upload, folder=place)
                daemon.wait_published(upload[0], time.time())
                assert daemon.status()["watcher"]["mode"] == "events"
            finally:
                subprocess.run(["umount", "-l", folder], check=True)
            upload = wheel_of(f"under-{number}")
            drop(daemon, *upload)
            daemon.wait_published(upload[0], time.time())
            assert kept.exists()
            kept.unlink()


def test_a_drop_folder_that_is_gone_is_told_and_nothing_is_withdrawn(tmp_path: Path) -> None:
    """`status` says so within a second or two, and does not say that the kernel tells of uploads; until it is back."""
    with running(tmp_path, scan=NEVER, linger='"100ms"') as daemon:
        name, data = wheel_of("demo")
        drop(daemon, name, data)
        daemon.wait_published(name, time.time())
        daemon.wait_empty()
        (daemon.drop / "part-1.0-py3-none-any.whl").write_bytes(data[: len(data) // 2])
        until("unfinished", lambda: daemon.status()["unfinished"])
        (daemon.drop / "part-1.0-py3-none-any.whl").unlink()
        until("forgotten", lambda: not daemon.status()["waiting"])
        daemon.drop.rename(tmp_path / "elsewhere")
        until("the fault", lambda: "drop" in daemon.status()["faults"])
        assert daemon.status()["watcher"]["mode"] == "polling"
        (tmp_path / "elsewhere").rename(daemon.drop)
        until("no fault", lambda: daemon.status()["faults"] == {})
        assert daemon.status()["watcher"]["mode"] == "events"
        upload = wheel_of("afterwards")
        drop(daemon, *upload)
        daemon.wait_published(upload[0], time.time())
        daemon.assert_published_once(name, data)


def test_a_drop_folder_in_memory(tmp_path: Path) -> None:
    """DROP on a tmpfs, PUBLIC and STATE on a disk: published on events, without a quiet period."""
    with (
        mounted(tmp_path / "drop", "mount", "-t", "tmpfs", "tmpfs"),
        running(tmp_path, scan=NEVER, linger='"100ms"') as daemon,
    ):
        name, data = wheel_of("demo")
        drop(daemon, name, data)
        daemon.wait_published(name, time.time())
        daemon.assert_published_once(name, data)
        daemon.wait_empty()
        assert daemon.status()["faults"] == {}


def test_a_drop_folder_on_sshfs(tmp_path: Path, sshd: Sshd) -> None:
    """Leases prove nothing there and no event comes: a quiet period, frequent scans, and `status` says both."""
    need("sshfs")
    there, here = tmp_path / "there", tmp_path / "drop"
    there.mkdir()
    # Without a cache: by default sshfs shows for 20 s what a folder held before.
    options = f"dir_cache=no,attr_timeout=0,entry_timeout=0,ssh_command=ssh -F {sshd.config} -l root"
    name, data = wheel_of("demo")
    with (
        mounted(here, "sshfs", "-o", options, f"h:{there}"),
        running(tmp_path, scan=NEVER, quiet='"3s"', linger='"100ms"') as daemon,
    ):
        assert "other machines" in until("the fault", lambda: daemon.status()["faults"].get("events"))
        with (there / name).open("wb", buffering=0) as file:
            for start in range(0, len(data), 100_000):
                file.write(data[start : start + 100_000])
                time.sleep(1.0)  # the subject: pauses shorter than the quiet period, longer than those of the scans
                daemon.assert_not_published(name)
        daemon.wait_published(name, time.time())
        daemon.assert_published_once(name, data)
        assert "do not work here" in until("the fault", lambda: daemon.status()["faults"].get("leases"))
        assert findings(daemon) == ["drop-file-system"]
        daemon.wait_empty()


def test_a_read_only_drop_folder(tmp_path: Path) -> None:
    """Uploads there are published or rejected; originals are left, answers are in STATE, and `status` says so."""
    other, here = tmp_path / "other", tmp_path / "drop"
    other.mkdir()
    name, data = wheel_of("demo")
    broken = ("broken-1.0.tar.gz", b"no archive" * 50)
    with mounted(here, "mount", "--bind", other):
        subprocess.run(["mount", "-o", "remount,ro,bind", here], check=True)
        with running(tmp_path, scan=NEVER, linger='"100ms"') as daemon:
            for upload in ((name, data), broken):
                (other / f".{upload[0]}").write_bytes(upload[1])
                (other / f".{upload[0]}").rename(other / upload[0])
            daemon.wait_published(name, time.time())
            until("refused", lambda: daemon.events_of(broken[0], "rejected"))
            assert "read-only for the daemon" in until("told", lambda: daemon.reason_for(name))
            until("told where", lambda: "STATE/answers/rejected" in (daemon.reason_for(broken[0]) or ""))
            assert "answers are written to" in until("the fault", lambda: daemon.status()["faults"].get("answers"))
            (receipt,) = until("the receipt", lambda: list((daemon.state / "answers").rglob(f"{name}.txt")))
            text = until("why it stays", lambda: "not removed" in (text := receipt.read_text()) and text)
            assert "read-only for the daemon" in text and "Delete it" not in text
            until("the reason", lambda: list((daemon.state / "answers").rglob(f"{broken[0]}.reason.txt")))
            subprocess.run(["mount", "-o", "remount,rw,bind", here], check=True)
            until("the original to leave", lambda: not (here / name).exists())
            assert (here / broken[0]).read_bytes() == broken[1], "it lies beside its reason, or where it was"
            until("no fault", lambda: daemon.status()["faults"] == {})
            assert len(daemon.events()) == 2
            assert daemon.log.count("read-only for the daemon") == 1, "told once, not at each try"
            assert daemon.log.count("Read-only file system") <= 3, daemon.log
