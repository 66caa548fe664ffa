"""Read leases: whether somebody has a file open for writing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eggwatch.linux import leases
from eggwatch.model.sightings import Lease


@pytest.fixture(autouse=True)
def quiet() -> None:
    """A broken lease sends SIGIO."""
    leases.ignore_breaks()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of ours."""
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    fd = os.open(path, os.O_RDONLY)
    try:
        if leases.probe(fd) is Lease.UNPROVEN:
            pytest.skip("no leases on this file system")
    finally:
        os.close(fd)
    return path


def probe(path: Path) -> Lease:
    """Ask about a file."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return leases.probe(fd)
    finally:
        os.close(fd)


def test_a_file_that_nobody_writes_is_free(file: Path) -> None:
    """Granted, also while others read."""
    with file.open("rb"):
        assert probe(file) is Lease.FREE


def test_a_file_that_is_open_for_writing_is_held(file: Path) -> None:
    """Here or in another process, until it is closed."""
    with file.open("r+b"):
        assert probe(file) is Lease.HELD
    assert probe(file) is Lease.FREE
    code = "import sys; file = open(sys.argv[1], 'ab'); print(flush=True); sys.stdin.read()"
    writer = subprocess.Popen([sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    assert probe(file) is Lease.HELD
    writer.communicate(b"")
    assert probe(file) is Lease.FREE


def test_a_probe_leaves_nothing_behind(file: Path) -> None:
    """A writer that opens right afterwards does not wait."""
    fd = os.open(file, os.O_RDONLY)
    assert leases.probe(fd) is Lease.FREE
    writer = os.open(file, os.O_WRONLY | os.O_NONBLOCK)  # EWOULDBLOCK, were there a lease
    os.close(writer)
    os.close(fd)


def test_a_writer_breaks_a_lease_that_is_held(file: Path) -> None:
    """While a lease stands, a writer's open shows."""
    fd = os.open(file, os.O_RDONLY)
    assert leases.take(fd) is Lease.FREE and leases.unbroken(fd)
    with pytest.raises(BlockingIOError):
        os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    assert not leases.unbroken(fd)
    leases.release(fd)
    os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
    os.close(fd)


def test_closing_gives_a_lease_back(file: Path) -> None:
    """A lease belongs to the open file, and lives as long as a duplicate of it."""
    fd = os.open(file, os.O_RDONLY)
    assert leases.take(fd) is Lease.FREE
    other = os.dup(fd)
    os.close(fd)
    with pytest.raises(BlockingIOError):
        os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    os.close(other)
    os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))


def test_leases_prove_nothing_on_other_file_systems(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writers may pass through another kernel (NFS, FUSE), a lease is not asked for."""
    monkeypatch.setattr(leases, "file_system_magic", lambda fd: 0x6969)
    assert probe(file) is Lease.UNPROVEN


def test_a_file_system_is_asked_for_each_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device number of one that was unmounted is given to the next that is mounted."""
    probe(file)
    monkeypatch.setattr(leases, "file_system_magic", lambda fd: 0x6969)
    assert probe(file) is Lease.UNPROVEN


def test_file_systems_are_told_apart() -> None:
    """/proc is not one where uploads are proved; a closed descriptor tells nothing."""
    fd = os.open("/proc/version", os.O_RDONLY)
    assert leases.file_system_magic(fd) == 0x9FA0
    assert not leases.proves_something(fd)
    os.close(fd)
    assert leases.file_system_magic(fd) == 0


@pytest.mark.root
def test_files_of_others_are_unproven_without_the_capability(file: Path) -> None:
    """An account that owns neither the file nor CAP_LEASE can't ask, and says so."""
    pid = os.fork()
    if pid == 0:
        fd = os.open(file, os.O_RDONLY)
        os.setgroups([])
        os.setuid(65534)
        os._exit(0 if leases.probe(fd) is Lease.UNPROVEN else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_broken_lease_does_not_end_us(file: Path) -> None:
    """SIGIO's default action would end the process."""
    assert signal.getsignal(signal.SIGIO) is signal.SIG_IGN
