"""What a killed server leaves in the door's folder, and that another takes it away."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from tests.archive_factory import sdist
from tests.running import PATIENT, until
from tests.webserver.door import fields_of, multipart, open_door, serving, url_of


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
