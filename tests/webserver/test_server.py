"""How the server starts, stops, bears a crowd, shows several indexes and feeds real installers."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eggwatch.errors import ConfigurationError
from eggwatch.webserver import server as server_module
from eggwatch.webserver.app import BLOCK
from eggwatch.webserver.listening import parse_listen
from eggwatch.webserver.server import Server
from tests.http_asking import ask, connect, raw
from tests.installers import pip, pip_install, uv_install
from tests.published_tree import Published, publish_sample
from tests.running import PATIENT, until


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return publish_sample(tmp_path / "public")


@pytest.fixture
def server(published: Published) -> Iterator[Server]:
    server = Server({"": published.public})
    server.start()
    yield server
    server.stop()


def opened(server: Server, sent: bytes = b"") -> socket.socket:
    parts = urlsplit(server.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENT)
    connection.sendall(sent)
    return connection


def rest_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8080", ("127.0.0.1", 8080)),
        (" 0 ", ("127.0.0.1", 0)),
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:0", ("::1", 0)),
    ],
)
def test_an_address_is_a_port_with_or_without_a_host(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text", ["", "x", ":80", "65536", "-1", "1.2.3.4", "::1:80", "[::1]", "http://a:80", "a b:80", "٨٠", "80:"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_listen(text)
    assert repr(text) in caught.value.message
    assert "0.0.0.0:8080" in caught.value.remedy


def test_a_port_in_use_is_a_configuration_error_with_a_remedy(server: Server, published: Published) -> None:
    port = urlsplit(server.url).port or 0
    with pytest.raises(ConfigurationError) as caught:
        Server({"": published.public}, port=port)
    assert str(port) in caught.value.message
    assert "another port" in caught.value.remedy


def test_an_address_of_another_machine_is_a_configuration_error(published: Published) -> None:
    for host in ("192.0.2.1", "no-such-host.invalid", "a..b"):
        with pytest.raises(ConfigurationError, match="Cannot listen") as caught:
            Server({"": published.public}, host=host)
        assert "127.0.0.1" in caught.value.remedy


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("::", "[::1]"), ("0.0.0.0", "127.0.0.1")])
def test_the_url_can_be_typed_on_this_machine(published: Published, host: str, shown: str) -> None:
    server = Server({"": published.public}, host=host)
    server.start()
    try:
        assert server.url.startswith(f"http://{shown}:")
        assert ask(server.url, "/simple/").status == 200
    finally:
        server.stop()


def test_several_indexes_lie_below_their_names_and_the_root_links_them(tmp_path: Path) -> None:
    trees = {name: publish_sample(tmp_path / name).public for name in ("stable", "testing & more")}
    server = Server(trees)
    server.start()
    try:
        root = ask(server.url, "/")
        assert b'href="/stable/"' in root.body
        assert b'href="/testing%20%26%20more/"' in root.body
        assert ask(server.url, "/stable/simple/Foo.Bar").headers["location"] == "/stable/simple/foo-bar/"
        assert ask(server.url, "/stable").headers["location"] == "/stable/"
        assert ask(server.url, "/testing%20%26%20more/simple/foo-bar/").status == 200
        assert ask(server.url, "/stable/.eggwatch/secret").status == 404
        missing = ask(server.url, "/simple/foo-bar/")
        assert (missing.status, b"/stable/simple/" in missing.body) == (404, True)
    finally:
        server.stop()


def test_a_tree_that_vanished_is_a_503_so_that_no_client_looks_elsewhere(server: Server, published: Published) -> None:
    shutil.rmtree(published.public)
    assert ask(server.url, "/simple/foo-bar/").status == 503


def test_below_simple_and_files_of_an_unmounted_folder_is_a_503_too(server: Server, published: Published) -> None:
    """An empty mount point is there and has no pages: with a 404 installers would go on to another index."""
    shutil.rmtree(published.public)
    published.public.mkdir()
    below = (
        "simple/",
        "simple/foo-bar/",
        "simple/other/",
        "simple/index.v1_json",
        "simple/-/",
        "files/a/b.whl",
        "files/a",
    )
    assert {ask(server.url, f"/{path}").status for path in below} == {503}
    assert ask(server.url, "/status.json").status == 404


HEADERS = ("Accept", "Accept-Encoding", "If-None-Match", "If-Modified-Since", "If-Range", "Range", "X-Other")


def test_long_headers_cost_little(server: Server) -> None:
    """Less than two hundred plain requests each, also where a reader of headers takes its time by the square."""

    def cost(*requests: bytes) -> float:
        began = time.process_time()
        for request in requests:
            raw(server.url, b"GET /simple/%s HTTP/1.1\r\nConnection: close\r\n\r\n" % request)
        return time.process_time() - began

    plain = cost(*[b""] * 50)
    for filling in (b" ", b"\t", b" \t", b";", b",", b"a,", b'"', b"W/"):
        value = b"text/html" + filling * (15_000 // len(filling)) + b"x"
        headers = [b" HTTP/1.1\r\n%s: %s\r\nX: " % (name.encode(), value) for name in HEADERS]
        for header in headers:
            assert any(cost(header) < 4 * plain for _ in range(3)), (filling, header[:40])
    assert any(cost(b"?format=text/html" + b"%09" * 5000 + b"x") < 4 * plain for _ in range(3))


def test_headers_of_more_than_16_kib_are_refused(server: Server) -> None:
    assert b" 431 " in raw(server.url, b"GET /simple/ HTTP/1.1\r\nX: ".ljust(16 * 1024, b"x"))


def test_who_has_taken_many_answers_on_one_connection_is_not_slow(server: Server) -> None:
    """Slow is who takes one answer for long."""
    client = connect(server.url)
    began = time.time()
    client.request("GET", "/simple/")
    client.getresponse().read()
    (channel,) = server._listener.active_channels.values()
    channel.creation_time -= 60
    client.request("GET", "/simple/")
    client.getresponse().read()
    assert channel.answered_since > began
    client.close()


def test_stop_waits_for_no_idle_half_sent_or_finished_connection(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "FINISHING_SECONDS", 3600.0)
    server = Server({"": published.public})
    server.start()
    with ExitStack() as stack:
        for sent in (b"", b"GET /simple/ HT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
            stack.enter_context(closing(opened(server, sent)))
        until("all three are there", lambda: len(server._listener.active_channels) == 3)
        server.stop()
    with pytest.raises(ConnectionRefusedError):
        opened(server)
    server.stop()


def test_a_server_that_never_started_can_be_stopped(published: Published) -> None:
    server = Server({"": published.public})
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        opened(server)


def test_stop_lets_a_download_end_but_waits_no_longer_than_a_second(published: Published) -> None:
    (published.public / "large.bin").write_bytes(bytes(32 << 20))
    server = Server({"": published.public})
    server.start()
    with closing(opened(server, b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")) as stuck:
        stuck.recv(1)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began > 0.5
        assert len(rest_of(stuck)) < 32 << 20


def test_idle_connections_make_room_for_new_ones(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 4)
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 3600.0)
    server = Server({"": published.public})
    server.start()
    try:
        with ExitStack() as stack:
            for sent in (b"", b"GET / HTTP/1.1\r\nX: letter by le") * 10:
                stack.enter_context(closing(opened(server, sent)))
            assert ask(server.url, "/simple/foo-bar/").status == 200
    finally:
        server.stop()


def sip(connection: socket.socket, ended: threading.Event) -> None:
    """Take an answer at 26 kB/s."""
    with suppress(OSError):
        while not ended.is_set() and connection.recv(2600):
            ended.wait(0.1)


@contextmanager
def sipping(server: Server, request: bytes, many: int) -> Iterator[None]:
    """So many clients that take the answers to a request slowly, each with a small buffer of its own."""
    ended = threading.Event()
    parts = urlsplit(server.url)
    with ExitStack() as stack:
        threads = []
        for _ in range(many):
            slow = stack.enter_context(closing(socket.socket()))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            slow.settimeout(PATIENT)
            slow.connect((parts.hostname, parts.port))
            slow.sendall(request)
            threads.append(threading.Thread(target=sip, args=(slow, ended)))
            threads[-1].start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def memory() -> int:
    """Bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> list[str]:
    """What this process has open, by its path."""
    paths = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            paths.append(os.readlink(f"/proc/self/fd/{name}"))
    return paths


@pytest.mark.parametrize("asked", [1, 3, 40], ids=["one by one", "three at once", "forty at once"])
def test_slow_readers_hinder_nobody(server: Server, published: Published, asked: int) -> None:
    """70 that take a file of 1 GB at 26 kB/s, also such as ask for more beforehand: honest requests are answered.

    Nothing of the file is kept in memory or on a disk for them.
    """
    with (published.public / "large.bin").open("wb") as large:
        large.truncate(1 << 30)
    before, files = memory(), open_files()
    with sipping(server, b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n" * asked, 70):
        for _ in range(10):
            assert ask(server.url, "/simple/foo-bar/").status == 200
        assert memory() - before < 64 << 20
        new = [path for path in open_files() if path not in files and path.startswith("/")]
        assert set(new) == {str(published.public / "large.bin")} and len(new) <= 70


def test_a_fast_reader_takes_turns_with_others(
    server: Server, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast it is, it gets a bounded piece before it is the turn of the next."""
    pieces = []
    flush = server_module._Channel._flush_some

    def noted(channel: server_module._Channel, do_close: bool = True) -> bool:
        before = channel.total_outbufs_len
        flushed = flush(channel, do_close)
        pieces.append(before - channel.total_outbufs_len)
        return flushed

    monkeypatch.setattr(server_module._Channel, "_flush_some", noted)
    size = 64 << 20
    with (published.public / "large.bin").open("wb") as large:
        large.truncate(size)
    assert len(ask(server.url, "/large.bin").body) == size
    until("the last piece was noted", lambda: sum(pieces) >= size)
    assert max(pieces) <= server_module.TURN + BLOCK


def test_in_a_crowd_slow_readers_go(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are, the next one is let in."""
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 4)
    monkeypatch.setattr(server_module, "SLOW_SECONDS", 0.3)
    with (published.public / "large.bin").open("wb") as large:
        large.truncate(1 << 30)
    server = Server({"": published.public})
    server.start()
    try:
        with sipping(server, b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n", 12):
            for _ in range(2):
                assert ask(server.url, "/simple/foo-bar/").status == 200
    finally:
        server.stop()


def test_other_trees_are_shown_from_the_next_request_on(server: Server, published: Published) -> None:
    assert ask(server.url, "/simple/foo-bar/").status == 200
    server.show({"one": published.public, "two": published.public})
    assert ask(server.url, "/simple/foo-bar/").status == 404
    assert ask(server.url, "/one/simple/foo-bar/").status == 200
    server.show({"": published.public})
    assert ask(server.url, "/simple/foo-bar/").status == 200


def test_a_silent_client_is_hung_up(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.2)
    server = Server({"": published.public})
    server.start()
    try:
        with closing(opened(server)) as silent:
            assert silent.recv(1) == b""
    finally:
        server.stop()


def test_a_file_cut_short_while_it_is_sent_ends_the_connection(published: Published) -> None:
    large = published.public / "large.bin"
    large.write_bytes(bytes(64 << 20))
    server = Server({"": published.public})
    server.start()
    try:
        connection = connect(server.url)
        connection.request("GET", "/large.bin")
        response = connection.getresponse()
        os.truncate(large, 1 << 20)
        with pytest.raises(Exception, match="IncompleteRead"):
            response.read()
    finally:
        server.stop()


def test_no_descriptor_is_left_behind(server: Server, published: Published) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    (published.public / "folder").mkdir()
    ask(server.url, "/")
    before = count()
    tag = ask(server.url, "/simple/").headers["etag"]
    for _ in range(20):
        ask(server.url, "/simple/", If_None_Match=tag)
        ask(server.url, "/", "HEAD")
        ask(server.url, f"/files/foo-bar/{published.wheel}", Range="bytes=999999-")
        assert ask(server.url, "/folder").headers["location"] == "/folder/"
        raw(server.url, b"GARBAGE\r\n\r\n")
    until("all are closed", lambda: count() <= before)


@pytest.mark.parts
def test_pip_installs_and_downloads_the_wheel(server: Server, published: Published, tmp_path: Path) -> None:
    index = f"{server.url}simple/"
    target = pip_install(tmp_path / "home", index, "foo-bar==1.0")
    assert (target / "foo_bar.py").read_text() == "ANSWER = 42\n"
    done = pip(tmp_path / "home", "download", "--index-url", index, "--dest", str(tmp_path), "Foo.Bar")
    assert (tmp_path / published.wheel).read_bytes() == published.content[published.wheel], done.stderr


@pytest.mark.parts
def test_uv_installs_the_wheel(server: Server, tmp_path: Path) -> None:
    target = uv_install(tmp_path / "home", f"{server.url}simple/", "foo-bar==1.0")
    assert (target / "foo_bar.py").read_text() == "ANSWER = 42\n"
