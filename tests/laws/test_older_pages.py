"""Pages that are older than the ledger: the ledger is right."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.config.settings import Site as SiteSettings
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render

ONE, TWO = sdist("demo", "1.0"), sdist("demo", "2.0")


def test_rebuild_undoes_nothing_that_a_page_does_not_show_yet(tmp_path: Path) -> None:
    """A page is older than the ledger after a kill, or when it comes from a backup: what has happened since is kept."""
    work, older = IndexAtWork(tmp_path), tmp_path / "older"
    three = sdist("demo", "3.0")
    with work:
        for upload in (ONE, TWO, three):
            work.upload(*upload)
        work.order("yank", "demo==3.0", "breaks")
        shutil.copytree(work.config.public / "simple", older)
        work.order("yank", "demo==1.0", "breaks too")
        work.order("unyank", "demo==3.0")
        work.order("remove", "demo==2.0", "leaks a key")
        page = work.page("demo")
    shutil.rmtree(work.config.public / "simple")
    older.rename(work.config.public / "simple")
    done = Site(work.config.drop.parent).run("rebuild", "--json")
    assert (done.code, done.row["new_events"], done.row["lost"]) == (0, 0, [])
    assert work.page("demo") == page
    assert_equals_fresh_render(work.config)


@pytest.mark.parametrize("contact", [None, "staff@example.com"], ids=["the same", "another contact"])
@pytest.mark.parametrize("site", [None, SiteSettings()], ids=["list", "site"])
def test_older_pages_that_were_put_back_become_those_of_the_ledger_when_an_index_is_opened(
    tmp_path: Path, site: SiteSettings | None, contact: str | None
) -> None:
    """PUBLIC is as it was an hour ago, beside a newer STATE; the bytes of the last upload are there."""
    work, older = IndexAtWork(tmp_path, site=site), tmp_path / "older"
    with work:
        work.upload(*ONE)
        shutil.copytree(work.config.public, older)
        work.upload(*TWO)
        work.order("yank", "demo==1.0", "breaks")
    shutil.copytree(older, work.config.public, dirs_exist_ok=True, ignore=shutil.ignore_patterns("files"))
    work.config = replace(work.config, contact=contact)
    with work:
        work.work()
        assert_equals_fresh_render(work.config)
