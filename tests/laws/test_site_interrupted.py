"""Pages of the site whose publication was interrupted are not taken for what the catalog last knew of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from eggwatch.config.settings import Site
from eggwatch.pipeline import root_pages
from eggwatch.store import durable
from eggwatch.writer.orders import carry_out
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render
from tests.laws.test_site import shown

RELEASE = "project/demo/1.0/index.html"
YANKED = {"verb": "yank", "spec": "demo", "actor": "tester", "reason": "breaks"}


class Killed(BaseException):
    """The process ends here."""


def test_a_yank_that_a_killed_writer_had_shown_is_on_no_page_when_it_is_undone_at_once(tmp_path: Path) -> None:
    """The pages were in their place, and the catalog did not know it yet."""
    with IndexAtWork(tmp_path, site=Site()) as work:
        work.upload(*wheel("demo", "1.0"))
        is_shown = False

        def kill(operation: str, subject: str) -> None:
            nonlocal is_shown
            is_shown = is_shown or (operation == "rename" and subject.endswith("project/demo/index.html"))
            if is_shown and operation == "sqlite-commit":
                raise Killed

        assert work.index is not None
        with durable.observed(kill), pytest.raises(Killed):
            work.order("yank", "demo", "breaks")
        assert "yanked" in shown(work, RELEASE)
        work.index.abandon()
        work.open().order("unyank", "demo")
        work.work()
        assert "yanked" not in shown(work, RELEASE)
        assert_equals_fresh_render(work.config)


def test_a_yank_that_was_shown_when_the_disk_got_full_is_on_no_page_when_it_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon goes on with what it knows, and the pages before the one that found no room are in their place."""
    monkeypatch.setattr(root_pages, "ROOM_PAUSE", 0.0)
    with IndexAtWork(tmp_path, site=Site()) as work:
        work.upload(*wheel("demo", "1.0"))

        def full(operation: str, subject: str) -> None:
            if operation == "rename" and subject.endswith("project/demo/index.html"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), subject)

        assert work.index is not None
        pipeline = work.index.pipeline
        with durable.observed(full):
            carry_out(pipeline, YANKED)
            while "yanked" not in shown(work, RELEASE):
                pipeline.round(wait=0.05)
        work.order("unyank", "demo")
        work.work()
        assert "yanked" not in shown(work, RELEASE)
        assert_equals_fresh_render(work.config)
