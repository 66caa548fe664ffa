"""A real smbd: its clients' uploads are published once and whole, and what a killed client leaves waits."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import MEGABYTE, wheel_of
from tests.uploaders.running import IndexDaemon
from tests.uploaders.servers import Smbd, running_smbd

pytestmark = [pytest.mark.parts, pytest.mark.root]


@pytest.fixture
def share(start_daemon: Callable[..., IndexDaemon], tmp_path: Path) -> Iterator[tuple[IndexDaemon, Smbd]]:
    """A daemon, and an smbd that shares its drop folder."""
    if os.geteuid() != 0:
        pytest.skip("smbd needs root")
    daemon = start_daemon()
    (tmp_path / "smbd").mkdir()
    with running_smbd(tmp_path / "smbd", daemon.drop) as smbd:
        yield daemon, smbd


def put(smbd: Smbd, commands: str, source: Path) -> float:
    """Run smbclient; it exits 0, and says nothing but what it has put where. Answers with its end."""
    command = smbd.command(commands)
    done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, timeout=60, check=False)
    ended = time.time()
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("putting file")]
    assert (done.returncode, said) == (0, [])
    return ended


@pytest.fixture
def source(tmp_path: Path) -> tuple[Path, bytes]:
    """A wheel of three megabytes outside the drop folder."""
    name, data = wheel_of("by-samba", 3 * MEGABYTE)
    path = tmp_path / name
    path.write_bytes(data)
    return path, data


@pytest.mark.parametrize(
    "commands", ["put {name}", "prompt off; mput by_samba*", "put {name} x.part; rename x.part {name}"]
)
def test_smbclient_ends_well_and_its_upload_is_published(
    share: tuple[IndexDaemon, Smbd],
    source: tuple[Path, bytes],
    record_property: Callable[[str, object], None],
    commands: str,
) -> None:
    """put, mput, and put under a temporary name."""
    (daemon, smbd), (path, data) = share, source
    ended = put(smbd, commands.format(name=path.name), path)
    seconds = daemon.wait_published(path.name, ended)
    record_property("seconds until visible", seconds)
    daemon.assert_published_once(path.name, data)
    daemon.wait_empty()


def test_a_killed_smb_client_leaves_an_upload_that_waits_and_can_come_again(
    share: tuple[IndexDaemon, Smbd], source: tuple[Path, bytes]
) -> None:
    """Read from a pipe that stalls: the server keeps the file open until it misses its client."""
    (daemon, smbd), (path, data) = share, source
    fifo = path.with_name("fifo")
    os.mkfifo(fifo)
    client = subprocess.Popen(
        smbd.command(f"put fifo {path.name}"), cwd=path.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with fifo.open("wb", buffering=0) as pipe:
        pipe.write(data[:MEGABYTE])
        until("the file", (daemon.drop / path.name).exists)
        daemon.go_round(times=1)
        client.send_signal(signal.SIGKILL)
        client.wait()
    until("it is known as unfinished", lambda: "the end of the file is missing" in daemon.reason_for(path.name))
    assert daemon.events_of(path.name) == []
    ended = put(smbd, f"put {path.name}", path)
    daemon.wait_published(path.name, ended)
    daemon.assert_published_once(path.name, data)
    daemon.wait_empty()
