"""Writes the pages of a folder's index, and removes those that are no longer needed; never those of another program."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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

SLICE = 100
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
        self._out, self._shape, self._scratch = out, shape, out / "simple" / SCRATCH
        self._env = environment(templates())
        self._target = FolderTarget(out, scratch=self._scratch, now_ns=time.time_ns)
        self._begun = False
        self._soon: dict[str, Sequence[IndexedFile]] = {}
        self._written_soon: set[str] = set()
        self._running: Future[None] | None = None

    @contextmanager
    def changing(self) -> Iterator[PublishedIndex]:
        """Provide an empty folder for files that are being written, once there are any, and remove it at the end."""
        try:
            with ThreadPoolExecutor(1, "pages") as self._thread:
                yield self
        finally:
            if self._begun:
                shutil.rmtree(self._scratch)

    def _begin(self) -> None:
        """Write the pages that mark the folders as ours before all others, as the next run needs them after a crash."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._scratch)
        durable.make_folder(self._scratch, PRIVATE)
        self._begun = True
        first = [path for path in (ROOT, EASY) if not (self._out / path).exists()]
        empty = front_of({}, self._env, self._shape, BEGUN)
        self._target.publish({path: empty[path] for path in first if path in empty})

    def _publish(self, pages: Mapping[str, bytes]) -> None:
        if not self._begun:
            self._begin()
        self._target.publish(pages)

    def publish_soon(self, project: str, files: Sequence[IndexedFile]) -> None:
        """Write the pages of a project in a thread, with those of others; raises the error of earlier ones."""
        self._soon[project] = tuple(files)  # a list is empty while it is sorted
        if len(self._soon) < SLICE or (self._running is not None and not self._running.done()):
            return
        self._wait()
        names = list(self._soon)[:SLICE]
        self._written_soon.update(names)
        self._running = self._thread.submit(self._publish_projects, {name: self._soon.pop(name) for name in names})

    def _wait(self) -> None:
        if self._running is not None:
            self._running.result()

    def _publish_projects(self, projects: Projects) -> None:
        pages: dict[str, bytes] = {}
        for name in sorted(projects):
            pages |= project_of(name, projects[name], self._env, self._shape)
        self._publish(pages)

    def publish_projects(self, projects: Projects, progress: Callable[[str, int], None]) -> None:
        """Write the pages of those of some projects that were not written before."""
        self._wait()
        names = sorted(projects.keys() - self._written_soon)
        for start in range(0, len(names), SLICE):
            part = names[start : start + SLICE]
            self._publish_projects({name: projects[name] for name in part})
            for name in part:
                progress(name, len(names))

    def publish_front(self, projects: Projects, state: str) -> None:
        """Write the pages of the whole index."""
        self._publish(front_of(projects, self._env, self._shape, state))

    def publish_left_out(self, page: bytes | None) -> None:
        """Write the list of archives that were left out; None removes it."""
        if page is not None:
            self._publish({LEFT_OUT: page})
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
