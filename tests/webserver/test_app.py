"""The web server, asked over real sockets and by real installers."""

from __future__ import annotations

import gzip
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from eggwatch.webserver.server import Server
from tests.http_asking import ask, connect, raw
from tests.published_tree import SECRET, Published, publish_sample, replace
from tests.running import until

V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
PAGE = "/simple/foo-bar/"


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return publish_sample(tmp_path / "public")


@pytest.fixture
def server(published: Published) -> Iterator[Server]:
    with running(Server({"": published.public})) as server:
        yield server


@pytest.mark.parametrize(
    ("accept", "form", "content_type"),
    [
        ("*/*", "index.html", "text/html; charset=utf-8"),
        (V1_HTML, "index.v1_html", V1_HTML),
        (V1_JSON, "index.v1_json", V1_JSON),
        ("application/vnd.pypi.simple.latest+json", "index.v1_json", V1_JSON),
    ],
)
@pytest.mark.parametrize("folder", ["simple", "simple/foo-bar"])
def test_a_page_comes_in_the_form_that_was_asked_for(
    server: Server, published: Published, accept: str, form: str, content_type: str, folder: str
) -> None:
    reply = ask(server.url, f"/{folder}/", Accept=accept)
    assert (reply.status, reply.body) == (200, published.page(form, folder))
    assert reply.headers["content-type"] == content_type
    assert reply.headers["vary"] == "Accept, Accept-Encoding"
    assert reply.headers["cache-control"] == "max-age=0, must-revalidate"


def test_format_in_the_query_wins_and_every_form_has_a_path_of_its_own(server: Server, published: Published) -> None:
    wanted = published.page("index.v1_json")
    assert ask(server.url, f"{PAGE}?format={V1_JSON}", Accept="text/html").body == wanted
    assert ask(server.url, f"{PAGE}index.v1_json", Accept="text/html").body == wanted


def test_the_compressed_twin_is_sent_to_those_who_take_it(server: Server, published: Published) -> None:
    packed = ask(server.url, PAGE, Accept=V1_JSON, Accept_Encoding="gzip, deflate")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == published.page("index.v1_json")
    plain = ask(server.url, PAGE, Accept=V1_JSON, Accept_Encoding="gzip;q=0, identity")
    assert "content-encoding" not in plain.headers


def test_a_missing_twin_is_no_loss(server: Server, published: Published) -> None:
    (published.public / "simple/foo-bar/index.v1_json.gz").unlink()
    reply = ask(server.url, PAGE, Accept=V1_JSON, Accept_Encoding="gzip")
    assert (reply.body, "content-encoding" in reply.headers) == (published.page("index.v1_json"), False)


def test_every_form_and_encoding_has_a_strong_tag_of_its_own(server: Server, published: Published) -> None:
    folder = published.public / "simple/foo-bar"
    (folder / "index.v1_html").unlink()
    os.link(folder / "index.html", folder / "index.v1_html")
    tags = {
        ask(server.url, PAGE, Accept=accept, Accept_Encoding=encoding).headers["etag"]
        for accept in ("text/html", V1_HTML, V1_JSON)
        for encoding in ("gzip", "identity")
    }
    assert len(tags) == 6
    assert all(re.fullmatch(r'"[^"]+"', tag) for tag in tags)


def test_an_unchanged_page_costs_a_304_until_it_is_replaced(server: Server, published: Published) -> None:
    page = published.public / "simple/foo-bar/index.html"
    first = ask(server.url, PAGE)
    again = ask(server.url, PAGE, If_None_Match=first.headers["etag"])
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["vary"] == first.headers["vary"]
    assert ask(server.url, PAGE, If_Modified_Since=first.headers["last-modified"]).status == 304
    times = (page.stat().st_atime_ns, page.stat().st_mtime_ns)
    replace(page, bytes(len(first.body)))
    os.utime(page, ns=times)
    changed = ask(server.url, PAGE, If_None_Match=first.headers["etag"])
    assert (changed.status, changed.body) == (200, bytes(len(first.body)))


def test_files_are_kept_for_good_and_sent_as_they_are(server: Server, published: Published) -> None:
    for name, content in published.content.items():
        reply = ask(server.url, f"/files/foo-bar/{name}", Accept_Encoding="gzip")
        assert (reply.status, reply.body) == (200, content)
        expected = "text/plain; charset=utf-8" if name.endswith(".metadata") else "application/octet-stream"
        assert reply.headers["content-type"] == expected
        assert reply.headers["cache-control"] == "max-age=31536000, immutable"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "content-encoding" not in reply.headers


def test_head_tells_what_get_would_send_and_sends_nothing(server: Server, published: Published) -> None:
    path = f"/files/foo-bar/{published.wheel}"
    head, get = ask(server.url, path, "HEAD", Range="bytes=0-1"), ask(server.url, path)
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
    assert head.headers["accept-ranges"] == "bytes"


def test_a_range_of_a_file_is_sent_as_206(server: Server, published: Published) -> None:
    path, content = f"/files/foo-bar/{published.wheel}", published.content[published.wheel]
    for asked, part in (("0-9", content[:10]), ("10-", content[10:]), ("-7", content[-7:])):
        reply = ask(server.url, path, Range=f"bytes={asked}")
        assert (reply.status, reply.body) == (206, part)
        start = content.index(part)
        span = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        assert reply.headers["content-range"] == span


def test_a_range_behind_the_end_is_a_416_that_names_the_size(server: Server, published: Published) -> None:
    reply = ask(server.url, f"/files/foo-bar/{published.wheel}", Range="bytes=999999-")
    size = len(published.content[published.wheel])
    assert (reply.status, reply.headers["content-range"]) == (416, f"bytes */{size}")


def test_a_range_of_an_older_version_gets_the_whole_file(server: Server, published: Published) -> None:
    path = f"/files/foo-bar/{published.wheel}"
    tag = ask(server.url, path).headers["etag"]
    assert ask(server.url, path, Range="bytes=0-1", If_Range=tag).status == 206
    assert ask(server.url, path, Range="bytes=0-1", If_Range='"older"').status == 200


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/simple", "/simple/"),
        ("/simple/foo-bar", PAGE),
        ("/simple/Foo.Bar/", PAGE),
        ("/simple/Foo__BAR?format=x&y=%20", f"{PAGE}?format=x&y=%20"),
        ("//simple//foo-bar/", PAGE),
        ("/files/foo-bar", None),
    ],
)
def test_another_spelling_of_a_path_is_redirected_with_its_query(
    server: Server, path: str, location: str | None
) -> None:
    reply = ask(server.url, path)
    assert (reply.status, reply.headers.get("location")) == ((301, location) if location else (404, None))


def test_a_redirect_never_leads_to_another_host(server: Server) -> None:
    for path in ("//evil.example.com/simple", "/simple//evil.example.com", "///evil.example.com//"):
        location = ask(server.url, path).headers.get("location", "/")
        assert location.startswith("/") and not location.startswith("//")


def test_a_redirect_is_plain_ascii_whatever_the_query_holds(server: Server) -> None:
    for query in (b"\x01=1", b"\xe9", b"%0d%0aX:1", b"a b"):
        answer = raw(server.url, b"GET /simple?%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % query)
        assert b" 400 " in answer[:20] or b"\r\nLocation: /simple/?%0d%0aX:1\r\n" in answer or b"?%01=1\r\n" in answer


@pytest.mark.parametrize(
    "path",
    [
        "/.eggwatch/secret",
        "/.eggwatch/",
        "/.eggwatch",
        "/%2eeggwatch/secret",
        "/%2Eeggwatch/secret",
        "/simple/../.eggwatch/secret",
        "/simple/%2e%2e/.eggwatch/secret",
        "/simple/..%2f.eggwatch%2fsecret",
        "/simple/.eggwatch/secret",
        "/files/../.eggwatch/secret",
        "/simple%2f..%2f.eggwatch%2fsecret",
        "/files/foo-bar%2f..%2f..%2f.eggwatch/secret",
        "/files/foo-bar/../../.eggwatch/secret",
        "/files/foo-bar/..%2f..%2f.eggwatch%2fsecret",
        "/files/foo-bar/%2e%2e",
        "/./.eggwatch/secret",
        "/..%5c.eggwatch%5csecret",
        "/robots.txt%00.html",
        "/robots.txt/",
        "/robots.txt/x",
        "/robots%2Etxt%0a",
        "/%ff%fe",
        "/files/",
        "/files/foo-bar/",
        "/link-out",
        "/folder-out/secret",
        "/pipe",
        "/simple/nothing/",
        "/simple/%20/",
        "/simple/a/b/c",
        "/files/foo-bar/none-1.0.tar.gz",
        "/" + "x" * 300,
        "*",
        "simple/",
    ],
)
def test_what_is_not_published_is_a_404_that_says_so(server: Server, published: Published, path: str) -> None:
    spool = published.public / ".eggwatch"
    (published.public / "link-out").symlink_to(spool / "secret")
    (published.public / "folder-out").symlink_to(spool)
    os.mkfifo(published.public / "pipe")
    answer = raw(server.url, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 "), head
    assert SECRET not in answer
    assert body.startswith(b"404 Not Found\n") and len(body) > 20
    assert b"no-store" in head


def test_a_404_says_which_project_or_file_is_missing(server: Server) -> None:
    assert b"no project nothing" in ask(server.url, "/simple/nothing/").body
    reply = ask(server.url, "/files/foo-bar/none-1.0.tar.gz")
    assert b"none-1.0.tar.gz" in reply.body
    assert PAGE.encode() in reply.body


def test_other_plain_files_and_the_landing_page_are_served(server: Server, published: Published) -> None:
    landing = ask(server.url, "/")
    assert landing.body == (published.public / "index.html").read_bytes()
    assert "script-src 'self'; style-src 'self'" in landing.headers["content-security-policy"]
    assert ask(server.url, "/robots.txt").headers["content-type"] == "text/plain; charset=utf-8"
    assert ask(server.url, "/status.json").headers["content-type"] == "application/json"
    assert ask(server.url, "/pypi/foo-bar/json").headers["content-type"] == "application/json"
    (published.public / "feed.atom").write_text("<feed/>")
    assert ask(server.url, "/feed.atom").headers["content-type"] == "application/atom+xml"


def test_a_target_with_scheme_and_host_is_understood(server: Server) -> None:
    assert ask(server.url, f"{server.url}simple/").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_an_upload_is_refused_with_a_hint_even_when_it_is_long(server: Server, method: str) -> None:
    reply = ask(server.url, "/legacy/", method, body=bytes(8 << 20))
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert b"drop folder" in reply.body


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_a_body_in_chunks_is_dropped_and_its_connection_goes_on(server: Server, expect: bytes) -> None:
    body = b"100000\r\n" + bytes(1 << 20) + b"\r\n0\r\n\r\n"
    head = b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + expect + b"\r\n"
    after = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(server.url, head + body + after)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [*([b"100"] if expect else []), b"405", b"200"]


def test_a_body_is_never_taken_for_the_next_request(server: Server) -> None:
    smuggled = b"GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n"
    head = (
        f"GET /robots.txt HTTP/1.1\r\nHost: x\r\nContent-Length: {len(smuggled)}\r\nConnection: close\r\n\r\n".encode()
    )
    answer = raw(server.url, head + smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"schema" not in answer


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_body_of_two_lengths_is_no_request_and_ends_the_connection(server: Server, version: bytes) -> None:
    """RFC 9112, 6.1: a server in front may go by the other one."""
    lengths = b"Connection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    after = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(server.url, b"POST /legacy/ HTTP/%b\r\nHost: x\r\n" % version + lengths + after)
    assert re.findall(rb"HTTP/1.. (\d+)", answer) == [b"400"]


@pytest.mark.parametrize("request_line", [b"GARBAGE", b"GET /" + b"x" * 70000 + b" HTTP/1.1"])
def test_a_request_that_cannot_be_read_costs_only_its_connection(server: Server, request_line: bytes) -> None:
    with suppress(ConnectionResetError):  # it was not even read to its end
        assert re.search(rb"4\d\d ", raw(server.url, request_line + b"\r\n\r\n"))
    assert ask(server.url, "/").status == 200


def test_empty_lines_before_a_request_are_skipped(server: Server) -> None:
    """RFC 9112, 2.2: some clients send one after a body."""
    answer = raw(server.url, b"\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_many_requests_use_one_connection(server: Server) -> None:
    connection = connect(server.url)
    ports = set()
    connection.request("GET", "/")
    tag = (response := connection.getresponse()).headers["ETag"]
    response.read()
    for path in ("/", PAGE, "/nothing", "/simple", f"{PAGE}index.v1_json"):
        connection.request("GET", path, headers={"If-None-Match": tag})
        connection.getresponse().read()
        ports.add(connection.sock.getsockname())
    connection.close()
    assert len(ports) == 1


def test_pages_that_are_replaced_all_the_time_are_never_mixed(server: Server, published: Published) -> None:
    page, stop = published.public / "simple/foo-bar/index.html", threading.Event()

    def publish() -> None:
        for number in range(1_000_000):
            if stop.is_set():
                return
            replace(page, bytes([65 + number % 26]) * (1 + number * 37 % 300_000))

    writer = threading.Thread(target=publish)
    replace(page, b"A")
    writer.start()
    seen: dict[str, bytes] = {}
    try:
        for _ in range(300):
            reply = ask(server.url, PAGE)
            assert len(set(reply.body)) == 1
            assert len(reply.body) == int(reply.headers["content-length"])
            assert seen.setdefault(reply.headers["etag"], reply.body) == reply.body
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 20


def test_the_log_has_one_line_a_request_and_nobody_can_forge_one(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "eggwatch.http"):
        raw(server.url, b'GET /\x1b[31m"\x00 HTTP/1.1\r\nHost: x\r\nUser-Agent: a\xe9b"\r\nConnection: close\r\n\r\n')
        ask(server.url, "/robots.txt")
        # The line is written when all is sent, so the client may be ahead of it.
        until("both lines", lambda: len(caplog.records) >= 2)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert '"GET /\\x1b[31m\\x22\\x00 HTTP/1.1" 404' in lines[0] and '"a\\xe9b\\x22"' in lines[0]
    assert '"GET /robots.txt HTTP/1.1" 200' in lines[1]


def test_the_rules_are_a_page_at_a_url_of_their_own(server: Server, published: Published) -> None:
    """Reasons link it as rules/#CODE."""
    reply = ask(server.url, "/rules/")
    assert (reply.status, reply.body) == (200, (published.public / "rules/index.html").read_bytes())
    assert reply.headers["content-type"].lower() == "text/html; charset=utf-8"
    assert ask(server.url, "/rules").headers["location"].endswith("/rules/")
