"""Indexes beside each other: one of ours, and a stand-in for PyPI, each behind an nginx of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.cli.program import Site
from tests.contrib import web_servers

SAMPLE = (web_servers.SAMPLES / "nginx.conf").read_text()
SERVER_NAME = "    server_name pypi.example.com;\n"
"""The line of the sample for nginx behind which the pages of the documentation include what they add."""


def published(base: Path, *archives: tuple[str, bytes]) -> Path:
    """The public folder of an index with these archives."""
    site = Site(base)
    for archive in archives:
        site.put(archive)
    done = site.call("run", "--once")
    assert done.code == 0, done.out + done.err
    return site.public


@contextmanager
def nginx(public: Path, changes: Mapping[str, str], *, http: str = "", server: str = "") -> Iterator[str]:
    """The sample for nginx over a tree, with lines for `http` and for `server` of a page; its URL.

    A `{folder}` in them is one that nginx may write to.
    """
    with web_servers.folder_for("nginx") as folder:
        text = SAMPLE
        for shipped, ours in {**changes, SERVER_NAME: f"{SERVER_NAME}{server}\n"}.items():
            assert shipped in text
            text = text.replace(shipped, ours)
        (folder / "samples").mkdir()
        (folder / "samples" / "nginx.conf").write_text((http + text).replace("{folder}", str(folder / "run")))
        with web_servers.serving("nginx", folder / "run", public, folder / "samples") as url:
            yield url


@contextmanager
def like_pypi(public: Path) -> Iterator[tuple[str, str]]:
    """A tree served as by PyPI: archives on another host, caches may keep a page for ten minutes; both hosts' URLs."""
    with nginx(public, {"max-age=0, must-revalidate": "max-age=600, public"}) as url:
        files = f"http://localhost:{urlsplit(url).port}/"
        for page in (public / "simple").glob("*/index.*"):
            if page.suffix == ".gz":
                page.unlink()
            else:
                page.write_text(page.read_text().replace("../../", files))
        yield url, files
