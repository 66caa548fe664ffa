"""Uploads through the samples of Apache, nginx and Caddy, with their lines for uploads, to a real `eggwatch serve`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.contrib import web_servers
from tests.http_asking import Reply, ask
from tests.webserver.door import ANONYMOUS, fields_of, multipart, serving, url_of

LARGE = 3 << 20
"""More than nginx accepts by default."""
NAMES = ("main", "team")
OWN_PLACE = {
    "apache": {"127.0.0.1:8080$": "127.0.0.1:8080/team$"},
    "nginx": {"127.0.0.1:8080$": "127.0.0.1:8080/team$"},
    "caddy": {"\treverse_proxy @uploads": "\trewrite @uploads /team{uri}\n\treverse_proxy @uploads"},
}
"""What each sample says to change where a site is that of one of several indexes."""

pytestmark = [
    pytest.mark.parts,
    pytest.mark.root,
    pytest.mark.long,
    pytest.mark.parametrize("kind", web_servers.SERVERS),
]


def with_uploads(folder: Path, port: int, changes: Mapping[str, str]) -> Path:
    """The samples after what they tell the administrator to do."""
    folder.mkdir()
    for path in (web_servers.SAMPLES / name for name in ("apache.conf", "nginx.conf", "caddy.Caddyfile")):
        text = path.read_text()
        assert "#+" in text and "127.0.0.1:8080" in text
        kept = [line.replace("#+", "", 1) if line.lstrip().startswith("#+") else line for line in text.splitlines()]
        text = "\n".join(kept) + "\n"
        for shipped, ours in changes.items():
            text = text.replace(shipped, ours)
        (folder / path.name).write_text(text.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    return folder


@pytest.fixture
def folder(kind: str) -> Iterator[Path]:
    with web_servers.folder_for(kind) as folder:
        yield folder


@contextmanager
def passing_on(kind: str, folder: Path, site: Site, public: Path, changes: Mapping[str, str]) -> Iterator[str]:
    """A web server over `public`, in front of the server of a site; its URL."""
    with site.daemon(), serving(site) as server:
        samples = with_uploads(folder / "samples", urlsplit(url_of(server)).port or 0, changes)
        with web_servers.serving(kind, folder / "run", public, samples) as url:
            yield url


def upload(url: str, path: str, file: tuple[str, bytes]) -> Reply:
    """One upload as clients send it."""
    body, content_type = multipart(fields_of(file), file)
    return ask(url, path, "POST", body, Content_Type=content_type)


def several(base: Path) -> Site:
    """Two indexes with a door each."""
    site = Site(base)
    lines = [
        f'[index.{name}]\ndrop = "{name}/drop"\npublic = "{name}/public"\nstate = "{name}/state"\n'
        f'linger = "0s"\nquiet = "0s"\nuploads = {ANONYMOUS}\n'
        for name in NAMES
    ]
    for name in NAMES:
        (base / name / "drop").mkdir(parents=True)
    site.write_config("".join(lines))
    return site


def test_uploads_reach_the_index_and_its_pages_are_served_as_files(kind: str, folder: Path) -> None:
    """At / and at /legacy/, of more than the usual limits; a rejection comes with its reason."""
    site = Site(folder / "site", uploads=ANONYMOUS)
    with passing_on(kind, folder, site, site.public, {}) as url:
        for number, path in enumerate(("/", "/legacy/")):
            file = sdist("demo", f"{number}.0", files={"large.bin": os.urandom(LARGE)})
            reply = upload(url, path, file)
            assert (reply.status, reply.body) == (200, f"{file[0]} is published.\n".encode())
            assert file[0].encode() in ask(url, "/simple/demo/").body
        reply = upload(url, "/legacy/", ("demo-3.0.tar.gz", b"x"))
        assert (reply.status, b"demo-3.0.tar.gz was rejected" in reply.body) == (400, True)
        assert b"twine upload" in ask(url, "/legacy/").body


def test_uploads_reach_each_of_several_indexes_by_its_name(kind: str, folder: Path) -> None:
    """A path that is nobody's is an error that says where uploads go to."""
    site = several(folder / "site")
    with passing_on(kind, folder, site, folder / "site/main/public", {}) as url:
        for name in NAMES:
            for number, path in enumerate((f"/{name}/", f"/{name}/legacy/")):
                file = sdist(f"for-{name}", f"{number}.0")
                assert upload(url, path, file).status == 200
                assert (folder / "site" / name / "public/files" / f"for-{name}" / file[0]).exists()
        reply = upload(url, "/legacy/", sdist("lost"))
        assert (reply.status, b"/main/legacy/, /team/legacy/" in reply.body) == (405, True)
        assert b"for_main-1.0" in ask(url, "/simple/for-main/").body


def test_a_site_of_one_of_several_indexes_needs_no_name(kind: str, folder: Path) -> None:
    """After the change that the sample describes."""
    site = several(folder / "site")
    with passing_on(kind, folder, site, folder / "site/team/public", OWN_PLACE[kind]) as url:
        for number, path in enumerate(("/", "/legacy/")):
            file = sdist("demo", f"{number}.0")
            assert upload(url, path, file).status == 200
            assert file[0].encode() in ask(url, "/simple/demo/").body
