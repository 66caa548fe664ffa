"""The site behind the sample configurations of three web servers, at the root and in a subfolder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, Browser
from tests.contrib.web_servers import SERVERS, folder_for, serving
from tests.http_asking import ask
from tests.once import mostly_long
from tests.site.sample import PAGES

pytestmark = [
    pytest.mark.parts,
    pytest.mark.root,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


@pytest.fixture(scope="module", params=mostly_long(sorted(SERVERS), of=3))
def url(request: pytest.FixtureRequest, sample: Path) -> Iterator[str]:
    with folder_for(request.param) as folder:
        shutil.copytree(sample / "public", folder / "public")
        shutil.copytree(sample / "public", folder / "public/team")
        with serving(request.param, folder / "run", folder / "public") as served:
            yield served


@pytest.mark.parametrize("place", ["", "team/"])
def test_pages_work_and_ask_only_for_what_lies_below_their_index(page: Browser, url: str, place: str) -> None:
    for path in PAGES.values():
        if not path.startswith("../"):
            page.open(f"{url}{place}{path}")
    page.open(f"{url}{place}search/index.html?q=demo")
    page.until("document.querySelectorAll('#found li').length > 0")
    page.open(page.evaluate("document.querySelector('#found a').href"))
    assert page.evaluate("document.querySelector('.copied code').textContent").startswith(
        f"pip install -i {url}{place}simple/ "
    )
    assert all(one.startswith((f"{url}{place}", "data:")) for one in page.requested)


def test_pages_come_with_the_policy_that_they_are_made_for(url: str) -> None:
    policy = ask(url, "/project/demo/index.html").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:")
    assert "unsafe" not in policy
