"""Writes docs/accessibility.rst: what axe-core, html5lib, the Nu checker and feedparser say of each kind of page.

`python -m docs.site_reports` makes the sample index of tests/site and runs the checkers as the tests do. It needs
chromium, a Java, and what contrib/test.sh installs.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import feedparser
import html5lib

from docs.clients import chapter, table
from tests.browser import Browser, browser
from tests.site.checkers import (
    INCOMPLETE,
    NU,
    NU_PAGES,
    AxeReport,
    axe_report,
    feed_error,
    nu_messages,
    open_front_with_a_pale_link,
    parse_errors,
)  # fmt: skip
from tests.site.sample import MACHINES, PAGES, make_sample

PAGE = Path(__file__).parent / "accessibility.rst"
LOOKS = [*itertools.product((320, 1280), ("light", "dark"))]
FOUND = "search with results"
"""Not a file of its own: the page of the search, after it has found something."""

HEAD = """\
Reports of accessibility and validity
=====================================

.. Made by ``python -m docs.site_reports``; do not edit.

What checkers say of each kind of page of the sample index of ``tests/site``: it has releases that are current, yanked
and removed, READMEs of each type, and a package that is hostile in every field. The tests run the same checkers
(``tests/site/test_accessibility.py``, ``tests/site/test_validity.py``); :doc:`site` says what else they look at.

"""


def axe_reports(page: Browser, public: Path) -> dict[str, list[AxeReport]]:
    """By kind of page, those of each look."""
    reports: dict[str, list[AxeReport]] = {}
    for kind, path in {**PAGES, FOUND: f"{PAGES['search']}?q=demo"}.items():
        for width, scheme in LOOKS:
            page.wear(width=width, scheme=scheme)
            page.open(f"{public.as_uri()}/{path}")
            if kind == FOUND:
                page.until("document.querySelectorAll('#found li').length > 0")
            reports.setdefault(kind, []).append(axe_report(page))
    return reports


def _of_axe(reports: Mapping[str, list[AxeReport]]) -> Iterator[str]:
    yield from chapter("WCAG 2.2 AA")
    (versions,) = {one.versions for of_kind in reports.values() for one in of_kind}
    yield from _paragraph(
        f"{versions}, with the rules of axe for WCAG 2.0, 2.1 and 2.2, levels A and AA, and its own best practices."
        " By the width of the window in pixels: rules passed, violations, incomplete (axe can't decide)."
    )
    rows = [[kind, *map(_cell, of_kind)] for kind, of_kind in reports.items()]
    yield from table([["page", *(f"{width}, {scheme}" for width, scheme in LOOKS)], *rows])
    for rule in sorted({rule for of_kind in reports.values() for one in of_kind for rule in one.incomplete}):
        yield from _paragraph(f"Incomplete, ``{rule}``: {INCOMPLETE[rule]}")


def _cell(one: AxeReport) -> str:
    return f"{one.passed}, {_counted([rule for rule, _ in one.violations])}, {len(one.incomplete)}"


def _counted(found: list[str]) -> str:
    return f"{len(found)} ({'; '.join(sorted(set(found)))})" if found else "0"


def _of_validators(public: Path) -> Iterator[str]:
    yield from chapter("HTML")
    nu = subprocess.run(["java", "-jar", str(NU), "--version"], capture_output=True, text=True, check=True).stdout
    yield from _paragraph(
        f"Parse errors by html5lib {html5lib.__version__}; errors and warnings by the Nu checker {nu.strip()}. The Nu"
        " checker does not read the hostile project: its README has harmless elements in others where they may not be."
    )
    kinds = {**PAGES, **MACHINES}
    messages = nu_messages(public, {**NU_PAGES, **MACHINES})
    rows = [
        [
            kind,
            _counted(parse_errors((public / path).read_bytes())),
            _counted(messages[kind]) if kind in messages else "-",
        ]
        for kind, path in kinds.items()
    ]
    yield from table([["page", "html5lib", "Nu"], *rows])


def _of_feeds(public: Path) -> Iterator[str]:
    yield from chapter("Feeds")
    feeds = sorted(public.rglob("*.atom"))
    complaints = [error for path in feeds if (error := feed_error(path.read_bytes()))]
    yield from _paragraph(
        f"{len(feeds)} Atom feeds; complaints of feedparser {feedparser.__version__}: {_counted(complaints)}."
    )


def _of_planted(page: Browser, public: Path) -> Iterator[str]:
    """Each checker finds what was made wrong for it."""
    yield from chapter("What they would find")
    yield from _paragraph("Each was given a page with a fault:")
    open_front_with_a_pale_link(page, public)
    front = (public / PAGES["front"]).read_text("utf-8")
    faulty = public / "faulty.html"
    faulty.write_text(front.replace("<h1", '<h1 id="main"', 1), "utf-8")
    feed = (public / "feeds/releases.atom").read_bytes()
    rows = [
        ["axe-core", "a link as light as the page", _counted([rule for rule, _ in axe_report(page).violations])],
        ["html5lib", "a ``main`` that is not closed", _counted(parse_errors(front.replace("</main>", "").encode()))],
        ["Nu", "an id twice", _counted(nu_messages(public, {"": faulty.name})[""])],
        ["feedparser", "a feed that ends too early", _counted([feed_error(feed[:-9])])],
    ]
    yield from table([["checker", "fault", "found"], *rows])


def _paragraph(text: str) -> Iterator[str]:
    yield from (*textwrap.wrap(text, 120, break_on_hyphens=False), "")


def report(folder: Path) -> str:
    """The page, from a sample index that is made in this folder."""
    make_sample(folder)
    public = folder / "public"
    with browser(folder / "chromium") as page:
        lines = [*_of_axe(axe_reports(page, public)), *_of_validators(public), *_of_feeds(public)]
        lines += _of_planted(page, public)
    return HEAD + "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    work = Path(tempfile.mkdtemp(prefix="eggwatch-reports-"))
    try:
        PAGE.write_text(report(work), "utf-8")
    finally:
        shutil.rmtree(work)
