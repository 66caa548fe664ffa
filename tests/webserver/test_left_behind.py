"""What a killed server leaves in the door's folder, and that another takes it away."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eggwatch.config.loading import load
from eggwatch.store import durable
from eggwatch.store.drop.folder import Drop
from eggwatch.webserver import server as server_module
from eggwatch.webserver.doors import doors_of
from eggwatch.webserver.incoming import Incoming
from eggwatch.webserver.server import Server
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.http_asking import ask
from tests.running import PATIENT, until
from tests.webserver.door import ANONYMOUS, fields_of, multipart, open_door, serving, url_of


def half_sent(url: str, body: bytes, kind: str) -> socket.socket:
    """An upload of which the last ten bytes are still to come."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[:-10])
    return connection


def test_what_was_arriving_at_a_killed_server_goes_when_another_starts_and_nothing_else(tmp_path: Path) -> None:
    """What arrives at a server that lives stays, however slowly it comes."""
    body, kind = multipart(fields_of(sdist()), sdist())
    with open_door(tmp_path / "index") as door, serving(door.site) as other:
        arriving = door.site.drop / "http" / ".arriving"
        with half_sent(door.url, body, kind) as slow:
            (alive,) = until("it arrives", lambda: os.listdir(arriving))
            with half_sent(url_of(other), body, kind):
                until("another arrives", lambda: len(os.listdir(arriving)) == 2)
                other.kill()
            for name in os.listdir(arriving):
                os.utime(arriving / name, (0, 0))
            with serving(door.site):
                until("one is gone", lambda: os.listdir(arriving) == [alive])
            slow.sendall(body[-10:])
            assert slow.recv(100).startswith(b"HTTP/1.1 200 ")
        assert os.listdir(arriving) == []


def test_pages_are_served_also_when_what_was_arriving_can_t_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the drop folder is read-only by now. Another time, a sweep deletes it."""
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 1)
    site = Site(tmp_path, uploads=ANONYMOUS)
    site.public.mkdir()
    config = load(site.config)
    server = Server(config.trees(), doors=doors_of(config, "127.0.0.1"))
    body, kind = multipart(fields_of(sdist()), sdist())
    arriving = site.drop / "http" / ".arriving"

    def fail(operation: str, subject: str) -> None:
        if operation == "unlink" and ".arriving" in subject:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    server.start()
    try:
        with durable.observed(fail), closing(half_sent(server.url, body, kind)) as silent:
            (name,) = until("it arrives", lambda: os.listdir(arriving))
            assert silent.recv(1) == b""
            assert ask(server.url, "/").status == 404
        assert not [fd for fd in Path("/proc/self/fd").iterdir() if name in os.path.realpath(fd)]
    finally:
        server.stop()


def test_uploads_are_locked_in_ways_that_nfs_supports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There flock(2) shares only what is open for reading, and takes only what is open for writing."""
    real = fcntl.flock

    def flock(fd: int, how: int) -> None:
        lacking = os.O_WRONLY if how & fcntl.LOCK_SH else os.O_RDONLY
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == lacking:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    incoming = Incoming(Drop(tmp_path, ("sdist",)), most=1 << 20, min_free=0)
    with incoming.arriving() as arrival:
        arrival.write(b"x")
        arrival.finish()
        assert incoming.give(arrival, "alice", "demo-1.0.tar.gz")
    left = tmp_path / "http/.arriving/left"
    left.touch()
    os.utime(left, (0, 0))
    incoming.sweep([])
    assert (tmp_path / "http/alice/demo-1.0.tar.gz").exists() and not left.exists()


def test_an_earlier_upload_that_leaves_just_now_is_waited_for_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had the name when this one was to get it, and not when it was looked at."""

    def taken(*_: object) -> None:
        raise FileExistsError

    incoming = Incoming(Drop(tmp_path, ("sdist",)), most=1 << 20, min_free=0)
    with incoming.arriving() as arrival:
        arrival.finish()
        with monkeypatch.context() as patched:
            patched.setattr(durable, "rename_new_at", taken)
            assert not incoming.give(arrival, "alice", "demo-1.0.tar.gz")
        assert incoming.give(arrival, "alice", "demo-1.0.tar.gz")
