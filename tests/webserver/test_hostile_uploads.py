"""Requests that lie, dawdle or overdo it: they are refused, nothing of them stays, and the door stays open."""

from __future__ import annotations

import fcntl
import os
import random
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eggwatch.webserver.incoming import LOCKS
from tests.archive_factory import sdist, wheel
from tests.http_asking import ask, raw
from tests.running import PATIENT, until
from tests.webserver.door import Door, fields_of, kept, multipart, open_door


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(tmp_path_factory.mktemp("door") / "index", max_file_size='"1MiB"', min_free='"1MiB"') as door:
        yield door
        name, data = sdist("after-all")
        assert door.upload((name, data)).status == 200
        assert door.site.events()[-1]["filename"] == name
        until("nothing is left of any of them", lambda: kept(door) == [])


def request_of(file: tuple[str, bytes], *, length: int | None = None, kind: str | None = None) -> bytes:
    """An upload as it goes over the wire; with a length or a type of its own."""
    body, real = multipart(fields_of(file), file)
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind or real}\r\n"
    return f"{head}Content-Length: {length or len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def status_of(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.[01] (\d+) ", answer)
    return int(match[1]) if match else 0


def test_a_body_that_is_longer_than_was_said_is_no_upload(door: Door) -> None:
    """What was said is read, and is no whole form."""
    request = request_of(sdist())
    assert status_of(raw(door.url, request_of(sdist(), length=len(request) // 2))) == 400


def test_a_body_that_is_shorter_than_was_said_is_never_answered(door: Door) -> None:
    """The client has gone; nothing stays."""
    parts = urlsplit(door.url)
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)) as connection:
        connection.sendall(request_of(sdist(), length=100_000))
        until("it arrives", lambda: kept(door) != [])
    until("nothing stays", lambda: kept(door) == [])


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other", "text/plain",
        "application/x-www-form-urlencoded", "multipart/mixed; boundary=x", 'multipart/form-data; boundary="é"',
        "multipart/form-data; boundary=" + "x" * 5000, "x", "multipart/form-data; boundary=((((",
    ],
)  # fmt: skip
def test_a_form_without_its_boundary_is_no_upload(door: Door, kind: str) -> None:
    assert status_of(raw(door.url, request_of(sdist(), kind=kind))) == 400


def test_chunks_are_welcome_and_lies_about_them_are_not(door: Door) -> None:
    """Transfer-Encoding: chunked, with chunks that are what they say, and with one that is not."""
    file = sdist("in-chunks")
    body, kind = multipart(fields_of(file), file)
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n"
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    for said, status in ((chunks + b"0\r\n\r\n", 200), (chunks.replace(b"64\r\n", b"50\r\n"), 400), (b"zz\r\n", 400)):
        assert status_of(raw(door.url, f"{head}Connection: close\r\n\r\n".encode() + said)) == status


def test_an_archive_that_is_too_large_is_told_so_and_never_kept(door: Door) -> None:
    """413, whether the length said so or the file grew: one a bit larger, and one of a hundred times that size."""
    for size in ((1 << 20) + 1, 100 << 20):
        reply = door.upload(("demo-1.0.tar.gz", bytes(size)))
        assert (reply.status, b"1048576 bytes" in reply.body) == (413, True)


ENDLESS = {
    "no form": ("text/plain", b""),
    "no boundary": ("multipart/form-data; boundary=x", b""),
    "a field that nobody reads": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="summary"\r\n\r\n',
    ),
    "after the form": ("multipart/form-data; boundary=x", b"--x--\r\n"),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_body_without_an_end_is_hung_up_on(door: Door, case: str) -> None:
    """Chunks for ever, of whatever: what nobody reads counts as well."""
    kind, start = ENDLESS[case]
    parts, chunk = urlsplit(door.url), b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)) as connection:
        connection.sendall(head.encode() + (b"%x\r\n%s\r\n" % (len(start), start) if start else b""))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(200):
                connection.sendall(chunk)
    assert door.upload(sdist("still-open")).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("start", [b"1;x=", b"0\r\nX: "], ids=["a chunk", "what follows the chunks"])
def test_a_line_without_an_end_is_hung_up_on(door: Door, kind: str, start: bytes) -> None:
    """Outside of the chunks, long before 16 MiB: it would be kept, and looked through with each piece that comes."""
    parts = urlsplit(door.url)
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)) as connection:
        connection.sendall(head.encode() + start)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(120):
                connection.sendall(b"a" * (1 << 16))
    assert door.upload(sdist("still-open")).status == 200


def test_ten_thousand_fields_are_too_many(door: Door) -> None:
    file = sdist("many-fields")
    classifiers = [("classifiers", f"Topic :: {number}") for number in range(10_000)]
    assert door.upload(file, *classifiers[:1000]).status == 200
    reply = door.upload(file, *classifiers)
    assert (reply.status, b"more than 5000 fields" in reply.body) == (400, True)


def test_who_sends_a_letter_at_a_time_holds_up_nobody(door: Door) -> None:
    """A hundred uploads that never end, while another one is accepted; and pages are shown."""
    parts = urlsplit(door.url)
    slow = [socket.create_connection((parts.hostname, parts.port), timeout=PATIENT) for _ in range(100)]
    try:
        request = request_of(sdist("never"))
        for connection in slow:
            connection.sendall(request[:400])
        for turn in range(5):
            for connection in slow:
                connection.sendall(request[400 + turn : 401 + turn])
            assert door.upload(sdist("quick", f"{turn}.0")).status == 200
            assert ask(door.url, "/simple/quick/").status == 200
    finally:
        for connection in slow:
            connection.close()


def test_of_a_crowd_that_sends_a_letter_at_a_time_some_go_and_no_other(door: Door) -> None:
    """More connections than the server has, none of which is ever idle; a large upload beside them stays."""
    parts = urlsplit(door.url)
    request = request_of(sdist("never"), length=1 << 20)
    file = sdist("brisk", files={"brisk/data.bin": random.Random(0).randbytes(500_000)})
    body, kind = multipart(fields_of(file), file)
    with ExitStack() as stack:
        brisk = stack.enter_context(closing(socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)))
        head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        brisk.sendall(head.encode() + body[:-100])
        crowd = [stack.enter_context(closing(socket.socket())) for _ in range(400)]
        for connection in crowd:
            connection.setblocking(False)
            connection.connect_ex((parts.hostname, parts.port))
        begun: set[socket.socket] = set()

        def are_some_hung_up_on() -> bool:
            for connection in crowd:
                with suppress(BlockingIOError):
                    try:
                        connection.send(b"x" if connection in begun else request[:400])
                    except ConnectionError:
                        return True
                    begun.add(connection)
            return False

        until("some are hung up on", are_some_hung_up_on)
        brisk.sendall(body[-100:])
        assert brisk.recv(100).startswith(b"HTTP/1.1 200 ")
        assert ask(door.url, "/simple/brisk/").status == 200


def test_pages_do_not_wait_for_uploads_that_wait(tmp_path: Path) -> None:
    """Sixty uploads wait for a daemon that is stopped: none of the threads that make pages waits with them."""
    with open_door(tmp_path / "index") as door:
        door.upload(sdist())
        os.kill(door.daemon.pid, 19)
        try:
            with ThreadPoolExecutor(60) as pool:
                replies = [pool.submit(door.upload, sdist("many", f"{number}.0")) for number in range(60)]
                until("all of them wait", lambda: len(waiting(door)) == 60)
                assert [ask(door.url, "/simple/demo/").status for _ in range(20)] == [200] * 20
                os.kill(door.daemon.pid, 18)
                assert [reply.result().status for reply in replies] == [200] * 60
        finally:
            os.kill(door.daemon.pid, 18)


def waiting(door: Door) -> list[str]:
    """The uploads that have their names, and no verdict."""
    folder = door.site.drop / "http" / "anonymous"
    return [name for name in os.listdir(folder) if not name.startswith(".")] if folder.is_dir() else []


def test_who_does_not_log_in_fills_no_disk(tmp_path: Path) -> None:
    """Without credentials a body is dropped as it comes."""
    users = tmp_path / "htpasswd"
    users.write_text("alice:$2y$05$" + "x" * 53 + "\n")
    with open_door(tmp_path / "index", uploads=f'{{ users = "{users}" }}') as door:
        arriving = door.site.drop / "http" / ".arriving"
        before = arriving.stat().st_mtime_ns
        reply = door.upload(("demo-1.0.tar.gz", bytes(1 << 20)))
        assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Basic realm="pypi"')
        assert arriving.stat().st_mtime_ns == before
        assert door.upload(sdist(), Authorization="Basic YWxpY2U6d3Jvbmc=").status == 401


def test_no_other_account_holds_up_a_user_by_a_lock(door: Door) -> None:
    """Any account may lock a folder that it may read; what is locked here, only its owner can open."""
    assert door.upload(sdist("locked", "1.0")).status == 200
    folder = door.site.drop / "http" / "anonymous"
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert door.upload(sdist("locked", "2.0")).status == 200
    finally:
        os.close(fd)
    assert (folder.parent / LOCKS / folder.name).stat().st_mode & 0o077 == 0


def test_two_uploads_of_one_name_at_once_are_judged_one_after_the_other(door: Door) -> None:
    """The same bytes are both welcome; of other bytes one is too late."""
    with ThreadPoolExecutor(8) as pool:
        same = [pool.submit(door.upload, wheel("same")) for _ in range(8)]
        assert [one.result().status for one in same] == [200] * 8
        others = [sdist("either", files={"one.py": bytes([65 + number])}) for number in range(8)]
        statuses = [pool.submit(door.upload, one) for one in others]
        assert sorted(one.result().status for one in statuses) == [200] + [400] * 7
