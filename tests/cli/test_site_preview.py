"""`eggwatch site --preview`, in a real Chromium."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.browser import CHROMIUM, Browser, browser
from tests.laws.at_work import IndexAtWork, pages_of
from tests.running import Daemon

pytestmark = [pytest.mark.parts, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]

CONFIG = """[index.main]
drop = "drop"
public = "public"
state = "state"
[index.main.site]
title = "TITLE"
templates = "own"
"""
Previewed = Callable[[], AbstractContextManager[tuple[Daemon, Browser]]]


@pytest.fixture
def previewed(tmp_path: Path) -> Previewed:
    """The preview and a page that shows it; nothing may be wrong with the page."""
    for name in ("drop", "public", "state", "own"):
        (tmp_path / name).mkdir(exist_ok=True)
    configure(tmp_path, "Acme")

    @contextmanager
    def begun() -> Iterator[tuple[Daemon, Browser]]:
        command = [sys.executable, "-m", "eggwatch", "--config", tmp_path / "eggwatch.toml", "site", "--preview"]
        with Daemon([*command, "--listen", "127.0.0.1:0"]) as daemon, browser(tmp_path / "profile") as page:
            page.open(daemon.wait_for(r"http://\S+/")[0])
            yield daemon, page
            assert page.messages == []

    return begun


def configure(folder: Path, title: str, more: str = "") -> None:
    """Write a configuration; a folder of the test is its folder of templates."""
    replace(folder / "eggwatch.toml", CONFIG.replace("TITLE", title) + more)


def replace(path: Path, text: str) -> None:
    """Write a file that is seen whole or not at all."""
    part = path.parents[1] / f"{path.name}.part"
    part.write_text(text)
    part.rename(path)


def heading(page: Browser) -> str:
    return str(page.evaluate("document.querySelector('h1').textContent"))


def test_the_page_follows_templates_style_and_settings(previewed: Previewed, tmp_path: Path) -> None:
    """Of an index in which nothing was published it shows a sample, and nothing is written into its folders."""
    with previewed() as (_, page):
        assert heading(page) == "Acme" and page.evaluate("document.body.textContent.includes('acme-tools')")
        page.follow(lambda: configure(tmp_path, "Acme", 'accent = "#7a1f5c"'))
        assert page.evaluate("getComputedStyle(document.querySelector('main a')).color") == "rgb(122, 31, 92)"
        page.follow(lambda: replace(tmp_path / "own/style.css", "h1 { color: rgb(1, 2, 3) }"))
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
        page.follow(lambda: configure(tmp_path, "Another title"))
        assert heading(page) == "Another title"
        own = (resources.files("eggwatch.pages.site") / "templates/front.html").read_text()
        page.follow(lambda: replace(tmp_path / "own/front.html", own.replace("<h1>", "<h1>My own: ")))
        assert heading(page) == "My own: Another title"
    assert [path.name for name in ("drop", "public", "state") for path in (tmp_path / name).iterdir()] == []


def test_what_is_wrong_with_a_template_is_said_and_the_page_stays(previewed: Previewed, tmp_path: Path) -> None:
    with previewed() as (daemon, page):
        template = tmp_path / "own" / "front.html"
        replace(template, "{% nothing %}")
        daemon.wait_for("front.html, line 1: .*nothing")
        replace(template, "{{ nothing }}")
        daemon.wait_for("front.html, line 1: 'nothing' is undefined")
        assert heading(page) == "Acme"
        page.follow(lambda: replace(template, '<link rel="icon" href="data:,"><h1>Repaired</h1>'))
        assert heading(page) == "Repaired"


def test_an_index_is_shown_with_its_projects_and_not_changed(previewed: Previewed, tmp_path: Path) -> None:
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        before = pages_of(work.config.public)
    (tmp_path / "own" / "style.css").write_text("h1 { color: red }")
    with previewed() as (_, page):
        page.open(page.evaluate("document.querySelector('ul.cards a').href"))
        assert heading(page) == "demo 1.0"
        page.follow(lambda: replace(tmp_path / "own/style.css", "h1 { color: rgb(1, 2, 3) }"))
        assert heading(page) == "demo 1.0"
    assert pages_of(tmp_path / "public") == before
