"""`eggwatch serve` on a socket of systemd's: no request is lost while it is started anew."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.archive_factory import sdist
from tests.cli.program import Site, clean_environment
from tests.linux.test_systemd import Ear
from tests.running import PATIENT, Daemon
from tests.webserver.door import ANONYMOUS, url_of

SHELL = 'exec 3<&0 4<&0 </dev/null; LISTEN_FDS=$0 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec "$@"'
"""What systemd does for a service with a .socket unit: descriptors from 3 on, and their number."""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that outlives the servers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def command(number: int = 1) -> list[str]:
    """The server as systemd starts it, with standard input as its socket."""
    return ["sh", "-c", SHELL, str(number), sys.executable, "-m", "eggwatch", "serve"]


def activated(site: Site, listening: socket.socket, **environment: str) -> Daemon:
    """The server on this socket."""
    return Daemon(command(), cwd=site.base, env=clean_environment(environment), stdin=listening)


def refusal(site: Site, listening: socket.socket, number: int = 1) -> str:
    """What is said by a server that does not start."""
    options = {"cwd": site.base, "env": clean_environment({}), "stdin": listening, "timeout": PATIENT}
    done = subprocess.run(command(number), **options, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_a_request_that_comes_between_two_servers_is_answered_by_the_second(
    tmp_path: Path, listening: socket.socket
) -> None:
    site = Site(tmp_path / "site")
    site.put(sdist("demo"))
    site.run("run", "--once")
    server = activated(site, listening)
    with server:
        assert url_of(server) == f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with socket.create_connection(listening.getsockname()) as client:
        client.sendall(b"GET /simple/demo/ HTTP/1.0\r\n\r\n")
        with server:
            assert client.recv(100).startswith(b"HTTP/1.0 200")


def test_it_tells_systemd_when_it_is_ready_reloading_and_stopping(tmp_path: Path, listening: socket.socket) -> None:
    site = Site(tmp_path / "site")
    site.run("run", "--once")
    with closing(Ear(f"@eggwatch-{os.getpid()}-http")) as ear:
        with activated(site, listening, NOTIFY_SOCKET=ear.address) as server:
            ear.heard("READY=1")
            ear.forget()
            server.send_signal(signal.SIGHUP)
            ear.heard("READY=1")
            assert ear.lines[0] == "RELOADING=1"
            ear.forget()
        assert ear.hear() == ["STOPPING=1"]


def test_a_socket_of_all_addresses_counts_as_open_to_others(tmp_path: Path) -> None:
    """What is for this machine alone is refused, as with --listen."""
    site = Site(tmp_path / "site", uploads=ANONYMOUS)
    site.run("run", "--once")
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        assert "0.0.0.0 can be reached by others" in refusal(site, everywhere)


def test_more_than_one_socket_is_refused_with_the_line_to_write(tmp_path: Path, listening: socket.socket) -> None:
    site = Site(tmp_path / "site")
    site.run("run", "--once")
    assert "one ListenStream=HOST:PORT" in refusal(site, listening, 2)
