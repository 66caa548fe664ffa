"""`eggwatch.webserver:application` under another WSGI server: Python's own, which gives bodies as they come."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import sdist, wheel
from tests.cli.program import Site, clean_environment
from tests.http_asking import ask, raw
from tests.running import PATIENT, Daemon, until
from tests.webserver.door import ANONYMOUS, Door, multipart, url_of

SERVER = """
import sys
from wsgiref.simple_server import make_server
from eggwatch.webserver import application
def mounted(environ, start_response):
    if environ["PATH_INFO"].startswith("/packages/"):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/packages", environ["PATH_INFO"].removeprefix("/packages")
    return application(environ, start_response)
with make_server("127.0.0.1", 0, mounted) as server:
    print(f"ready at http://127.0.0.1:{server.server_port}/", file=sys.stderr)
    server.serve_forever()
"""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    site = Site(tmp_path / "index", uploads=ANONYMOUS)
    server = Daemon(
        [sys.executable, "-c", SERVER], cwd="/", env=clean_environment({"EGGWATCH_CONFIG": str(site.config)})
    )
    with site.daemon() as daemon:
        try:
            server.start()
            yield Door(site=site, url=url_of(server), server=server, daemon=daemon)
        finally:
            server.kill()


def test_pages_are_served_and_uploads_accepted(door: Door) -> None:
    """As under waitress; below a path that it is mounted at, too."""
    assert door.upload(sdist()).status == 200
    assert door.upload(wheel(), path="/packages/legacy/").status == 200
    assert b"demo-1.0.tar.gz" in ask(door.url, "/simple/demo/").body
    assert ask(door.url, "/packages/simple/Demo").headers["location"] == "/packages/simple/demo/"
    assert door.upload(("demo-2.0.tar.gz", b"x")).status == 400


@pytest.mark.parametrize("path", [b"/legacy/", b"/simple/"])
def test_a_query_of_other_bytes_than_a_url_has_is_the_client_s_fault(door: Door, path: bytes) -> None:
    assert raw(door.url, b"GET " + path + b"?format=\xe9 HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 400 ")


def test_a_connection_that_breaks_leaves_nothing(door: Door) -> None:
    """The body is in the door's folder already, as far as it has come."""
    body, kind = multipart([], ("demo-1.0.tar.gz", bytes(200_000)))
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    parts = urlsplit(door.url)
    arriving = door.site.drop / "http" / ".arriving"
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)) as connection:
        connection.sendall(head.encode() + body[:150_000])
        until("it arrives", lambda: os.listdir(arriving))
    until("nothing stays", lambda: not os.listdir(arriving))
    assert door.upload(sdist()).status == 200


def test_without_a_configuration_there_is_no_application(tmp_path: Path) -> None:
    """The server's log says what is missing."""
    command = [sys.executable, "-c", "from eggwatch.webserver import application"]
    missing = {"EGGWATCH_CONFIG": str(tmp_path / "none.toml")}
    done = subprocess.run(command, env=clean_environment(missing), capture_output=True, text=True, check=False)
    assert (done.returncode, "none.toml can't be read" in done.stderr) == (1, True)
