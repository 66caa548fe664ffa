"""What an earlier version left is opened by this one: nothing is lost, and the pages become this version's."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from eggwatch import __version__
from eggwatch.config.settings import Site
from eggwatch.inspection.readmes import Readmes
from eggwatch.maintenance.verify import Verification
from eggwatch.pipeline import pipeline
from eggwatch.store.state import catalog, catalog_reader
from eggwatch.writer import page_sources
from eggwatch.writer.status import state_of
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import (
    START,
    IndexAtWork,
    assert_equals_fresh_render,
    assert_unchanged_pages_untouched,
    snapshot,
)
from tests.layouts.make import HERE, PROJECTS, main

LAYOUTS = sorted(HERE.glob("*.tar.gz"))
NEW = sdist("demo", "4.0")
LATER = START + 100_000
REMOVED = HERE / "demo-2.0.bytes"
"""The sdist that was removed from the fixtures; another Python would build other bytes."""


@pytest.fixture(params=LAYOUTS, ids=lambda path: path.name.removesuffix(".tar.gz"))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> IndexAtWork:
    """An index as an earlier version left it."""
    with tarfile.open(request.param) as tar:
        tar.extractall(tmp_path, filter="tar")
    work = IndexAtWork(tmp_path)
    work.now = LATER
    return work


def test_this_version_has_a_fixture() -> None:
    """Whoever raises the version makes one (tests/layouts/make.py), and it is not made anew."""
    assert __version__ in [path.name.removesuffix(".tar.gz") for path in LAYOUTS]
    with pytest.raises(FileExistsError):
        main()


def test_it_is_sound_before_anything_is_done(old: IndexAtWork) -> None:
    """`verify` compares no pages of another renderer with its own."""
    assert [finding.as_json() for finding in Verification(old.config).run()] == []


@pytest.mark.parametrize("part", ["schema", "project pages", "front pages", "front templates"])
def test_pages_of_an_older_version_are_no_damage(old: IndexAtWork, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Before the daemon of the new one has run, and not after it."""
    with old:
        old.work()
    assert not Verification(old.config).older_pages
    if part == "schema":
        other = catalog_reader.SCHEMA_VERSION + 1
        for module in (catalog_reader, catalog):
            monkeypatch.setattr(module, "SCHEMA_VERSION", other)
    elif part == "project pages":
        monkeypatch.setattr(page_sources, "RENDERER_VERSION", page_sources.RENDERER_VERSION + 1)
    elif part == "front pages":
        monkeypatch.setattr(page_sources, "FRONT_VERSION", page_sources.FRONT_VERSION + 1)
    else:
        sources = page_sources.templates() | {"landing.html": "another"}
        monkeypatch.setattr(page_sources, "templates", lambda: sources)
    found = Verification(old.config)
    assert (found.run(), found.older_pages) == ([], True)
    with old:
        old.work()
    found = Verification(old.config)
    assert (found.run(), found.older_pages) == ([], False)


def test_readmes_that_another_version_of_the_renderer_renders_otherwise_are_rendered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no damage before the daemon has been restarted, and are as it renders them afterwards."""
    with IndexAtWork(tmp_path, site=Site()) as work:
        work.upload(*wheel("demo", metadata_extra="Description-Content-Type: text/markdown\n\n# A title\n"))
    monkeypatch.setattr(Readmes, "html", lambda *_: "<p>another</p>")
    monkeypatch.setattr(page_sources, "renderer_version", lambda: "another", raising=False)
    found = Verification(work.config)
    assert (found.run(), found.older_pages) == ([], True)
    with work:
        work.work()
    assert "<p>another</p>" in (work.config.public / "project/demo/index.html").read_text()
    assert_equals_fresh_render(work.config)


def test_it_goes_on(old: IndexAtWork) -> None:
    """Files, upload times, yanks and removals are as they were; an upload is published; every page is a fresh one."""
    before, serial = {project: old.files(project) for project in PROJECTS}, len(old.events())
    demo = old.page("demo")
    with old:
        old.upload(*NEW)
        assert_equals_fresh_render(old.config)
    assert [event["serial"] for event in old.events()] == list(range(1, serial + 2))
    assert {project: old.files(project) for project in PROJECTS} == before
    files = old.files("demo")
    assert files.pop(NEW[0])["upload-time"] > max(file["upload-time"] for file in files.values())
    assert files == {file["filename"]: file for file in demo["files"]}
    assert old.page("demo")["_removed"] == demo["_removed"]


def test_a_removed_name_stays_taken(old: IndexAtWork) -> None:
    """Law 5 holds across versions: the same bytes return with their first upload time, others never."""
    (removed,) = old.page("demo")["_removed"]
    with old:
        old.upload(removed["filename"], sdist("demo", "2.0", files={"other.py": b""})[1])
        assert removed["filename"] not in old.files("demo")
        old.upload(removed["filename"], REMOVED.read_bytes())
        assert old.files("demo")[removed["filename"]]["upload-time"] < removed["at"]


def test_another_renderer_renders_in_slices_while_an_upload_is_published(
    old: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload's page comes first, `pages_stale` counts down, and what comes out equal is not rewritten."""
    with old:
        old.work()
    before = snapshot(old.config.public)
    monkeypatch.setattr(page_sources, "RENDERER_VERSION", page_sources.RENDERER_VERSION + 1)
    assert_slices(old, monkeypatch)
    after = snapshot(old.config.public)
    others = {path: data for path, data in before[0].items() if path.startswith("simple/part")}
    assert_unchanged_pages_untouched((others, before[1]), after)


@pytest.mark.parametrize("known", [True, False], ids=["older", "newer"])
def test_another_schema_makes_the_catalog_anew_from_the_ledger(
    old: IndexAtWork, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """The old one is set aside; pages are rendered in slices while an upload is published."""
    other = catalog_reader.SCHEMA_VERSION + (1 if known else -1)
    for module in (catalog_reader, catalog):
        monkeypatch.setattr(module, "SCHEMA_VERSION", other)
    assert_slices(old, monkeypatch)
    assert list(old.config.state.glob("catalog.sqlite3.damaged-*"))


def assert_slices(work: IndexAtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages a round, the newest first."""
    monkeypatch.setattr(pipeline, "PAGES_A_ROUND", 3)
    rest: list[int] = []
    work.put(*NEW)
    with work:
        assert work.index is not None
        line = work.index.pipeline
        while not rest or rest[-1] > 0:
            line.round(None)
            rest.append(state_of(line, ready=True, watching=None).pages_stale or 0)
            assert NEW[0] in work.files("demo"), "published in the first round"
            assert len(rest) < 10
        work.work()
        assert_equals_fresh_render(work.config)
    assert rest == sorted(rest, reverse=True)
    assert len(rest) >= len(PROJECTS) // 3, rest
