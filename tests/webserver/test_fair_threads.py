"""Who uploads much does not keep out others, while no upload gets its verdict: by user, and by address."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from passlib.hash import bcrypt

from tests.archive_factory import sdist
from tests.http_asking import Reply, ask
from tests.running import PATIENT, until
from tests.webserver.door import Door, fields_of, multipart, open_door

MANY = 90
"""More uploads than threads that one user or one address gets."""


@contextmanager
def without_verdicts(door: Door) -> Iterator[None]:
    """The daemon stands still during the block."""
    os.kill(door.daemon.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(door.daemon.pid, signal.SIGCONT)


def waiting(door: Door) -> set[str]:
    """The uploads that wait for their verdict."""
    return {path.name for path in door.site.drop.glob("http/*/*.tar.gz")}


def upload_as(door: Door, user: str, address: str, version: str) -> Reply:
    login = base64.b64encode(f"{user}:secret".encode()).decode()
    return door.upload(sdist(user, version), Authorization=f"Basic {login}", X_Forwarded_For=address)


def test_a_user_with_many_uploads_from_anywhere_leaves_threads_for_others(tmp_path: Path) -> None:
    users = tmp_path / "htpasswd"
    users.write_text("".join(f"{user}:{bcrypt.using(rounds=4).hash('secret')}\n" for user in ("alice", "bob")))
    with (
        open_door(tmp_path / "index", uploads=f'{{ users = "{users}" }}') as door,
        ThreadPoolExecutor(MANY + 1) as pool,
    ):
        assert upload_as(door, "alice", "192.0.2.1", "1.0").status == 200
        with without_verdicts(door):
            many = [pool.submit(upload_as, door, "alice", f"192.0.2.{n}", f"2.{n}") for n in range(MANY)]
            until("many of alice's wait", lambda: len(waiting(door)) == 64)
            one = pool.submit(upload_as, door, "bob", "192.0.2.200", "1.0")
            until("bob's waits with them", lambda: "bob-1.0.tar.gz" in waiting(door))
            assert len(waiting(door)) == 65
        assert [reply.result().status for reply in [*many, one]] == [200] * (MANY + 1)


def test_an_address_with_many_uploads_leaves_threads_and_connections_for_others(tmp_path: Path) -> None:
    """What is more than it gets threads for waits; of very many the last are refused, and told so."""
    uploads = '{ anonymous = "everywhere" }'
    with (
        open_door(tmp_path / "index", uploads=uploads) as door, ExitStack() as stack, ThreadPoolExecutor(1) as pool
    ):  # fmt: skip
        assert door.upload(sdist()).status == 200
        with without_verdicts(door):
            many = [stack.enter_context(closing(sent(door, f"1.{number}"))) for number in range(180)]
            until("many of them wait", lambda: len(waiting(door)) == 64)
            last = many[-1].recv(100)
            assert re.match(rb"HTTP/1\.1 503 Too many of your uploads are waiting\.", last), last
            assert ask(door.url, "/simple/demo/").status == 200
            one = pool.submit(door.upload, sdist("other"), X_Forwarded_For="192.0.2.2")
            until("another one waits with them", lambda: "other-1.0.tar.gz" in waiting(door))
        assert one.result().status == 200
        assert re.match(rb"HTTP/1\.1 200 ", many[0].recv(100))


def sent(door: Door, version: str) -> socket.socket:
    """The connection of an upload that was sent from one and the same address."""
    file, parts = sdist("many", version), urlsplit(door.url)
    body, kind = multipart(fields_of(file), file)
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)
    connection.sendall(f"{head}X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n".encode() + body)
    return connection
