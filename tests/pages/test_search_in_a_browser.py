"""The search in a real Chromium, of a real index: from the disk, and from the server with its security headers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.browser import CHROMIUM, Browser, browser
from tests.running import Daemon, until

pytestmark = [pytest.mark.parts, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]

SAID = {"demo": "Keywords: gadget,tool", "demo-http": "Classifier: Framework :: Django", "other": "Keywords: HTTP"}
TOLD = "document.getElementById('told').textContent"
FOUND = "[...document.querySelectorAll('#found a')].map((one) => one.textContent)"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The published folder of an index with three projects, and the URL under which it is served."""
    folder = tmp_path_factory.mktemp("index")
    drop, public = folder / "drop", folder / "public"
    drop.mkdir()
    for name, said in SAID.items():
        filename, data = wheel(name, metadata_extra=said + "\n")
        (drop / filename).write_bytes(data)
    places = ("--drop", drop, "--public", public, "--state", folder / "state")
    with Daemon([sys.executable, "-m", "eggwatch", *places, "run", "--serve", "127.0.0.1:0"]) as daemon:
        cards = public / "search" / "cards" / "0.js"
        until("all are found", lambda: cards.exists() and all(f'["{name}",' in cards.read_text() for name in SAID))
        yield public, daemon.wait_for(r"http://\S+/")[0].removesuffix("simple/")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path / "profile") as opened:
        yield opened
        assert opened.messages == []


def open_search(page: Browser, url: str) -> None:
    """And wait for the box to have the focus, which comes a moment after the page."""
    page.open(f"{url}search/index.html")
    page.until("document.activeElement.id === 'q'")


@pytest.fixture(params=["disk", "server"])
def url(request: pytest.FixtureRequest, index: tuple[Path, str]) -> str:
    public, served = index
    return f"{public.as_uri()}/" if request.param == "disk" else served


def test_projects_are_found_while_their_words_are_typed(page: Browser, url: str) -> None:
    open_search(page, url)
    page.type("ht")
    page.until(f"{TOLD} === '2 projects.'")
    assert page.evaluate(FOUND) == ["demo-http 1.0", "other 1.0"]
    page.type("tp django")
    page.until(f"{TOLD} === '1 project.'")
    assert page.evaluate(FOUND) == ["demo-http 1.0"]
    page.type(" nowhere")
    page.until(f"{TOLD} === 'No project has these words.'")
    assert page.evaluate(FOUND) == []


def test_a_project_whose_name_is_typed_comes_first_and_the_arrow_keys_lead_to_it(page: Browser, url: str) -> None:
    open_search(page, url)
    page.type("demo")
    page.until(f"{TOLD} === '2 projects.'")
    assert page.evaluate(FOUND) == ["demo 1.0", "demo-http 1.0"]
    page.press("ArrowDown")
    assert page.evaluate("document.activeElement.href").endswith("/project/demo/index.html")
    page.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "q"


def test_the_search_box_of_the_landing_page_leads_to_what_it_found(page: Browser, url: str) -> None:
    page.open(f"{url}index.html")
    page.evaluate("document.querySelector('[role=search] input').focus()")
    page.type("gadget")
    page.submit()
    page.until(f"{TOLD} === '1 project.'")
    assert page.evaluate(FOUND) == ["demo 1.0"]


def test_keywords_and_classifiers_of_a_release_lead_to_the_projects_that_have_them(page: Browser, url: str) -> None:
    for project, said in (("demo", "gadget"), ("demo-http", "Framework :: Django")):
        page.open(f"{url}project/{project}/1.0/index.html")
        link = f"[...document.querySelectorAll('aside a')].find((one) => one.textContent === '{said}').href"
        page.open(page.evaluate(link))
        page.until(f"{TOLD} === '1 project.'")
        assert page.evaluate(FOUND) == [f"{project} 1.0"]


def test_a_typing_error_late_in_a_word_is_forgiven(page: Browser, url: str) -> None:
    page.open(f"{url}search/index.html?q=gadgte")
    page.until(f"{TOLD} === '1 project.'")
    assert page.evaluate(FOUND) == ["demo 1.0"]
