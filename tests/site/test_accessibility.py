"""WCAG 2.2 AA by axe-core in a real Chromium: every kind of page, light and dark, narrow and wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, Browser, browser
from tests.once import mostly_long
from tests.site.checkers import AXE, INCOMPLETE, axe_report, open_front_with_a_pale_link
from tests.site.sample import PAGES

pytestmark = [
    pytest.mark.parts,
    pytest.mark.skipif(CHROMIUM is None or AXE is None, reason="needs chromium and axe-playwright-python"),
]

LOOKS = [(320, "dark"), (1280, "light")]
"""Colours do not depend on the width."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.mark.parametrize("kind", mostly_long(PAGES))
def test_axe_finds_no_violation(tab: Browser, sample: Path, kind: str) -> None:
    """And leaves nothing to be decided by people but what docs/accessibility.rst explains."""
    for width, scheme in LOOKS:
        tab.wear(width=width, scheme=scheme)
        tab.open(f"{(sample / 'public').as_uri()}/{PAGES[kind]}")
        report = axe_report(tab)
        assert report.violations == [], (width, scheme)
        assert {*report.incomplete} <= {*INCOMPLETE} if width == 320 else report.incomplete == [], (width, scheme)


def test_axe_finds_no_violation_in_what_the_search_found(tab: Browser, sample: Path) -> None:
    tab.wear(width=320, scheme="dark")
    tab.open(f"{(sample / 'public').as_uri()}/search/index.html?q=demo")
    tab.until("document.querySelectorAll('#found li').length > 0")
    assert axe_report(tab).violations == []


def test_axe_would_find_one(tab: Browser, sample: Path) -> None:
    open_front_with_a_pale_link(tab, sample / "public")
    assert [name for name, _ in axe_report(tab).violations] == ["color-contrast"]
