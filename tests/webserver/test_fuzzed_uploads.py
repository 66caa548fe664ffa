"""Requests that are made at random from what uploads consist of: the door stays open, and nothing comes of them."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import sdist
from tests.running import PATIENT, until
from tests.webserver.door import Door, kept, open_door

REQUESTS = 400
A_MOMENT = 0.1
"""Seconds after which a server that says nothing waits for more: an answer that is missed is one less to judge."""
NAMES = (
    "demo-1.0.tar.gz", "../demo-1.0.tar.gz", "/etc/passwd", "..", "a/../../demo-1.0.tar.gz", ".arriving",
    "demo\x00.whl", "..\\demo-1.0.tar.gz", ".orders/1.json", "demo-1.0-py3-none-any.whl", "x" * 5000, "é-1.0.tar.gz",
    '"', "demo-1.0.tar.gz\n", "%2e%2e%2fdemo-1.0.tar.gz", "demo-1.0.tar.gz/", "CON", "\udcff-1.0.tar.gz", "",
)  # fmt: skip
FIELDS = (":action", "name", "version", "filetype", "sha256_digest", "protocol_version", "content", "", "x")
VALUES = ("file_upload", "submit", "yank", "demo", "1.0", "sdist", "2", "0" * 64, "x" * 5000, "\x00\xff", "../..", "")
LENGTHS = ("", "-1", "+5", "0", "1", "007", "99999999999999999999", "1e3", "0x10", "5, 5", " ", "\x00")
KINDS = ("multipart/form-data", "multipart/form-data; boundary=", "text/plain", 'multipart/form-data; boundary="', "")


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with open_door(tmp_path / "index", max_file_size='"1MiB"') as door:
        yield door


def form(source: random.Random, boundary: bytes) -> bytes:
    """Fields with the wrong values, too many of them, in any order; files of any name, which are no archives."""
    parts = []
    for _ in range(source.choice((0, 1, 3, 8, 8, 8, 10_000))):
        name, value = source.choice(FIELDS), source.choice(VALUES)
        parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value[:100]}'.encode("utf-8", "replace"))
    for _ in range(source.choice((0, 1, 1, 1, 2))):
        head = f'Content-Disposition: form-data; name="content"; filename="{source.choice(NAMES)}"\r\n\r\n'
        parts.append(head.encode("utf-8", "surrogateescape") + source.randbytes(source.choice((0, 1, 500, 200_000))))
    source.shuffle(parts)
    return b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary


def damaged(source: random.Random, body: bytes) -> bytes:
    """Cut, or with other bytes in the middle, or as it was."""
    at = source.randrange(len(body) + 1)
    return source.choice((body, body, body[:at], body[:at] + source.randbytes(20) + body[at:], body[at:]))


def in_chunks(source: random.Random, body: bytes) -> bytes:
    """With sizes that are wrong now and then."""
    said, at = b"", 0
    while at < len(body):
        piece = body[at : at + source.randint(1, 100_000)]
        size = source.choice((b"%x" % len(piece),) * 9 + (b"zz", b"-1", b"%x" % (len(piece) * 2), b"", b"f" * 50))
        said, at = said + size + source.choice((b"", b"", b";x=y")) + b"\r\n" + piece + b"\r\n", at + len(piece)
    return said + source.choice((b"0\r\n\r\n", b"0\r\n\r\n", b""))


def request(source: random.Random) -> bytes:
    """One request with a form, most of which is not what it says."""
    boundary = source.choice((b"x", b"boundary", source.randbytes(8).hex().encode(), b"-", b"x" * 300))
    body = damaged(source, form(source, boundary))
    kind = source.choice((f"multipart/form-data; boundary={boundary.decode()}",) * 6 + KINDS)
    head = f"POST {source.choice(('/', '/legacy/', '/legacy'))} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    head += "Connection: close\r\n"
    if source.random() < 0.3:
        head, body = head + "Transfer-Encoding: chunked\r\n", in_chunks(source, body)
    if source.random() < 0.9:
        lengths = (str(len(body)),) * 8 + (str(len(body) // 2), str(len(body) * 2), *LENGTHS)
        head += f"Content-Length: {source.choice(lengths)}\r\n"
    return f"{head}\r\n".encode("latin-1") + body


def answer_to(door: Door, sent: bytes) -> bytes:
    """What comes back until the server hangs up; nothing if it does so at once, or waits for more."""
    parts, answer = urlsplit(door.url), b""
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        connection.settimeout(A_MOMENT)
        with suppress(TimeoutError, ConnectionError):
            while data := connection.recv(65536):
                answer += data
    return answer


def test_random_requests_are_refused_and_leave_nothing(door: Door) -> None:
    """While some stop in the middle, and stay: no answer is a 500, and an upload in between is published."""
    parts = urlsplit(door.url)
    with ExitStack() as stack:
        for number in range(REQUESTS):
            sent = request(random.Random(number))
            if number % 10 == 0:
                slow = stack.enter_context(closing(socket.create_connection((parts.hostname, parts.port))))
                slow.sendall(sent[: len(sent) // 2][:50_000])
                continue
            statuses = re.findall(rb"^HTTP/1\.1 (\d+) ", answer_to(door, sent), re.MULTILINE)
            assert set(statuses) <= {b"400", b"401", b"403", b"404", b"410", b"413", b"431", b"501"}, (number, statuses)
            if number % 100 == 1:
                assert door.upload(sdist("good", f"1.{number}")).status == 200
        assert door.upload(sdist("good", "2.0")).status == 200
    until("nothing is left", lambda: kept(door) == [])
    published = [event["filename"] for event in door.site.events() if event["event"] == "admitted"]
    assert {name.split("-")[0] for name in published} == {"good"} and len(published) == 5
    assert "Traceback" not in door.server.log and "Exception" not in door.server.log
    assert sorted(path.name for path in door.site.base.iterdir()) == ["drop", "eggwatch.toml", "public", "state"]
