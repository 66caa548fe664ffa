"""docs/replicas.rst: a cache in front shows each release at once, and keeps archives; nginx stands for the CDN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.cli.program import Site
from tests.contrib.beside import nginx
from tests.contrib.web_servers import folder_for
from tests.docs.blocks import block
from tests.http_asking import ask
from tests.http_serving import answering
from tests.installers import pip_install, uv_install
from tests.running import until

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

PAGE = "replicas"
CACHE = "proxy_cache_path {folder}/cdn keys_zone=cdn:1m use_temp_path=off;\n"
CDN = """
    proxy_cache cdn;
    location ~ ^/(?:simple|files)/ {{ proxy_pass {origin}; proxy_cache_key $uri; }}
"""
"""Only what an HTTP cache does by itself: by Cache-Control and Vary."""


@pytest.fixture
def site() -> Iterator[Site]:
    with folder_for("cdn") as folder:
        yield Site(folder / "site")


def publish(site: Site, version: str) -> None:
    filename = site.put(wheel("demo", version)).name
    until(f"{filename} is published", lambda: filename in site.filenames("demo"))


def test_a_release_is_seen_through_a_cache_at_once_and_archives_stay_in_it(site: Site) -> None:
    with site.daemon(), ExitStack() as origin:
        url = origin.enter_context(nginx(site.public, {}))
        with nginx(site.public, {}, http=CACHE, server=CDN.format(origin=url.rstrip("/"))) as cdn:
            for version in ("1.0", "2.0"):
                publish(site, version)
                for accept in ("application/vnd.pypi.simple.v1+json", "text/html"):
                    page = ask(cdn, "/simple/demo/", Accept=accept)
                    assert page.headers["content-type"].startswith(accept)
                    assert f"demo-{version}".encode() in page.body
            path = "/files/demo/demo-2.0-py3-none-any.whl"
            first = ask(cdn, path)
            origin.close()
            again = ask(cdn, path)
            assert (again.status, again.body) == (200, first.body)
            assert ask(cdn, "/simple/demo/").status == 502


def test_clients_get_archives_from_where_files_url_says(site: Site, tmp_path: Path) -> None:
    """Also after a change of it: all pages are rendered again, as `verify` finds."""
    site.put(wheel("demo", "1.0"))
    assert site.call("run", "--once").code == 0
    (site.base / "cdn").mkdir()
    with nginx(site.base / "cdn", {}) as cdn, nginx(site.public, {}) as url:
        setting = block(PAGE, "/etc/eggwatch/eggwatch.toml, in [index.main]", {"https://cdn.example.com/": cdn})
        site.config.write_text(site.config.read_text() + setting)
        assert site.call("run", "--once").code == 0
        assert site.call("verify").code == 0
        (site.public / "files").rename(site.base / "cdn" / "files")
        assert (pip_install(tmp_path, f"{url}simple/", "demo") / "demo").is_dir()
        assert (uv_install(tmp_path, f"{url}simple/", "demo") / "demo").is_dir()


def test_a_page_is_purged_when_the_new_one_is_there(site: Site) -> None:
    purged: list[tuple[str, list[str]]] = []

    class Cdn(BaseHTTPRequestHandler):
        def do_PURGE(self) -> None:
            purged.append((self.path, site.filenames("demo")))
            self.send_response(200)
            self.end_headers()

    script = site.base / "purge-page"
    table = block(PAGE, "/etc/eggwatch/eggwatch.toml", {"/usr/local/bin/purge-page": str(script)})
    site.config.write_text(site.config.read_text() + table)
    with answering(Cdn) as url:
        script.write_text(block(PAGE, "/usr/local/bin/purge-page", {"https://cdn.example.com": url.rstrip("/")}))
        script.chmod(0o755)
        with site.daemon():
            publish(site, "1.0")
            until("the page is purged", lambda: purged)
            publish(site, "2.0")
            until("the page is purged again", lambda: len(purged) == 2)
    names = [f"demo-{version}-py3-none-any.whl" for version in ("1.0", "2.0")]
    assert purged == [("/simple/demo/", names[:1]), ("/simple/demo/", names)]
