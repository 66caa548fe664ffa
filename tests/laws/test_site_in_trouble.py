"""Front pages and the site where the machine or a file of the administrator's fails: uploads go on."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eggwatch.config.settings import Site
from eggwatch.pipeline import site_pages
from eggwatch.pipeline.site_history import History
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render


def with_no_descriptor_left(real: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is where the process may open no file."""

    def limited(*arguments: Any, **named: Any) -> Any:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            return real(*arguments, **named)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    return limited


@pytest.mark.parametrize("part", ["history", "metadata"])
def test_a_page_that_can_not_be_rendered_for_want_of_a_descriptor_does_not_wait_for_its_next_change(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is wrong with its template: the next one to open the index renders it."""
    owner, name = {"history": (History, "happenings"), "metadata": (site_pages, "abouts_of")}[part]
    with IndexAtWork(tmp_path, site=Site()) as work, monkeypatch.context() as patch:
        patch.setattr(owner, name, with_no_descriptor_left(getattr(owner, name)))
        with pytest.raises(OSError, match="Too many open files"):
            work.upload(*wheel("demo", metadata_extra="Summary: short\n"))
        assert work.index is not None
        work.index.abandon()
        work.index = None
    with IndexAtWork(tmp_path, site=Site()) as work:
        work.work()
        assert_equals_fresh_render(work.config)
