"""Front pages and the site where the machine or a file of the administrator's fails: uploads go on."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eggwatch.config.settings import Site
from eggwatch.maintenance.verify import Verification
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


def test_verify_blames_no_template_for_want_of_a_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what the machine lacks."""
    (own := tmp_path / "own").mkdir()
    with IndexAtWork(tmp_path, site=Site(templates=own)) as work:
        work.upload(*wheel("demo", "1.0"))
        monkeypatch.setattr(History, "happenings", with_no_descriptor_left(History.happenings))
        with pytest.raises(OSError, match="Too many open files"):
            Verification(work.config).run()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"one line\n{% if %}\n", r"site: front.html, line 2: .*expr"),
        (b"one line\n{{ 1 | nosuch }}\n", r"site: front.html, line 2: No filter named"),
        (b"\xff", r"site: It is not UTF-8: .*front.html"),
    ],
)
def test_ours_stands_in_for_a_template_that_is_none(
    text: bytes, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As one that is being edited while the index is opened: it is named with its line, and uploads are published."""
    (own := tmp_path / "own").mkdir()
    (own / "front.html").write_bytes(text)
    (own / "search.html").write_text("Mine.")
    with IndexAtWork(tmp_path, site=Site(templates=own)) as work:
        work.upload(*wheel("demo", "1.0"))
        assert re.search(told, caplog.text)
        assert "demo" in (work.config.public / "index.html").read_text()
        assert (work.config.public / "search/index.html").read_text() == "Mine."
        assert_equals_fresh_render(work.config)
    (own / "front.html").write_text("Whole again.")
    with IndexAtWork(tmp_path, site=Site(templates=own)) as work:
        work.work()
        assert (work.config.public / "index.html").read_text() == "Whole again."


def make_pipe(path: Path) -> None:
    """As a logo nobody would ever write."""
    os.mkfifo(path)


@pytest.mark.parametrize(("make", "told"), [(make_pipe, "It is no file"), (Path.mkdir, "directory"), (None, "No such")])
def test_pages_are_without_a_logo_that_can_not_be_read(
    make: Callable[[Path], None] | None, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And without their templates, if their folder is not there."""
    logo = tmp_path / "logo.svg"
    if make is not None:
        make(logo)
    with IndexAtWork(tmp_path, site=Site(logo=logo, templates=tmp_path / "nowhere")) as work:
        work.upload(*wheel("demo", "1.0"))
        assert re.search(f"site: .*{told}.*logo.svg", caplog.text) and "nowhere" in caplog.text
        assert "static/logo" not in (work.config.public / "index.html").read_text()
        assert_equals_fresh_render(work.config)
