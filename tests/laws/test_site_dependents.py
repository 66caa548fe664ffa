"""Who requires a project, on its page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from eggwatch.maintenance.verify import Verification
from eggwatch.model.site import SiteProject
from eggwatch.pages.site.project_site import Rendered
from eggwatch.pipeline import site_pages
from eggwatch.pipeline.site_pages import MOST_DEPENDENTS
from eggwatch.store.state.catalog import Catalog
from eggwatch.writer.orders import carry_out
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render
from tests.laws.test_site import broken_links, shown

BASE = "project/base/index.html"
SYNCED = 2
"""`PRAGMA synchronous`: what is committed lasts."""


def requiring(name: str, version: str = "1.0", needed: str = "Base") -> tuple[str, bytes]:
    return wheel(name, version, metadata_extra=f"Requires-Dist: {needed}>=1\n")


def dependents(work: IndexAtWork) -> list[str]:
    _, _, said = shown(work, BASE).partition("<h2>Required by</h2>")
    return re.findall(r'<li><a href="../../project/(.+?)/index.html">', said)


def test_a_project_is_listed_as_long_as_one_of_its_releases_requires_another(tmp_path: Path) -> None:
    """From whichever comes first; on the page of the project, and not on those of its releases."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*requiring("early"))
        work.upload(*wheel("base", "1.0"))
        assert dependents(work) == ["early"]
        work.upload(*requiring("late"))
        assert dependents(work) == ["early", "late"]
        assert "Required by" not in shown(work, "project/base/1.0/index.html")
        work.upload(*wheel("late", "2.0"))
        assert dependents(work) == ["early", "late"]
        work.order("remove", "late==1.0")
        assert dependents(work) == ["early"]
        assert broken_links(work.config.public) == []
        assert_equals_fresh_render(work.config)
        work.order("remove", "early")
        assert "Required by" not in shown(work, BASE)
        assert_equals_fresh_render(work.config)


def test_many_that_come_together_are_one_rendering_of_its_page_and_the_first_are_listed(tmp_path: Path) -> None:
    """Also where all pages are rendered anew, as after an upgrade or without the catalog."""
    names = [f"user{number:02}" for number in range(MOST_DEPENDENTS + 3)]
    rendered: list[str] = []
    project_site = site_pages.project_site

    def noted(project: SiteProject, *rest: Any, **more: Any) -> Rendered:
        rendered.append(project.listing.project)
        return project_site(project, *rest, **more)

    with mock.patch.object(site_pages, "project_site", noted), IndexAtWork(tmp_path) as work:
        work.upload(*wheel("base", "1.0"))
        rendered.clear()
        for name in names:
            work.put(*requiring(name))
        work.work()
        assert rendered.count("base") == 1
        assert dependents(work) == names[:MOST_DEPENDENTS]
        assert "and 3 more" in shown(work, BASE)
        work.close()
        work.config.catalog.unlink()
        rendered.clear()
        work.open().work()
        assert rendered.count("base") == 2, "once as itself, and once for all others"
        assert_equals_fresh_render(work.config)


def test_what_is_to_be_listed_soon_is_no_damage(tmp_path: Path) -> None:
    """While the page of whoever requires it is still to be written."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("base", "1.0"))
        work.put(*requiring("late"))
        assert work.index is not None
        pipeline = work.index.pipeline
        while not (work.config.public / "simple/late/index.html").exists():
            pipeline.round(wait=0.05)
        assert dependents(work) == []
        assert Verification(work.config).run() == []
        work.work()
        assert dependents(work) == ["late"]


@contextmanager
def kept_as_synced(state: Path, kept: Path) -> Iterator[None]:
    """Meanwhile the catalog is copied whenever it is synced: this is what a power failure leaves of it."""
    transaction = Catalog._transaction

    def keep() -> None:
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        for path in state.glob("catalog.sqlite3*"):
            shutil.copy(path, kept)

    @contextmanager
    def noted(catalog: Catalog) -> Iterator[None]:
        with transaction(catalog):
            yield
        if catalog._db.execute("PRAGMA synchronous").fetchone()[0] == SYNCED:
            keep()

    keep()
    with pytest.MonkeyPatch.context() as noting:
        noting.setattr(Catalog, "_transaction", noted)
        yield


def test_a_power_failure_leaves_no_page_that_lists_who_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog forgets what was not synced, and a project that came and went meanwhile is news to nobody."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("base", "1.0"))
    kept = tmp_path / "kept"
    with kept_as_synced(work.config.state, kept):
        pipeline = work.open().index.pipeline  # type: ignore[union-attr]
        work.upload(*requiring("late"))
        assert dependents(work) == ["late"]
    monkeypatch.setattr(pipeline, "_is_quiet", lambda: False)
    carry_out(pipeline, {"verb": "remove", "spec": "late", "actor": "tester"})
    assert dependents(work) == ["late"], "the site follows later, and the power fails before"
    work.index.abandon()  # type: ignore[union-attr]
    for path in work.config.state.glob("catalog.sqlite3*"):
        path.unlink()
    for path in kept.glob("catalog.sqlite3*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, work.config.state)
    work.open().work()
    assert dependents(work) == []
    assert_equals_fresh_render(work.config)
    work.close()
