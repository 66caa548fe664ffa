"""The drop folder's disk is full or read-only: answers are below STATE, rejected files in place, work continues."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = [pytest.mark.parts, pytest.mark.root]

BROKEN = ("broken-1.0.tar.gz", b"no archive" * 50)
LATER = ("later-1.0.tar.gz", b"no archive" * 50)
MIB = 1 << 20


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A MiB in memory, mounted at the drop folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MIB}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> None:
    """Fill the disk with a file, to the last byte."""
    with (folder / ".filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def bring(daemon: IndexDaemon, name: str) -> None:
    """An upload that lies there under a temporary name becomes whole."""
    (daemon.drop / f".{name}").rename(daemon.drop / name)


def assert_mended(daemon: IndexDaemon) -> None:
    """Files rejected meanwhile are in place, their reasons below STATE; those rejected now are in rejected/."""
    before = daemon.log.count("answers are written there again")
    until("a try", lambda: daemon.log.count("answers are written there again") >= max(before, 2))
    until("no fault", lambda: daemon.status()["faults"] == {})
    assert daemon.call("status").returncode == 0
    assert (daemon.drop / BROKEN[0]).read_bytes() == BROKEN[1]
    away = daemon.state / "answers"
    assert json.loads((away / "rejected" / f"{BROKEN[0]}.reason.json").read_bytes())["serial"]
    assert "REJECTED" in (away / "receipts" / f"{BROKEN[0]}.txt").read_text()
    (daemon.drop / BROKEN[0]).unlink()
    (daemon.drop / LATER[0]).write_bytes(LATER[1])
    until(lambda: f"the original\n{daemon.log}", lambda: (daemon.drop / "rejected" / LATER[0]).exists())
    assert (daemon.drop / "rejected" / f"{LATER[0]}.reason.txt").exists()
    until("its receipt", lambda: "REJECTED" in daemon.receipt(LATER[0]))


@pytest.mark.parametrize("restarted", [False, pytest.param(True, marks=pytest.mark.long)], ids=["running", "restarted"])
def test_a_full_drop_folder(tmp_path: Path, restarted: bool) -> None:
    """One refused upload there stops neither a good one nor an order, nor the start of a daemon."""
    with small_disk(tmp_path / "drop"), running(tmp_path, linger='"100ms"') as daemon:
        good = wheel_of("good")
        for name, data in (BROKEN, good):
            (daemon.drop / f".{name}").write_bytes(data)
        fill(daemon.drop)
        bring(daemon, BROKEN[0])
        until("refused", lambda: daemon.events_of(BROKEN[0], "rejected"))
        fault = until("the fault", lambda: daemon.status()["faults"].get("answers"))
        assert "No space left" in fault and "answers" in fault
        told = daemon.call("status")
        assert told.returncode == 1 and "No space left" in told.stdout
        faults = daemon.status()["faults"]
        assert json.loads((daemon.public / "status.json").read_bytes())["faults_count"] == len(faults) == 1
        assert daemon.call("wait", BROKEN[0], "--timeout", "0").returncode == 1
        if restarted:
            daemon.stop()
            daemon.start()
        until("the file stays", lambda: (daemon.drop / BROKEN[0]).exists() or daemon.receipt(BROKEN[0]))
        bring(daemon, good[0])
        daemon.wait_published(good[0], time.time())
        assert daemon.call("yank", "good==1.0").returncode == 0
        assert "retrying" not in daemon.log, "the index was never down"
        (daemon.drop / ".filler").unlink()
        assert_mended(daemon)


def test_a_drop_folder_that_turns_read_only(tmp_path: Path) -> None:
    """Receipts are below STATE, `status` says why, rejected files are left; all continues when it is writable again."""
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "drop").mkdir()
    subprocess.run(["mount", "--bind", other, tmp_path / "drop"], check=True)
    try:
        with running(tmp_path, linger='"100ms"') as daemon:
            subprocess.run(["mount", "-o", "remount,ro,bind", daemon.drop], check=True)
            name, data = wheel_of("good")
            for upload in ((name, data), BROKEN):
                (other / f".{upload[0]}").write_bytes(upload[1])
                os.rename(other / f".{upload[0]}", other / upload[0])
            daemon.wait_published(name, time.time())
            receipt = daemon.state / "answers/receipts" / f"{name}.txt"
            until("the receipt", receipt.exists)
            until("the other", lambda: (daemon.state / "answers/receipts" / f"{BROKEN[0]}.txt").exists())
            assert "Read-only" in until("the fault", lambda: daemon.status()["faults"].get("answers"))
            time.sleep(1.0)  # the subject: how often it is told in a while
            assert len(daemon.log.splitlines()) < 60, "not again and again"
            subprocess.run(["mount", "-o", "remount,rw,bind", daemon.drop], check=True)
            assert_mended(daemon)
            daemon.wait_empty()
            assert receipt.read_text().startswith(f"{name}: PUBLISHED\n")
            assert (daemon.public / "files/good" / name).read_bytes() == data
    finally:
        subprocess.run(["umount", "-l", tmp_path / "drop"], check=True)
