"""Every line that is printed to be copied works as it is printed, with the real pip and uv."""

from __future__ import annotations

import html
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.cli.program import Site
from tests.installers import pip, uv
from tests.running import until

DISTRUSTED = "127.1"
"""A name of this machine that pip, which goes by the text of a URL, takes for any other host."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An index without `url`, served over plain HTTP at a host that pip does not trust by itself."""
    site = Site(tmp_path_factory.mktemp("served"))
    with site.daemon("--serve", f"{DISTRUSTED}:0"):
        site.put(wheel("demo", "1.0"))
        until("the front shows it", lambda: "demo" in (site.public / "index.html").read_text())
        until("its receipt", lambda: list((site.drop / "receipts").glob("demo*")))
        yield site


def printed(site: Site, place: str) -> str:
    """The pip line of a place, for the project demo."""
    page = html.unescape((site.public / "index.html").read_text())
    (receipt,) = (site.drop / "receipts").glob("demo*")
    texts = {
        "landing page": page,
        "uv on the landing page": page,
        "README.txt": (site.drop / "README.txt").read_text(),
        "receipt": receipt.read_text(),
    }
    found = re.search(
        r"uv pip install.*demo" if place.startswith("uv") else r"(?<!uv )pip install -i [^<\n]+", texts[place]
    )
    assert found is not None, texts[place]
    return found[0].replace("PROJECT", "demo")


@pytest.mark.parametrize("place", ["landing page", "README.txt", "receipt"])
def test_the_printed_pip_line_installs_over_plain_http(site: Site, place: str, tmp_path: Path) -> None:
    command = shlex.split(printed(site, place))
    done = pip(tmp_path, *command[1:], "--retries=0", "--target", str(tmp_path / "into"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "into").glob("demo-1.0.dist-info"))


@pytest.mark.parts
def test_the_printed_uv_line_installs_over_plain_http(site: Site, tmp_path: Path) -> None:
    command = shlex.split(printed(site, "uv on the landing page"))
    done = uv(tmp_path, *command[1:], "--python", sys.executable, "--target", str(tmp_path / "into"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "into").glob("demo-1.0.dist-info"))


def test_verify_finds_the_landing_page_right_that_says_where_it_is_served(site: Site) -> None:
    """No configuration names that URL; only the daemon knows it."""
    assert site.call("verify").code == 0
