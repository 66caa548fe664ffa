"""When the pages of the site are rendered: one upload costs each of them one rendering, however many follow it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.releases import ProjectListing
from eggwatch.pipeline import root_pages
from eggwatch.pipeline.root_pages import InlineRenderer
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was rendered, in this order, without a pause."""
    seen: list[str] = []

    def counted(name: str, what: str) -> Callable[..., None]:
        begin = getattr(InlineRenderer, name)

        def counting(self: InlineRenderer, of: Any) -> None:
            seen.append(what)
            begin(self, of)

        return counting

    for name, what in (("begin", "front"), ("begin_root", "root"), ("begin_site", "site")):
        monkeypatch.setattr(InlineRenderer, name, counted(name, what))
    for pause in ("SHORTEST_PAUSE", "PAUSE_FACTOR"):
        monkeypatch.setattr(root_pages, pause, 0.0)
    return seen


def put(work: IndexAtWork, project: str, version: str) -> None:
    """Upload a wheel, and work until the clock alone is waited for."""
    work.put(*wheel(project, version))
    assert work.index is not None
    pipeline = work.index.pipeline
    pipeline.round()
    while pipeline.is_working() or ((due := pipeline.next_due()) is not None and due <= time.monotonic()):
        pipeline.round(set(), wait=0.05)


def test_one_upload_is_one_rendering_of_the_front_pages_after_those_that_pip_reads(
    tmp_path: Path, rendered: list[str]
) -> None:
    """These come first, and the others once they can link to its page."""
    with IndexAtWork(tmp_path) as work:
        work.work()
        rendered.clear()
        put(work, "demo", "1.0")
        assert rendered == ["root", "site", "front"]
        assert "project/demo/index.html" in (work.config.public / "index.html").read_text()
        assert_equals_fresh_render(work.config)


def test_a_project_that_gets_more_uploads_is_rendered_for_the_site_once_in_a_while(
    tmp_path: Path, rendered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of them at once; others of other projects do not wait for it."""
    monkeypatch.setattr(root_pages, "SHORTEST_PAUSE", 1000.0)
    with IndexAtWork(tmp_path) as work:
        work.work()
        for number in range(3):
            put(work, "demo", f"1.{number}")
        assert rendered.count("site") == 1
        put(work, "other", "1.0")
        assert rendered.count("site") == 2
        assert not (work.config.public / "project/demo/1.2/index.html").exists()
        work.work()
        assert (work.config.public / "project/demo/1.2/index.html").exists()
        assert_equals_fresh_render(work.config)


def test_a_project_that_is_published_after_one_with_a_later_event_is_on_the_root_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had to wait while another of its archives was checked, and that was rejected."""
    with IndexAtWork(tmp_path, site=None) as work:
        assert work.index is not None
        pipeline = work.index.pipeline
        publish = pipeline.publish

        def apart(listings: list[ProjectListing]) -> None:
            for listing in sorted(listings, key=lambda one: one.last_serial, reverse=True):
                publish([listing])
                pipeline.components.front.finish()

        monkeypatch.setattr(pipeline, "publish", apart)
        work.put(*wheel("demo", "1.0"))
        work.put(*wheel("other", "1.0"))
        work.work()
        assert_equals_fresh_render(work.config)
