"""The site in a real Chromium: from a disk, and behind our own server with its Content-Security-Policy."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser import CHROMIUM, Browser
from tests.once import mostly_long
from tests.site.sample import PAGES

pytestmark = [pytest.mark.parts, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]

OUTSIDE = "../"
"""Pages that are not below PUBLIC are not served."""
FOCUSED = "document.activeElement"


@pytest.fixture(params=mostly_long(("server", "disk")))
def url(request: pytest.FixtureRequest, sample: Path, served: str) -> str:
    return f"{(sample / 'public').as_uri()}/" if request.param == "disk" else served


def test_pages_open_without_a_message_a_request_elsewhere_or_anything_wider_than_the_window(
    page: Browser, url: str
) -> None:
    """The policy forbids nothing that they need."""
    for path in PAGES.values():
        if not path.startswith(OUTSIDE) or url.startswith("file:"):
            for width in (1280, 320):
                page.wear(width=width)
                page.open(url + path)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    places = {urlsplit(one)[:2] for one in page.requested}
    assert places <= {urlsplit(url)[:2], ("data", "")}


def test_a_page_follows_the_scheme_of_the_system(page: Browser, url: str) -> None:
    shown = {}
    for scheme in ("light", "dark"):
        page.wear(scheme=scheme)
        page.open(f"{url}index.html")
        shown[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert shown == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 25, 31)"}


def test_on_paper_there_are_no_controls_and_nothing_is_cut_off(page: Browser, url: str) -> None:
    page.wear(media="print", scheme="dark")
    page.open(f"{url}project/demo/index.html")
    hidden = "[...document.querySelectorAll('nav, button, .skip')].every((one) => !one.checkVisibility())"
    assert page.evaluate(hidden)
    assert page.evaluate("[...document.querySelectorAll('pre')].every((one) => one.scrollWidth <= one.clientWidth)")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_keyboard_reaches_every_control_in_order_and_each_shows_that_it_has_the_focus(
    page: Browser, url: str
) -> None:
    page.wear(width=320)
    page.open(f"{url}project/demo/index.html")
    page.evaluate(
        "window.stops = [...document.querySelectorAll('a[href], button, input, [tabindex]')]"
        ".filter((one) => one.checkVisibility())"
    )
    count = page.evaluate("stops.length")
    assert count > 20
    for stop in range(count):
        page.press("Tab")
        assert page.evaluate(f"stops.indexOf({FOCUSED})") == stop
        assert page.evaluate(f"getComputedStyle({FOCUSED}).outlineStyle") == "solid"


def test_the_first_link_skips_to_the_content(page: Browser, url: str) -> None:
    page.open(f"{url}project/demo/index.html")
    page.press("Tab")
    assert page.evaluate(f"{FOCUSED}.textContent") == "Skip to the content"
    assert page.evaluate(f"{FOCUSED}.getBoundingClientRect().left >= 0")
    page.evaluate(f"{FOCUSED}.click()")
    page.press("Tab")
    assert page.evaluate(f"document.getElementById('main').contains({FOCUSED})")


def test_the_line_is_copied_that_is_shown(page: Browser, served: str) -> None:
    """With the address under which the page was opened; the button says that it was copied."""
    page.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.open(f"{served}project/demo/index.html")
    page.evaluate("document.querySelector('[data-copy]').click()")
    page.until("document.querySelector('[data-copy]').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == f"pip install -i {served}simple/ demo"


OURS = ("site.js", "search.js", "minisearch.js")
ELEMENTS = """JSON.stringify({
  scripts: [...document.scripts].map((one) => one.src.split('/').pop()),
  handlers: [...document.querySelectorAll('*')].flatMap((one) => one.getAttributeNames())
    .filter((name) => name.startsWith('on') || name === 'style'),
  loaders: document.querySelectorAll('iframe, object, embed, svg, math, form input:not(#q), base, meta[http-equiv]')
    .length + document.querySelectorAll('img, style, video, audio, picture source').length,
  links: [...document.links].map((one) => one.protocol),
  mains: document.querySelectorAll('main, #main').length,
})"""


@pytest.mark.parametrize(
    "path",
    ["project/hostile/index.html", "project/hostile/1.0/index.html", "project/demo/1.0/index.html", "index.html",
     "projects/h/index.html", "search/index.html?q=hostile"],
)  # fmt: skip
def test_nothing_of_a_hostile_package_runs_loads_hides_or_leads_to_what_is_no_page(
    page: Browser, url: str, path: str
) -> None:
    """It tried in each field, in its README, and in the reason of a yank; what it wrote is shown as text."""
    page.open(url + path)
    if path.startswith("search/"):
        page.until("document.querySelectorAll('#found li').length === 1")
    found = json.loads(page.evaluate(ELEMENTS))
    assert set(found["scripts"]) <= {*OURS, *(f"{number}.js" for number in range(4))}
    assert found["handlers"] == [] and found["loaders"] == 0 and found["mains"] == 1
    assert set(found["links"]) <= {"http:", "https:", "mailto:", "file:"}
    assert page.evaluate("document.querySelector('h1').checkVisibility()")
    assert "<script>alert(1)" in page.evaluate("document.body.innerText")
    assert all("elsewhere" not in one and "example.com" not in one for one in page.requested)
