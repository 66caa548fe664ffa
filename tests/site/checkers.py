"""The checkers of web pages, as tests and `python -m docs.site_reports` use them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import feedparser
import html5lib

from tests.browser import Browser
from tests.site.sample import PAGES


def page_checker(name: str) -> Path | None:
    """The file of a checker of web pages, where contrib/test.sh has put it; None if it is not there."""
    return next(Path(sys.prefix, "page-checkers").rglob(name), None)


AXE, NU = page_checker("axe.min.js"), page_checker("vnu.jar")
HAS_NU = NU is not None and shutil.which("java") is not None
"""html5lib is the checker that every machine has."""

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
INCOMPLETE = {
    "color-contrast": "At 320 pixels, the table of files is wider than the window and is scrolled in a frame of its"
    " own; axe can't see what is behind the cells outside of that frame. At 1280 pixels, where the colours are the"
    " same, it sees all of them, and they pass.",
}
"""By rule, why axe can't decide whether a page keeps it, and what shows that it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxeReport:
    """What axe found in a page: rules that it passed, those that it breaks with the elements, those left to people."""

    passed: int
    violations: Sequence[tuple[str, Sequence[str]]]
    incomplete: Sequence[str]
    versions: str


def axe_report(page: Browser) -> AxeReport:
    """What axe finds in the page as it is shown; it comes by the debugging protocol, past the security policy."""
    assert AXE is not None
    page.evaluate(AXE.read_text() + "; 0")
    options = json.dumps({"runOnly": LEVELS, "preload": False})
    found = json.loads(page.evaluate(f"axe.run({options}).then((results) => JSON.stringify(results))"))
    browser = found["testEnvironment"]["userAgent"].partition("Chrome/")[2].partition(".")[0]
    return AxeReport(
        passed=len(found["passes"]),
        violations=[(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]],
        incomplete=[one["id"] for one in found["incomplete"]],
        versions=f"axe-core {found['testEngine']['version']} in Chromium {browser}",
    )


def open_front_with_a_pale_link(page: Browser, public: Path) -> None:
    """A violation for axe: a link as light as the page."""
    page.wear()
    page.open(f"{public.as_uri()}/index.html")
    page.evaluate("document.querySelector('.counts a').setAttribute('style', 'color: #ddd')")


def parse_errors(data: bytes) -> list[str]:
    """What the HTML standard calls parse errors, by html5lib's names."""
    parser = html5lib.HTMLParser()
    parser.parse(data.decode())
    return [code for _, code, _ in parser.errors]


def feed_error(data: bytes) -> str:
    """What feedparser complains of in a feed; empty if nothing."""
    feed = feedparser.parse(data)
    return str(feed.bozo_exception) if feed.bozo else ""


def nu_messages(public: Path, kinds: Mapping[str, str]) -> dict[str, list[str]]:
    """The errors and warnings of the Nu checker, by kind of page; `kinds` are their paths below PUBLIC."""
    warned_of = ".*Unicode Private Use Area.*"  # it is in the summary of the hostile project, and lawful
    command = ["java", "-jar", NU, "--format", "json", "--stdout", "--exit-zero-always", "--filterpattern", warned_of]
    paths = {str((public / path).resolve()): kind for kind, path in kinds.items()}
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    messages: list[dict[str, Any]] = json.loads(done.stdout)["messages"]
    for message in messages:
        found[paths[message["url"].removeprefix("file:")]].append(message["message"])
    return found


NU_PAGES = {kind: path for kind, path in PAGES.items() if kind != "hostile project"}
"""What the Nu checker reads: in the README of the hostile project, harmless elements are where they may not be."""
