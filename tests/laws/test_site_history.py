"""The site's history, from uploads and orders to the page."""

from __future__ import annotations

import html
import re
from pathlib import Path

from eggwatch.config.settings import Site
from eggwatch.maintenance.rebuild import rebuild
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render
from tests.laws.test_site import broken_links, shown

BROKEN = ("bad-1.0-py3-none-any.whl", wheel("demo", "1.0")[1])
PAGE = "history/index.html"


def lines(work: IndexAtWork) -> list[str]:
    """What the page says of each event, as text."""
    items = re.findall("<li>(.*?)</li>", shown(work, PAGE), re.DOTALL)
    return [html.unescape(" ".join(re.sub("<[^>]*>", "", item).split())) for item in items]


def test_what_happened_is_shown_newest_first_with_links_to_the_releases(tmp_path: Path) -> None:
    """Files of one release that came together are one line; why something was removed is not told."""
    with IndexAtWork(tmp_path) as work:
        work.work()
        assert "Nothing has happened yet" in shown(work, PAGE)
        work.put(*wheel("demo", "1.0"))
        work.put(*sdist("demo", "1.0"))
        work.work()
        work.now += 60
        work.upload(*wheel("other", "2.0"))
        work.order("yank", "other", "breaks on Tuesdays")
        work.order("remove", "demo", "a secret reason")
        assert [re.sub(", by .*", "", line) for line in lines(work)] == [
            "22:14 demo 1.0 removed 2 files",
            "22:14 other 2.0 yanked: breaks on Tuesdays other-2.0-py3-none-any.whl",
            "22:14 other 2.0 published other-2.0-py3-none-any.whl",
            "22:13 demo 1.0 published 2 files",
        ]
        assert 'href="../project/demo/1.0/index.html"' in shown(work, PAGE)
        assert broken_links(work.config.public) == []
        assert_equals_fresh_render(work.config)


def test_an_uploader_is_named_only_as_long_as_the_page_of_the_project_does(tmp_path: Path) -> None:
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        uploader = work.events()[0]["uploader"]
        assert f"by {uploader}" in shown(work, "project/demo/index.html")
        assert f"by {uploader}" in lines(work)[0]
        work.order("remove", "demo")
        assert f"by {uploader}" not in shown(work, "project/demo/index.html")
        assert uploader not in " ".join(lines(work))
        assert_equals_fresh_render(work.config)


def test_rejections_are_shown_only_where_configured_and_without_the_uploader(tmp_path: Path) -> None:
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        work.upload(*BROKEN)
        assert [event["event"] for event in work.events()] == ["admitted", "rejected"]
        assert "bad" not in shown(work, PAGE)
        assert_equals_fresh_render(work.config)
    with IndexAtWork(tmp_path, site=Site(rejections=True)) as work:
        work.work()
        assert lines(work)[0].startswith("22:13 bad-1.0-py3-none-any.whl rejected")
        assert work.events()[1]["flaws"][0]["message"] in lines(work)[0]
        assert work.events()[1]["uploader"] not in lines(work)[0]
        work.upload("worse-1.0-py3-none-any.whl", BROKEN[1])
        assert lines(work)[0].startswith("22:13 worse-1.0-py3-none-any.whl rejected"), "a rejection makes it stale"
        assert broken_links(work.config.public) == []
        assert_equals_fresh_render(work.config)


def test_it_is_the_same_after_a_rebuild(tmp_path: Path) -> None:
    """Also where the ledger is lost, as far as pages know what happened."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        work.now += 60
        work.upload(*sdist("other", "2.0"))
        before = shown(work, PAGE)
    rebuild(work.config)
    assert shown(work, PAGE) == before
    work.config.ledger.unlink()
    rebuild(work.config)
    assert shown(work, PAGE) == before
    assert_equals_fresh_render(work.config)
