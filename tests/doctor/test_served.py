"""`doctor --url` against real web servers: nothing is found of the samples, and each of many broken ones is."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from eggwatch.doctor import asking
from eggwatch.doctor.asking import V1_JSON, HttpAnswer, ServedIndex
from eggwatch.doctor.served import CHECKS
from eggwatch.readers import remote
from eggwatch.readers.remote import NotReachedError
from tests.archive_factory import sdist, wheel
from tests.cli.program import Done, Site
from tests.contrib import web_servers
from tests.contrib.test_uploads_behind_httpd import with_uploads
from tests.contrib.web_servers import SAMPLES, SERVERS, folder_for
from tests.http_serving import endless, served
from tests.once import mostly_long
from tests.webserver.door import ANONYMOUS, serving, url_of

pytestmark = [pytest.mark.parts, pytest.mark.root]

KINDS = sorted(SERVERS)
FILES = {"apache": "apache.conf", "nginx": "nginx.conf", "caddy": "caddy.Caddyfile"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An index with a wheel and an sdist."""
    with folder_for("doctor") as folder:
        site = Site(folder / "site")
        for archive in (wheel("foo-bar"), sdist("foo-bar", "1.1")):
            site.put(archive)
        assert site.run("run", "--once").code == 0
        yield site


@contextmanager
def behind(kind: str, site: Site, *changes: tuple[str, str], samples: Path = SAMPLES) -> Iterator[str]:
    """A sample after some changes, in its web server, which runs as www-data (Caddy: as root); its URL."""
    with folder_for(kind) as folder:
        shutil.copytree(samples, folder / "samples")
        file = folder / "samples" / FILES[kind]
        text = file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text)
        with web_servers.serving(kind, folder / "run", site.public, folder / "samples") as url:
            yield url


def found(done: Done) -> list[dict[str, Any]]:
    """The findings of a report."""
    row = done.row
    assert done.code == (1 if row["findings"] else 0), done.err
    assert row["sound"] == (not row["findings"])
    findings: list[dict[str, Any]] = row["findings"]
    return findings


def test_the_documentation_lists_every_check_of_a_web_server() -> None:
    """docs/webserver.rst names them all, in their order."""
    text = (SAMPLES.parents[1] / "docs/webserver.rst").read_text().partition("\nCheck a web server\n")[2]
    assert re.findall(r"^``([a-z-]+)``  ", text, re.MULTILINE) == list(CHECKS)


@pytest.mark.parametrize("kind", mostly_long(KINDS))
def test_of_a_sample_as_it_is_shipped_nothing_is_found(kind: str, site: Site) -> None:
    with behind(kind, site) as url:
        done = site.call("doctor", "--url", f"{url}simple/", "--json")
        assert (found(done), done.row["unchecked"], done.row["index"], done.row["url"]) == ([], [], "main", url)
        assert site.call("doctor", "--url", url).out == f"{url} (index main): 0 findings (12 checks)\n"


def test_of_the_server_of_eggwatch_itself_nothing_is_found(site: Site) -> None:
    with serving(site) as server:
        assert found(site.call("doctor", "--url", url_of(server), "--json")) == []


BROKEN: dict[str, tuple[str, list[tuple[str, str]], str, str]] = {
    "no form but HTML": ("nginx", [("index index$eggwatch_form;", "index index.html;")], "types", "text/html, and not"),
    "no type for JSON": (
        "nginx",
        [("application/vnd.pypi.simple.v1+json  v1_json;", "")],
        "types",
        "text/plain, and not application/vnd.pypi.simple.v1+json",
    ),
    "MultiViews": (
        "apache",
        [
            ("Options SymLinksIfOwnerMatch", "Options SymLinksIfOwnerMatch MultiViews"),
            ("DirectoryIndex disabled", "DirectoryIndex index"),
            ("        RewriteEngine On\n", "        RewriteEngine Off\n"),
        ],
        "types",
        "that accepts */* gets application/vnd.pypi.simple.v1+json",
    ),
    "no Vary": ("caddy", [('header /simple/* Vary "Accept, Accept-Encoding"', "")], "vary", "Vary lacks accept"),
    "pages kept for an hour": ("apache", [("max-age=0, must-revalidate", "max-age=3600")], "caching", "3600 seconds"),
    "nothing about caching": ("nginx", [("add_header Cache-Control", "#")], "caching", "guess"),
    "no ETag": (
        "caddy",
        [("header @json Cache-Control", "header @json -ETag\n\theader @json Cache-Control")],
        "caching",
        "ETag",
    ),
    "compressed on the fly": ("nginx", [("gzip_static on;", "gzip_types *;\ngzip_min_length 1;")], "caching", "weak"),
    "not compressed": ("caddy", [("precompressed gzip", "")], "compression", "index.v1_json.gz"),
    "sdists unpacked by clients": (
        "apache",
        [("RemoveEncoding .gz .bz2 .tgz .Z", "")],
        "files",
        "'Content-Encoding: ",
    ),
    "no ranges": (
        "nginx",
        [("default_type application", "max_ranges 0;\ndefault_type application")],
        "ranges",
        "Range",
    ),
    "names not normalised": ("caddy", [("route @other_spelling {", "route /never {")], "redirects", "another spelling"),
    "redirected to the inner name": (
        "nginx",
        [("absolute_redirect off;", "server_name_in_redirect on;")],
        "redirects",
        "http://pypi.example.com:",
    ),
    "dot-folders shown": ("nginx", [("location ~ /\\. {", "location ~ /\\.never {")], "hidden", "only its mode"),
    "dot-folders shown by Apache": ("apache", [('RedirectMatch 404 "/\\."', "")], "hidden", "only its mode"),
    "no policy": ("apache", [("Header set Content-Security-Policy", "#")], "site", "without a Content-Security-Policy"),
    "a policy against the site": ("nginx", [("style-src 'self'", "style-src 'none'")], "site", "style-src"),
}


@pytest.mark.parametrize("name", mostly_long(BROKEN))
def test_what_is_wrong_with_a_configuration_is_found(name: str, site: Site) -> None:
    """With the server's own words for it in the remedy, and nothing that is not wrong."""
    kind, changes, check, problem = BROKEN[name]
    with behind(kind, site, *changes) as url:
        findings = found(site.call("doctor", "--url", url, "--json"))
    assert any(one["check"] == check and problem in one["problem"] for one in findings), findings
    assert {one["check"] for one in findings} <= {check, "compression", "vary"}, findings
    assert all(f"eggwatch webserver {kind}" in one["remedy"] for one in findings)


def test_pages_and_files_that_the_server_may_not_read_are_found(site: Site) -> None:
    with behind("nginx", site) as url:
        for path, check in ((site.public / "files/foo-bar", "files"), (site.public / "simple", "pages")):
            path.chmod(0o700)
            try:
                findings = found(site.call("doctor", "--url", url, "--json"))
            finally:
                path.chmod(0o755)
            assert {one["check"] for one in findings} == {check}
            assert all("403" in one["problem"] and "namei -l" in one["remedy"] for one in findings)


def test_a_server_that_shows_an_older_copy_is_found(site: Site, tmp_path: Path) -> None:
    """A folder copied elsewhere, or a cache that does not ask again."""
    with folder_for("copy") as folder:
        shutil.copytree(site.public, folder / "public", ignore=shutil.ignore_patterns(".eggwatch"))
        copy = Site(folder / "other", bare=True)
        copy.public = folder / "public"
        site.put(wheel("newer"))
        assert site.run("run", "--once").code == 0
        with behind("nginx", copy) as url:
            findings = found(site.call("doctor", "--url", url, "--json"))
            assert [one["check"] for one in findings] == ["current"]
            assert "has the serial 2, and that in" in findings[0]["problem"]
            afar = Site(tmp_path / "afar", bare=True).run("doctor", "--url", url, "--json")
            assert (found(afar), [one["check"] for one in afar.row["unchecked"]]) == ([], ["current"])


def test_another_index_is_compared_with_none_of_this_machine(site: Site, tmp_path: Path) -> None:
    """Though it has the same files, and this machine only one index; the way of uploads is not tried, either."""
    other = Site(tmp_path / "other", uploads=ANONYMOUS)
    empty = Site(tmp_path / "empty")
    for one, archives in ((other, (wheel("foo-bar"), wheel("more"))), (empty, ())):
        for archive in archives:
            one.put(archive)
        assert one.run("run", "--once").code == 0
    with behind("nginx", site) as url:
        for one in (other, empty):
            done = one.call("doctor", "--url", url, "--json")
            assert (found(done), [row["check"] for row in done.row["unchecked"]]) == ([], ["current"])
            assert done.row["index"] is None
        assert other.call("doctor", "--url", url).out.endswith(
            f"{url}: 0 findings (12 checks, 1 not checked or not wholly)\n"
        )


def test_an_index_that_is_shown_is_known_among_several_by_its_url_or_its_files(site: Site, tmp_path: Path) -> None:
    """Without files there is only the URL; and the only index of a machine may have no files, either."""
    empty = Site(tmp_path / "empty")
    assert empty.run("run", "--once").code == 0
    with behind("nginx", site) as url, serving(empty) as server:
        names = {"first": empty.base, "second": site.base}
        tables = {
            name: f"[index.{name}]\n" + "".join(f'{key} = "{base / key}"\n' for key in ("drop", "public", "state"))
            for name, base in names.items()
        }
        both = Site(tmp_path / "both", bare=True)
        both.write_config("".join(tables.values()))
        assert both.call("doctor", "--url", url, "--json").row["index"] == "second"
        assert both.call("doctor", "--url", url_of(server), "--json").row["index"] == "first"
        both.write_config(f'{tables["first"]}url = "{url}simple/"\n{tables["second"]}')
        assert both.call("doctor", "--url", url, "--json").row["index"] == "first"


def test_archives_with_other_bytes_than_their_page_says_are_found(site: Site) -> None:
    with folder_for("copy") as folder:
        shutil.copytree(site.public, folder / "public", ignore=shutil.ignore_patterns(".eggwatch"))
        for archive in (folder / "public/files").rglob("*.whl"):
            archive.write_bytes(archive.read_bytes()[::-1])
        copy = Site(folder / "other", bare=True)
        copy.public = folder / "public"
        with behind("nginx", copy) as url:
            (finding,) = found(site.call("doctor", "--url", url, "--json"))
    assert (finding["check"], "is not the one that the page describes" in finding["problem"]) == ("files", True)
    assert "eggwatch verify" in finding["remedy"]


@pytest.mark.parametrize("kind", mostly_long(KINDS))
def test_uploads_that_do_not_reach_the_index_are_found(kind: str, tmp_path: Path) -> None:
    """Not passed on, passed on to a server that is down, and limited in size; nothing is found when they arrive."""
    with folder_for(kind) as folder:
        site = Site(folder / "site", uploads=ANONYMOUS)
        site.put(wheel("foo-bar"))
        with site.daemon(), serving(site) as server:
            port = urlsplit(url_of(server)).port or 0
            samples = {number: with_uploads(tmp_path / str(number), number, {}) for number in (port, 9)}
            cases: list[tuple[Path, tuple[tuple[str, str], ...], str]] = [
                (SAMPLES, (), "not passed on"),
                (samples[9], (), "reach nobody"),
                (samples[port], (), ""),
                *[(samples[port], (("client_max_body_size 0;", ""),), "(413)") for _ in [0] if kind == "nginx"],
            ]
            for where, changes, problem in cases:
                with behind(kind, site, *changes, samples=where) as url:
                    findings = found(site.call("doctor", "--url", url, "--json"))
                assert [one["check"] for one in findings] == ["uploads"] * bool(problem), (problem, findings)
                assert all(problem in one["problem"] for one in findings), (problem, findings)


def test_a_url_without_an_index_or_without_a_server_is_told(site: Site) -> None:
    with behind("nginx", site) as url:
        findings = found(site.call("doctor", "--url", f"{url}elsewhere/", "--json"))
        assert [(one["check"], one["problem"]) for one in findings] == [("pages", "the server says 404")]
    done = site.call("doctor", "--url", url)
    assert (done.code, "can't be reached" in done.err) == (2, True)
    done = site.call("doctor", "--url", "http://[::1/")
    assert (done.code, "is not a URL" in done.err) == (2, True)


def test_of_a_hosting_without_configuration_it_is_told_what_is_missed(site: Site) -> None:
    """Without names of directives, as there are none; the archives themselves arrive."""
    with served(site.public) as url:
        findings = found(site.call("doctor", "--url", url, "--json"))
    assert {"types", "caching", "compression", "redirects"} <= {one["check"] for one in findings}
    assert {"pages", "files", "current"}.isdisjoint(one["check"] for one in findings)
    assert "one of those that 'eggwatch webserver' prints" in findings[0]["remedy"]


class _Foreign(BaseHTTPRequestHandler):
    """A program that is no index: it answers every request alike."""

    kind, body = "text/html", b"<html>Log in to use this network.</html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.end_headers()
        with suppress(OSError):  # a client that has read enough
            self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def foreign(kind: str, body: bytes) -> Iterator[str]:
    """Its URL."""
    handler = type("Handler", (_Foreign,), {"kind": kind, "body": body})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


NO_INDEX = {
    "a page to log in": ("text/html", b"<html>Log in to use this network.</html>"),
    "projects that are numbers": (V1_JSON, b'{"meta": {}, "projects": [1]}'),
    "no meta": (V1_JSON, b'{"meta": [], "projects": []}'),
    "files without hashes": (V1_JSON, b'{"meta": {}, "files": [{"filename": "a", "url": "a"}]}'),
    "an archive at no address": (V1_JSON, b'{"meta": {}, "files": [{"filename": "a", "url": "//[", "hashes": {}}]}'),
    "brackets without end": (V1_JSON, b"[" * 200_000),
}


@pytest.mark.parametrize("what", NO_INDEX)
def test_of_a_page_that_is_none_of_an_index_only_that_is_said(what: str, site: Site) -> None:
    with foreign(*NO_INDEX[what]) as url:
        findings = found(site.call("doctor", "--url", url, "--json"))
    assert [(one["check"], one["problem"]) for one in findings] == [("pages", "the answer is not a page of an index")]


def test_an_answer_is_neither_endless_nor_unpacked_without_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not beyond what the largest page has."""
    with foreign(V1_JSON, b" " * ((64 << 20) + 1)) as url:
        done = site.call("doctor", "--url", url)
    assert (done.code, "larger than 64 MiB" in done.err) == (2, True)
    monkeypatch.setattr(asking, "LARGEST", 1000)
    headers = Message()
    headers["Content-Encoding"] = "gzip"
    packed = HttpAnswer(url="", status=200, headers=headers, body=gzip.compress(b"a" * 100_000))
    assert packed.unpacked == b"a" * 1000


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes well before a socket's timeout."""
    monkeypatch.setattr(remote, "LONGEST", 0.5)
    with endless(b"x", pause=0.05) as url, pytest.raises(NotReachedError, match=r"no whole answer in 0\.5 seconds"):
        ServedIndex(base=url).ask("simple/")


@pytest.mark.parametrize("elsewhere", ["http://127.0.0.1:9/a.whl", "file:///etc/hostname"])
def test_archives_on_a_server_that_is_not_reached_are_a_finding_beside_the_others(elsewhere: str, site: Site) -> None:
    """And no file of this machine is opened because a page names it."""
    file = {"filename": "a-1-py3-none-any.whl", "url": elsewhere, "hashes": {"sha256": "0" * 64}, "core-metadata": {}}
    page = {"meta": {"api-version": "1.4"}, "name": "a", "projects": [{"name": "a"}], "files": [file]}
    with foreign(V1_JSON, json.dumps(page).encode()) as url:
        findings = found(site.call("doctor", "--url", url, "--json"))
    checks = {one["check"] for one in findings if f"{elsewhere} can't be reached" in one["problem"]}
    assert checks == {"caching", "files", "ranges"}
    assert "redirects" in {one["check"] for one in findings}
