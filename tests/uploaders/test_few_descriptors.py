"""A daemon with too few file descriptors (EMFILE): it says so, goes on by itself, and loses nothing."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest

from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import Daemon, running, until

pytestmark = pytest.mark.parts

UPLOADS = [wheel_of(f"project-{number}", 20_000) for number in range(60)]


def drop_all(daemon: Daemon) -> None:
    """Many uploads at once."""
    for name, data in UPLOADS:
        (daemon.drop / f".{name}.part").write_bytes(data)
        (daemon.drop / f".{name}.part").rename(daemon.drop / name)


def assert_all_published(daemon: Daemon) -> None:
    """Once each."""
    for name, data in UPLOADS:
        daemon.wait_published(name, time.time())
        daemon.assert_published_once(name, data)
    daemon.wait_empty()


def test_many_uploads_through_few_descriptors(tmp_path: Path) -> None:
    """All are published, with a limit of 64."""
    with running(tmp_path, prefix=["prlimit", "--nofile=64:64"], linger='"100ms"') as daemon:
        drop_all(daemon)
        assert_all_published(daemon)


@pytest.mark.parametrize("more", [0, 4, 8])
def test_no_descriptor_is_left_for_a_while(tmp_path: Path, more: int) -> None:
    """Told with growing pauses, whichever step it meets, and all is published when there are descriptors again."""
    with running(tmp_path, linger='"100ms"', scan='"1h"') as daemon:
        hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]
        highest = max(map(int, os.listdir(f"/proc/{daemon.pid}/fd")))
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (highest + 1 + more, hard))
        drop_all(daemon)
        until("told", lambda: "Too many open files" in daemon.log or daemon.events())
        time.sleep(1.0)
        assert daemon.log.count("Too many open files") < 2 * len(UPLOADS), "growing pauses"
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert_all_published(daemon)
        assert daemon.status()["faults"] == {}


def test_an_error_of_a_round_leaves_no_descriptor_of_an_original_open(tmp_path: Path) -> None:
    """What was hidden when the index was let go is closed, and met by the next scan under its hidden name."""
    with running(tmp_path, prefix=["prlimit", "--nofile=48:64"], linger='"100ms"') as daemon:
        drop_all(daemon)
        until("an error", lambda: "Too many open files" in daemon.log)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (64, 64))
        assert_all_published(daemon)
        links = [os.readlink(f"/proc/{daemon.pid}/fd/{number}") for number in os.listdir(f"/proc/{daemon.pid}/fd")]
        assert not [link for link in links if ".eggwatch-" in link]
