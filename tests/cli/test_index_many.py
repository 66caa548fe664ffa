"""eggwatch index in a folder of so many projects that pages are written while other archives are read."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eggwatch.maintenance.index_folder import Changes, FolderIndex
from eggwatch.maintenance.index_pages import SLICE, PublishedIndex
from eggwatch.pages.folder_index import Shape
from eggwatch.store import durable
from tests.archive_factory import sdist, wheel
from tests.cli.indexing import contents
from tests.cli.stocks import add
from tests.running import until

PROJECTS = 2 * SLICE


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of two archives of each project: their names sort far from each other."""
    for number in range(PROJECTS):
        add(tmp_path, sdist(f"demo-{number}", "1.0"), "sdists")
        add(tmp_path, wheel(f"demo-{number}", "1.0"), "wheels")
    return tmp_path


def run(folder: Path, progress: Callable[[str, int], None] = lambda _name, _of: None) -> Changes:
    """One run."""
    return FolderIndex(folder, Shape()).update([folder], progress=progress)


class Late:
    """Progress that lets the last archives wait until some project has a page, and then ends as `how` says."""

    def __init__(self, folder: Path, how: BaseException | None = None) -> None:
        self._folder, self._how, self._read = folder, how, 0
        self.written_last = 0
        """How many projects were left when all was read."""

    def __call__(self, _name: str, _of: int) -> None:
        """One more archive was read."""
        self._read += 1
        self.written_last = max(0, self._read - 2 * PROJECTS)
        if self._read == 2 * PROJECTS - 1:
            until("a page", lambda: any((self._folder / "simple").glob("*/index.v1_json")))
            if self._how is not None:
                raise self._how


def test_projects_are_published_while_archives_of_others_are_read(many: Path) -> None:
    """The pages equal those of a second folder, where nothing waits."""
    late = Late(many)
    assert len(run(many, late).added) == 2 * PROJECTS
    assert late.written_last <= PROJECTS - SLICE
    for page in ("simple", "index.html", "links.html"):
        (many / page).rename(many.parent / f"{page}.before")
    run(many)
    assert contents(many / "simple") == contents(many.parent / "simple.before")


def test_what_was_published_before_an_interruption_is_not_read_again(many: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(many, Late(many, KeyboardInterrupt()))
    assert not (many / "simple" / ".eggwatch-new").exists()
    rest = run(many)
    assert (len(rest.added) + rest.unchanged, rest.projects) == (2 * PROJECTS, PROJECTS)
    assert rest.unchanged >= 2 * SLICE


def test_pages_are_made_of_the_files_that_a_project_had_when_it_was_complete(tmp_path: Path) -> None:
    """Its list may be sorted meanwhile, and is empty as long as that takes."""
    add(tmp_path, wheel("demo", "1.0"))
    files = run(tmp_path).added
    lists = {f"demo-{number}": list(files) for number in range(SLICE)}
    with PublishedIndex(tmp_path, Shape()).changing() as published:
        for project, its_files in lists.items():
            published.publish_soon(project, its_files)
            its_files.clear()
    assert all(files[0].filename in (tmp_path / "simple" / one / "index.html").read_text() for one in lists)


def test_a_page_that_cannot_be_written_ends_the_run_with_its_error(many: Path) -> None:
    """Also if another page was to be written meanwhile; the next run completes the index."""

    def full(operation: str, subject: str) -> None:
        if operation == "rename" and "/simple/demo-" in subject:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), subject)

    with durable.observed(full), pytest.raises(OSError, match="No space left"):
        run(many)
    assert not (many / "simple" / ".eggwatch-new").exists()
    assert len(run(many).added) == 2 * PROJECTS
