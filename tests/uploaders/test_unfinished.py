"""Slow, frozen and killed writers: never published before they end, and nothing of theirs is lost."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import MEGABYTE, wheel_of
from tests.uploaders.running import IndexDaemon, moment, run_shell, run_tool
from tests.uploaders.servers import Sshd

IMPATIENT = {"quiet": '"100ms"', "unfinished_after": '"500ms"', "scan": '"200ms"'}
"""Everything that could make a daemon too quick, all at once."""
MISSING = "the end of the file is missing"
OPEN = "still open for writing"

_numbers = itertools.count()

WRITER = """
import os, sys, time  # an uploader that pauses between two pieces
source, target, pieces, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
data = open(source, "rb").read()
with open(target, "wb", buffering=0) as file:
    for number in range(pieces):
        file.write(data[len(data) * number // pieces:len(data) * (number + 1) // pieces])
        time.sleep(pause)
    print(time.time())
"""


@pytest.fixture
def source(tmp_path: Path) -> tuple[Path, bytes]:
    """A wheel of three megabytes that lies outside the drop folder; each test has one of another name."""
    name, data = wheel_of(f"unfinished-{next(_numbers)}", 3 * MEGABYTE)
    path = tmp_path / name
    path.write_bytes(data)
    return path, data


@contextlib.contextmanager
def started(*command: str | Path) -> Iterator[subprocess.Popen[str]]:
    """An uploader at work, with a process group of its own."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for_size(path: Path, size: int) -> None:
    """Wait until so much of an upload has arrived."""
    until(f"{size} bytes of {path}", lambda: path.exists() and path.stat().st_size >= size)


@pytest.mark.parametrize("settings", [{}, IMPATIENT], ids=["patient", "impatient"])
def test_a_slow_writer_is_published_when_it_closes_and_not_before(
    shared_daemon: Callable[..., IndexDaemon], source: tuple[Path, bytes], settings: dict[str, str]
) -> None:
    """Ten pieces with a pause after each; every pause is longer than the quiet period of the impatient daemon."""
    path, data = source
    daemon = shared_daemon(**settings)
    program = (sys.executable, "-c", WRITER, path, daemon.drop / path.name, "10", "0.2")
    with started(*program) as writer:
        said, problems = writer.communicate(timeout=30)
    assert (writer.returncode, problems) == (0, "")
    daemon.wait_published(path.name, time.time())
    (event,) = daemon.events_of(path.name)
    assert moment(event) - float(said) >= 0
    daemon.assert_published_once(path.name, data)
    assert not daemon.events_of(path.name, "rejected")
    daemon.wait_empty()


def test_a_frozen_writer_is_neither_published_nor_refused_before_it_ends_however_long(
    shared_daemon: Callable[..., IndexDaemon], source: tuple[Path, bytes]
) -> None:
    """Stopped in the middle for forty quiet periods, and eight times as long as an unfinished upload may take."""
    path, data = source
    daemon = shared_daemon(**IMPATIENT)
    program = (sys.executable, "-c", WRITER, path, daemon.drop / path.name, "20", "0.02")
    with started(*program) as writer:
        wait_for_size(daemon.drop / path.name, MEGABYTE)
        os.kill(writer.pid, signal.SIGSTOP)
        stopped = time.time()
        until("time goes by", lambda: time.time() > stopped + 4.0)
        daemon.go_round()
        assert daemon.kinds_of(path.name) == []
        assert OPEN in daemon.reason_for(path.name)
        os.kill(writer.pid, signal.SIGCONT)
        _, problems = writer.communicate(timeout=30)
    assert (writer.returncode, problems) == (0, "")
    daemon.wait_published(path.name, time.time())
    daemon.assert_published_once(path.name, data)
    daemon.wait_empty()


@pytest.mark.parts
@pytest.mark.root
@pytest.mark.parametrize("tool", ["scp", "scp -O", "rsync --inplace"])
def test_a_frozen_upload_over_ssh_is_neither_published_nor_refused_before_it_ends(
    shared_daemon: Callable[..., IndexDaemon], sshd: Sshd, source: tuple[Path, bytes], tool: str
) -> None:
    """The client is stopped; its server keeps the file open. When it continues, it exits 0 and prints nothing."""
    path, data = source
    daemon = shared_daemon(**IMPATIENT)
    with started(*slow_upload(sshd, tool, path, daemon)) as client:
        wait_for_size(daemon.drop / path.name, MEGABYTE // 2)
        os.killpg(client.pid, signal.SIGSTOP)
        stopped = time.time()
        until("time goes by", lambda: time.time() > stopped + 3.0)
        daemon.go_round()
        assert daemon.kinds_of(path.name) == []
        assert OPEN in daemon.reason_for(path.name)
        os.killpg(client.pid, signal.SIGCONT)
        said = client.communicate(timeout=60)
    assert (client.returncode, *said) == (0, "", "")
    daemon.wait_published(path.name, time.time())
    daemon.assert_published_once(path.name, data)
    daemon.wait_empty()


def slow_upload(sshd: Sshd, tool: str, path: Path, daemon: IndexDaemon) -> list[str]:
    """The command of an upload that takes two seconds or so."""
    target = f"h:{daemon.drop}/"
    if tool == "rsync --inplace":
        return ["rsync", "--inplace", "--bwlimit=1500", "-e", sshd.ssh, str(path), target]
    options = ["-O"] if tool == "scp -O" else []
    return sshd.scp_command(*options, "-l", "12000", path, target)


def cut_short(daemon: IndexDaemon, sshd: Sshd, tool: str, path: Path) -> int:
    """Kill an upload in the middle; answers with how much of it lies there, found unfinished."""
    with started(*slow_upload(sshd, tool, path, daemon)) as client:
        wait_for_size(daemon.drop / path.name, MEGABYTE // 2)
        os.killpg(client.pid, signal.SIGKILL)
        client.communicate(timeout=30)
    until("it is known as unfinished", lambda: MISSING in daemon.reason_for(path.name))
    size = (daemon.drop / path.name).stat().st_size
    assert 0 < size < path.stat().st_size
    return size


RESUMES: dict[str, Callable[[Sshd, Path, IndexDaemon], object]] = {
    "sftp reput": lambda ssh, path, daemon: ssh.sftp(f"reput {path} {daemon.drop}/{path.name}"),
    "rsync --append": lambda ssh, path, daemon: ssh.rsync("--append", path, f"h:{daemon.drop}/"),
    "rsync --append-verify": lambda ssh, path, daemon: ssh.rsync("--append-verify", path, f"h:{daemon.drop}/"),
    "rsync": lambda ssh, path, daemon: ssh.rsync(path, f"h:{daemon.drop}/"),
    "rsync --inplace": lambda ssh, path, daemon: ssh.rsync("--inplace", path, f"h:{daemon.drop}/"),
    "scp": lambda ssh, path, daemon: ssh.scp(path, f"h:{daemon.drop}/"),
    "scp -O": lambda ssh, path, daemon: ssh.scp("-O", path, f"h:{daemon.drop}/"),
    "cp": lambda _, path, daemon: run_tool("cp", path, daemon.drop),
    "mv": lambda _, path, daemon: run_shell(
        f"cp {path} {daemon.drop}/.new; mv {daemon.drop}/.new {daemon.drop}/{path.name}"
    ),
}


@pytest.mark.parts
@pytest.mark.root
@pytest.mark.parametrize("resume", RESUMES)
def test_a_killed_upload_waits_and_is_published_the_moment_it_is_resumed(
    shared_daemon: Callable[..., IndexDaemon], sshd: Sshd, source: tuple[Path, bytes], resume: str
) -> None:
    """A truncated archive is not rejected: the uploader continues, or begins again, without a message."""
    path, data = source
    daemon = shared_daemon()
    cut_short(daemon, sshd, "scp", path)
    assert daemon.kinds_of(path.name) == []
    RESUMES[resume](sshd, path, daemon)
    daemon.wait_published(path.name, time.time())
    daemon.assert_published_once(path.name, data)
    assert not daemon.events_of(path.name, "rejected")
    daemon.wait_empty()


@pytest.mark.parts
@pytest.mark.root
@pytest.mark.parametrize("tool", ["scp", "scp -O", "rsync --inplace"])
def test_a_killed_upload_is_refused_after_unfinished_after_and_may_come_again(
    shared_daemon: Callable[..., IndexDaemon], sshd: Sshd, source: tuple[Path, bytes], tool: str
) -> None:
    """The half file and its reason lie in rejected/; the whole one is published, and the refusal moves aside."""
    path, data = source
    daemon = shared_daemon(unfinished_after='"4s"')
    size = cut_short(daemon, sshd, tool, path)
    (refusal,) = until("the refusal", lambda: daemon.events_of(path.name, "rejected"))
    assert [flaw["code"] for flaw in refusal["flaws"]] == ["incomplete"]
    rejected = daemon.drop / "rejected" / path.name
    until("the half file in rejected/", rejected.exists)
    assert rejected.read_bytes() == data[:size]
    assert rejected.with_name(f"{path.name}.reason.txt").read_text()
    daemon.assert_not_published(path.name)
    sshd.scp(path, f"h:{daemon.drop}/")
    daemon.wait_published(path.name, time.time())
    daemon.assert_published_once(path.name, data)
    until("no stale refusal", lambda: not rejected.exists())
    assert (daemon.drop / "rejected" / "earlier" / f"{refusal['serial']}-{path.name}").read_bytes() == data[:size]
    daemon.wait_empty()


@pytest.mark.parts
@pytest.mark.root
def test_rsync_partial_leaves_a_short_file_under_its_final_name_which_waits(
    shared_daemon: Callable[..., IndexDaemon], sshd: Sshd, source: tuple[Path, bytes]
) -> None:
    """The only uploader that renames an unfinished file: after SIGTERM, `rsync --partial` keeps what has arrived."""
    path, data = source
    daemon = shared_daemon()
    options = ["--partial", "-t", "--bwlimit=1000", "-e", sshd.ssh]
    with started("rsync", *options, path, f"h:{daemon.drop}/") as client:
        until(
            "a temporary file",
            lambda: any(child.stat().st_size > 400_000 for child in daemon.drop.glob(".unfinished*")),
        )
        os.kill(client.pid, signal.SIGTERM)
        client.communicate(timeout=30)
    until("it is known as unfinished", lambda: MISSING in daemon.reason_for(path.name))
    sshd.rsync("--partial", "-t", path, f"h:{daemon.drop}/")
    daemon.wait_published(path.name, time.time())
    daemon.assert_published_once(path.name, data)
    daemon.wait_empty()


def test_what_was_found_unfinished_is_not_read_again_after_a_restart(
    start_daemon: Callable[..., IndexDaemon], source: tuple[Path, bytes]
) -> None:
    """A file is claimed again only when it has changed, also across restarts."""
    path, data = source
    daemon = start_daemon()
    (daemon.drop / path.name).write_bytes(data[:MEGABYTE])
    until("it is known as unfinished", lambda: MISSING in daemon.reason_for(path.name))
    claims = daemon.log.count("claim    ")
    daemon.stop()
    daemon.start()
    until("it is known as unfinished", lambda: MISSING in daemon.reason_for(path.name))
    assert daemon.log.count("claim    ") == claims
    with (daemon.drop / path.name).open("ab") as file:
        file.write(data[MEGABYTE:])
    daemon.wait_published(path.name, time.time())
    daemon.assert_published_once(path.name, data)


def test_a_writer_through_the_other_name_of_a_hard_link_is_waited_for(
    shared_daemon: Callable[..., IndexDaemon], source: tuple[Path, bytes]
) -> None:
    """No event tells of the other name's end, and no scan is due for an hour; the file is looked at every second."""
    path, data = source
    daemon = shared_daemon(scan='"1h"')
    with path.open("r+b") as writer:
        run_tool("ln", path, daemon.drop)
        daemon.go_round()
        assert daemon.kinds_of(path.name) == []
        writer.write(data[:10])
    daemon.wait_published(path.name, time.time())
    daemon.assert_published_once(path.name, data)
