"""WCAG 2.2 AA by axe-core in a real Chromium: every kind of page, light and dark, narrow and wide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import CHROMIUM, Browser, browser
from tests.site.sample import PAGES, page_checker

AXE = page_checker("axe.min.js")

pytestmark = [
    pytest.mark.parts,
    pytest.mark.skipif(CHROMIUM is None or AXE is None, reason="needs chromium and axe-playwright-python"),
]

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = [(320, "dark"), (1280, "light")]
"""Colours do not depend on the width."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def violations(page: Browser) -> list[Any]:
    """What axe finds in the page as it is shown; it comes by the debugging protocol, past the security policy."""
    assert AXE is not None
    page.evaluate(AXE.read_text() + "; 0")
    options = json.dumps({"runOnly": LEVELS, "preload": False})
    found = page.evaluate(f"axe.run({options}).then((results) => JSON.stringify(results.violations))")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in json.loads(found)]


@pytest.mark.parametrize("kind", PAGES)
def test_axe_finds_no_violation(tab: Browser, sample: Path, kind: str) -> None:
    for width, scheme in LOOKS:
        tab.wear(width=width, scheme=scheme)
        tab.open(f"{(sample / 'public').as_uri()}/{PAGES[kind]}")
        assert violations(tab) == [], (width, scheme)


def test_axe_finds_no_violation_in_what_the_search_found(tab: Browser, sample: Path) -> None:
    tab.wear(width=320, scheme="dark")
    tab.open(f"{(sample / 'public').as_uri()}/search/index.html?q=demo")
    tab.until("document.querySelectorAll('#found li').length > 0")
    assert violations(tab) == []


def test_axe_would_find_one(tab: Browser, sample: Path) -> None:
    """A link as light as the page."""
    tab.wear()
    tab.open(f"{(sample / 'public').as_uri()}/index.html")
    tab.evaluate("document.querySelector('.counts a').setAttribute('style', 'color: #ddd')")
    assert [name for name, _ in violations(tab)] == ["color-contrast"]
