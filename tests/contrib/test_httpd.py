"""The sample configurations, as shipped, in real web servers, asked over sockets and by real installers."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from eggwatch.model.names import project_name
from tests.contrib.web_servers import SERVERS, folder_for, serving
from tests.http_asking import ask, raw
from tests.installers import pip_install, uv_install
from tests.published_tree import SECRET, Published, publish_sample, replace
from tests.running import until

V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
PAGE = "/simple/foo-bar/"
PIP = f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01"

pytestmark = [pytest.mark.parts, pytest.mark.root]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running web server over a published tree."""

    kind: str
    url: str
    published: Published
    folder: Path


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    kind = str(request.param)
    with folder_for(kind) as folder:
        published = publish_sample(folder / "public")
        (published.public / ".eggwatch").chmod(0o755)  # worse than in life: only the configuration protects it
        with serving(kind, folder / "run", published.public) as url:
            yield Site(kind=kind, url=url, published=published, folder=folder / "run")


@pytest.mark.parametrize(
    ("accept", "form", "content_type"),
    [
        (None, "index.html", "text/html; charset=utf-8"),
        ("*/*", "index.html", "text/html; charset=utf-8"),
        ("image/png", "index.html", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "index.html", "text/html; charset=utf-8"),
        (PIP, "index.v1_json", V1_JSON),
        (f"{V1_JSON}, */*;q=0.1", "index.v1_json", V1_JSON),
        ("application/vnd.pypi.simple.latest+json", "index.v1_json", V1_JSON),
        (V1_HTML, "index.v1_html", V1_HTML),
        ("application/vnd.pypi.simple.latest+html", "index.v1_html", V1_HTML),
    ],
)
@pytest.mark.parametrize("folder", ["simple", "simple/foo-bar"])
@pytest.mark.parametrize("encoding", ["identity", "gzip, deflate", "gzip;q=0"])
def test_a_page_comes_in_the_form_and_encoding_that_was_asked_for(
    site: Site, accept: str | None, form: str, content_type: str, folder: str, encoding: str
) -> None:
    headers = {"Accept_Encoding": encoding, **({"Accept": accept} if accept else {})}
    reply = ask(site.url, f"/{folder}/", "GET", None, **headers)
    is_packed = encoding == "gzip, deflate"
    assert reply.status == 200
    assert reply.headers.get("content-encoding") == ("gzip" if is_packed else None)
    body = gzip.decompress(reply.body) if is_packed else reply.body
    assert body == site.published.page(form, folder)
    assert reply.headers["content-type"].lower() == content_type
    varying = {name.strip().lower() for name in reply.headers["vary"].split(",")}
    assert {"accept", "accept-encoding"} <= varying
    assert reply.headers["cache-control"] == "max-age=0, must-revalidate"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accept", ["text/html", PIP])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_unchanged_page_costs_a_304_until_it_is_replaced(site: Site, accept: str, encoding: str) -> None:
    first = ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding)
    tag = first.headers["etag"]
    again = ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding, If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    form = "index.v1_json" if accept == PIP else "index.html"
    page = site.published.public / "simple/foo-bar" / (f"{form}.gz" if encoding == "gzip" else form)
    later = page.stat().st_mtime_ns + 10**9  # what docs/contract.rst promises: a page's times are a second apart
    replace(page, page.read_bytes())
    os.utime(page, ns=(later, later))
    changed = ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding, If_None_Match=tag)
    assert (changed.status, changed.body) == (200, first.body)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("path", [PAGE, "/simple/", "/"])
def test_a_page_that_changes_twice_in_a_second_is_never_called_unchanged(site: Site, path: str, encoding: str) -> None:
    """Neither by its tag nor, to those who ask by time alone, by its time."""
    folder = site.published.public / path.strip("/")
    forms = [folder / name for name in ("index.html", "index.html.gz") if (folder / name).exists()]
    stamp = time.time_ns()
    for _ in range(3):
        stamp += 10**9  # what docs/contract.rst promises
        for form in forms:
            replace(form, form.read_bytes())
            os.utime(form, ns=(stamp, stamp))
        reply = ask(site.url, path, Accept="text/html", Accept_Encoding=encoding)
        for form in forms:
            replace(form, form.read_bytes())
            os.utime(form, ns=(stamp + 10**9, stamp + 10**9))
        stamp += 10**9
        assert path == "/" or reply.headers["etag"].startswith('"'), "installers do not keep what has a weak tag"
        for header, value in (("If_None_Match", "etag"), ("If_Modified_Since", "last-modified")):
            asked = {header: reply.headers.get(value, reply.headers["date"])}
            assert ask(site.url, path, Accept="text/html", Accept_Encoding=encoding, **asked).status == 200


def test_an_archive_tells_its_time(site: Site) -> None:
    path = f"/files/foo-bar/{site.published.wheel}"
    since = ask(site.url, path).headers["last-modified"]
    assert ask(site.url, path, If_Modified_Since=since).status == 304


def test_forms_of_other_bytes_have_other_tags(site: Site) -> None:
    tags = [
        ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding).headers["etag"]
        for accept in ("text/html", PIP)
        for encoding in ("gzip", "identity")
    ]
    assert len(set(tags)) == 4


def test_files_are_kept_for_good_and_sent_as_they_are(site: Site) -> None:
    for name, content in site.published.content.items():
        reply = ask(site.url, f"/files/foo-bar/{name}", Accept_Encoding="gzip, deflate")
        assert (reply.status, reply.body) == (200, content)
        expected = "text/plain; charset=utf-8" if name.endswith(".metadata") else "application/octet-stream"
        assert reply.headers["content-type"].lower() == expected
        assert reply.headers["cache-control"] == "max-age=31536000, immutable"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "content-encoding" not in reply.headers


def test_a_file_can_be_read_in_pieces(site: Site) -> None:
    path, content = f"/files/foo-bar/{site.published.wheel}", site.published.content[site.published.wheel]
    head = ask(site.url, path, "HEAD")
    assert (head.headers["accept-ranges"], int(head.headers["content-length"])) == ("bytes", len(content))
    for asked, part in (("0-9", content[:10]), ("-7", content[-7:])):
        reply = ask(site.url, path, Range=f"bytes={asked}")
        assert (reply.status, reply.body) == (206, part)
    assert ask(site.url, path, Range="bytes=999999-").status == 416


def test_a_missing_slash_is_redirected(site: Site) -> None:
    for path in ("/simple", "/simple/foo-bar"):
        reply = ask(site.url, path, Accept=PIP)
        assert reply.status in (301, 308)
        location = reply.headers["location"]
        if site.kind == "apache":  # always tells scheme and host, as ServerName has them
            location = location.removeprefix(site.url.rstrip("/"))
        assert location == f"{path}/"


SPELLINGS = ["Foo_Bar", "FOO.BAR", "foo--bar", "foo.-_bar", "Foo-Bar", "f.O_o--B.a.R", "FooOoOOo.Bar_BAR"]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_name_that_is_not_normalised_leads_to_the_one_that_is(site: Site, spelling: str, slash: str) -> None:
    """Permanently; nginx, which can't lower a word at once, needs a step for each repetition."""
    location = f"/simple/{spelling}{slash}"
    steps = 0
    while (reply := ask(site.url, location, Accept=PIP)).status in (301, 308):
        location = reply.headers["location"].removeprefix(site.url.rstrip("/"))
        steps += 1
    assert location == f"/simple/{project_name(spelling)}/"
    assert reply.status == (200 if project_name(spelling) == "foo-bar" else 404)
    assert steps == 1 or (site.kind == "nginx" and steps < 6)


@pytest.mark.parametrize("path", ["/simple/index.html", "/simple/index.v1_json", "/simple/foo-bar/index.v1_html"])
def test_a_form_of_a_page_has_a_path_of_its_own(site: Site, path: str) -> None:
    folder, form = path.strip("/").rsplit("/", 1)
    assert ask(site.url, path).body == site.published.page(form, folder)


@pytest.mark.parametrize("name", ["foo%0d%0aX-Y:_1", "foo_%2f%2fexample.com", "_foo_", "a_/b_", "%20A", "É_A"])
def test_what_is_no_name_is_not_redirected(site: Site, name: str) -> None:
    reply = ask(site.url, "/simple/" + quote(name, safe="%") + "/")
    assert reply.status in (400, 403, 404)


def test_what_is_missing_is_a_404_that_no_cache_keeps(site: Site) -> None:
    for path in ("/simple/nothing/", "/files/foo-bar/none-1.0.tar.gz", "/files/foo-bar/x.whl.metadata", "/nothing"):
        reply = ask(site.url, path, Accept=PIP)
        assert reply.status == 404
        assert "immutable" not in reply.headers.get("cache-control", "")


def test_no_folder_is_listed(site: Site) -> None:
    for path in ("/files/", "/files/foo-bar/"):
        reply = ask(site.url, path)
        assert reply.status in (403, 404)
        assert site.published.wheel.encode() not in reply.body


@pytest.mark.parametrize(
    "path",
    [
        "/.eggwatch/secret",
        "/.eggwatch/",
        "/.eggwatch",
        "/%2eeggwatch/secret",
        "//.eggwatch/secret",
        "/simple/../.eggwatch/secret",
        "/simple/%2e%2e/.eggwatch/secret",
        "/simple/..%2f.eggwatch%2fsecret",
        "/files/foo-bar/../../.eggwatch/secret",
        "/.git/config",
    ],
)
@pytest.mark.parametrize("accept", ["*/*", PIP])
def test_dot_folders_do_not_exist_for_the_world(site: Site, path: str, accept: str) -> None:
    (site.published.public / ".git").mkdir(exist_ok=True)
    (site.published.public / ".git/config").write_bytes(SECRET)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    answer = raw(site.url, request.encode())
    assert SECRET not in answer
    assert answer.split(b" ")[1] in (b"404", b"400", b"403", b"301", b"308"), answer


@pytest.mark.parametrize("site", ["apache", "nginx"], indirect=True)  # the sample for Caddy asks for no access log
def test_requests_for_dot_folders_fill_no_access_log(site: Site) -> None:
    log = site.folder / "eggwatch.log"
    ask(site.url, "/.eggwatch/secret")
    ask(site.url, "/robots.txt?last")
    until("the log", lambda: "robots.txt?last" in log.read_text())
    assert ".eggwatch" not in log.read_text()


@pytest.mark.parametrize("site", ["apache", "nginx"], indirect=True)  # Caddy has no such setting
def test_a_link_to_a_file_of_somebody_else_is_not_followed(site: Site) -> None:
    foreign = site.folder.parent / "foreign"
    foreign.write_bytes(SECRET)
    shutil.chown(foreign, "nobody")
    (site.published.public / "passwords").symlink_to(foreign)
    assert SECRET not in ask(site.url, "/passwords").body


def test_the_landing_page_and_other_files_are_served(site: Site) -> None:
    landing = ask(site.url, "/")
    assert landing.body == (site.published.public / "index.html").read_bytes()
    assert landing.headers["content-type"].lower() == "text/html; charset=utf-8"
    assert landing.headers["cache-control"] == "max-age=0, must-revalidate"
    assert "script-src 'self'; style-src 'self'" in landing.headers["content-security-policy"]
    assert ask(site.url, "/status.json").headers["content-type"].startswith("application/json")
    assert ask(site.url, "/robots.txt").status == 200


def test_a_page_of_the_json_api_is_served_as_json(site: Site) -> None:
    reply = ask(site.url, "/pypi/foo-bar/json")
    assert (reply.body, reply.headers["content-type"]) == (b'{"info": {}}\n', "application/json")
    assert reply.headers["cache-control"] == "max-age=0, must-revalidate"
    assert ask(site.url, "/pypi/nothing/json").status == 404


def test_pip_installs_from_it(site: Site, tmp_path: Path) -> None:
    target = pip_install(tmp_path / "home", f"{site.url}simple/", "foo-bar==1.0")
    assert (target / "foo_bar.py").read_text() == "ANSWER = 42\n"


def test_uv_installs_from_it(site: Site, tmp_path: Path) -> None:
    target = uv_install(tmp_path / "home", f"{site.url}simple/", "foo-bar==1.0")
    assert (target / "foo_bar.py").read_text() == "ANSWER = 42\n"


def test_the_rules_are_a_page_at_a_url_of_their_own(site: Site) -> None:
    """Reasons link it as rules/#CODE."""
    reply = ask(site.url, "/rules/")
    assert (reply.status, reply.body) == (200, (site.published.public / "rules/index.html").read_bytes())
    assert reply.headers["content-type"].lower() == "text/html; charset=utf-8"
    assert ask(site.url, "/rules").headers["location"].endswith("/rules/")
