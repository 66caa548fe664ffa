"""The watcher's thread dies in a running daemon, by an error of the kernel: nothing is lost, and it is restarted."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running
from tests.uploaders.servers import need

pytestmark = [pytest.mark.parts, pytest.mark.root]


def drop(daemon: IndexDaemon, name: str, data: bytes) -> None:
    """An upload that comes whole."""
    (daemon.drop / f".{name}").write_bytes(data)
    (daemon.drop / f".{name}").rename(daemon.drop / name)


def threads_of(pid: int) -> set[int]:
    """The threads of a process, by their numbers."""
    return {int(name) for name in os.listdir(f"/proc/{pid}/task")}


def traced(pid: int) -> bool:
    """Whether all threads of a process have a tracer."""
    threads = Path(f"/proc/{pid}/task").glob("*/status")
    return all("TracerPid:\t0\n" not in thread.read_text() for thread in threads)


def test_the_watchers_thread_dies(tmp_path: Path) -> None:
    """Its next read ends with EIO (injected by strace): it ends, the upload is found, and another thread follows."""
    need("strace")
    with running(tmp_path, scan='"1h"', linger='"100ms"') as daemon:
        drop(daemon, *wheel_of("first"))
        daemon.wait_published(wheel_of("first")[0], time.time())
        daemon.wait_empty()
        before = threads_of(daemon.pid)
        inject = ["-P", "anon_inode:inotify", "-e", "trace=read", "-e", "inject=read:error=EIO"]
        line = ["strace", "-f", "-qq", "-o", tmp_path / "strace.log", "-p", str(daemon.pid), *inject]
        strace = subprocess.Popen(line)
        try:
            until("it is traced", lambda: traced(daemon.pid))
            name, data = wheel_of("second")
            drop(daemon, name, data)
            until("a thread has died", lambda: not before <= threads_of(daemon.pid))
        finally:
            strace.terminate()
            strace.wait()
        daemon.wait_published(name, time.time())
        daemon.assert_published_once(name, data)
        since = time.time()
        drop(daemon, *wheel_of("third"))
        daemon.wait_published(wheel_of("third")[0], since)  # no scan is due for an hour
        daemon.wait_empty()
        assert daemon.status()["faults"] == {}
