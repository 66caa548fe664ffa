"""Writes the pages of a folder's index, and removes those that are no longer needed; never those of another program."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from eggwatch.errors import FolderError
from eggwatch.maintenance.index_survey import is_ours
from eggwatch.model.indexed import IndexedFile, spelled_name
from eggwatch.model.names import JSON_NAME
from eggwatch.pages.folder_index import (
    EASY,
    LANDING,
    LEFT_OUT,
    LINKS,
    PROJECT_FILES,
    ROOT,
    Projects,
    Shape,
    front_of,
    project_of,
    remembered_state,
)
from eggwatch.pages.simple import environment
from eggwatch.store import durable
from eggwatch.store.durable import PRIVATE
from eggwatch.targets.folder import FolderTarget, read_page
from eggwatch.writer.templates import templates

SLICE = 200
"""The number of projects whose pages are written and synced together."""
SCRATCH = ".eggwatch-new"
BEGUN = "begun"
"""The state of an index that has no projects yet."""


def refuse_foreign_pages(out: Path, shape: Shape) -> None:
    """FolderError if files of another program would have to be overwritten."""
    if (out / ".eggwatch").exists():
        raise FolderError(
            f"{out} belongs to an index with a daemon.", remedy="Copy archives into its drop folder, or choose --out."
        )
    foreign = [out / path for path in shape.own_pages if (out / path).exists() and not is_ours(out / path)]
    if _holds_anything(out / "simple") and remembered_state(read_page(out / ROOT) or b"") is None:
        foreign.append(out / "simple")
    if shape.easy_install and _holds_anything(out / "index") and not (out / EASY).exists():
        foreign.append(out / "index")
    if foreign:
        raise FolderError(
            f"Not written by 'eggwatch index': {', '.join(map(str, foreign))}.",
            remedy="Move them to another folder, or choose another folder for the index with --out.",
        )


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and any(name != SCRATCH for name in os.listdir(folder))


class PublishedIndex:
    """The pages below one folder, while they are changed."""

    def __init__(self, out: Path, shape: Shape) -> None:
        self._out, self._shape = out, shape
        self._env = environment(templates())
        self._target = FolderTarget(out, scratch=out / "simple" / SCRATCH, now_ns=time.time_ns)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Provide an empty folder for files that are being written, and remove it at the end."""
        scratch = self._out / "simple" / SCRATCH
        with suppress(FileNotFoundError):
            shutil.rmtree(scratch)
        durable.make_folder(scratch, PRIVATE)
        try:
            yield
        finally:
            shutil.rmtree(scratch)

    def begin(self) -> None:
        """Write the pages that mark the folders as ours before all others, as the next run needs them after a crash."""
        first = [path for path in (ROOT, EASY) if not (self._out / path).exists()]
        empty = front_of({}, self._env, self._shape, BEGUN)
        self._target.publish({path: empty[path] for path in first if path in empty})

    def publish_projects(self, projects: Projects, progress: Callable[[str], None]) -> None:
        """Write the pages of some projects."""
        names = sorted(projects)
        for start in range(0, len(names), SLICE):
            pages: dict[str, bytes] = {}
            for name in names[start : start + SLICE]:
                pages |= project_of(name, projects[name], self._env, self._shape)
                progress(name)
            self._target.publish(pages)

    def publish_front(self, projects: Projects, state: str) -> None:
        """Write the pages of the whole index."""
        self._target.publish(front_of(projects, self._env, self._shape, state))

    def publish_left_out(self, page: bytes | None) -> None:
        """Write the list of archives that were left out; None removes it."""
        if page is not None:
            self._target.publish({LEFT_OUT: page})
        else:
            durable.unlink(self._out / LEFT_OUT)

    def remove_projects(self, projects: Sequence[str]) -> None:
        """Remove the pages of projects without archives; the JSON last, because the next run finds projects by it."""
        for project in projects:
            names = sorted(PROJECT_FILES, key=lambda name: (name == JSON_NAME, name))
            _remove(self._out / "simple" / project, names)

    def remove_others(self, projects: Mapping[str, Sequence[IndexedFile]]) -> None:
        """Remove pages that the options no longer ask for, and those for easy_install under names no longer used."""
        unwanted = [path for path in (LANDING, LINKS) if not self._shape.site and is_ours(self._out / path)]
        for path in unwanted:
            durable.unlink(self._out / path)
        if is_ours(self._out / EASY):
            names = {spelled_name(files) for files in projects.values()} if self._shape.easy_install else set()
            folder = self._out / "index"
            for name in sorted(set(os.listdir(folder)) - names - {"index.html"}):
                _remove(folder / name, ["index.html"])
            if not self._shape.easy_install:
                _remove(folder, ["index.html"])


def _remove(folder: Path, names: Sequence[str]) -> None:
    """Delete our files, and the folder if nothing else is in it."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for name in names:
        durable.unlink(folder / name)
    with suppress(OSError):
        os.rmdir(folder)
