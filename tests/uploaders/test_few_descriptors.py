"""A daemon with too few file descriptors (EMFILE): it reports this, continues by itself, and loses nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running import open_files, until
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = pytest.mark.parts

UPLOADS = [wheel_of(f"project-{number}", 20_000) for number in range(60)]


def drop_all(daemon: IndexDaemon) -> None:
    """Many uploads at once."""
    for name, data in UPLOADS:
        (daemon.drop / f".{name}.part").write_bytes(data)
        (daemon.drop / f".{name}.part").rename(daemon.drop / name)


def assert_all_published(daemon: IndexDaemon) -> None:
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


@pytest.mark.parametrize("more", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (4, 8))])
def test_no_descriptor_is_left_for_a_while(tmp_path: Path, more: int) -> None:
    """Told with growing pauses, whichever step it meets, and all is published when there are descriptors again."""
    with running(tmp_path, linger='"100ms"', scan='"1h"') as daemon:
        hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]
        highest = max(map(int, os.listdir(f"/proc/{daemon.pid}/fd")))
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (highest + 1 + more, hard))
        drop_all(daemon)
        until("told", lambda: "Too many open files" in daemon.log or daemon.events())
        time.sleep(1.0)  # the subject: how often it tries in a while
        assert daemon.log.count("Too many open files") < 2 * len(UPLOADS), "growing pauses"
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert_all_published(daemon)
        assert daemon.status()["faults"] == {}


def test_an_error_of_a_round_leaves_no_descriptor_of_an_original_open(tmp_path: Path) -> None:
    """A hidden original is closed with the index, and found by the next scan under its hidden name."""
    with running(tmp_path, prefix=["prlimit", "--nofile=64:64"], linger='"100ms"') as daemon:
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (48, 64))
        drop_all(daemon)
        until("an error", lambda: "Too many open files" in daemon.log)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (64, 64))
        assert_all_published(daemon)
        assert not [path for path in open_files(daemon.pid) if ".eggwatch-" in path]


def test_a_low_limit_is_raised_as_far_as_it_may_be(tmp_path: Path) -> None:
    """Only the soft limit was too low."""
    with running(tmp_path, prefix=["prlimit", "--nofile=32:512"]) as daemon:
        assert resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE) == (512, 512)


def test_with_too_few_descriptors_nothing_is_begun_and_the_remedy_named(tmp_path: Path) -> None:
    """It does not hold one upload after the other because of an error that is not reported."""
    for name in ("drop", "public", "state"):
        (tmp_path / name).mkdir()
    folders = [f"--{name}={tmp_path / name}" for name in ("drop", "public", "state")]
    command = ["prlimit", "--nofile=40:40", sys.executable, "-m", "eggwatch", *folders, "run", "--once"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "ulimit -n 1024" in done.stderr, done.stderr
