"""Writing the pages of an index of a folder, and taking away those of which nothing is left; never anybody else's."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from eggwatch.errors import FolderError
from eggwatch.model.indexed import IndexedFile, listing_of
from eggwatch.pages.folder_index import (
    EASY,
    GENERATOR,
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
from eggwatch.pages.simple import JSON_NAME, environment
from eggwatch.store import durable
from eggwatch.store.durable import PRIVATE
from eggwatch.targets.folder import FolderTarget
from eggwatch.writer.page_sources import templates

SLICE = 200
"""Projects whose pages are written, and made to last, together."""
SCRATCH = ".eggwatch-new"
_HEAD = 2048


def refuse_foreign_pages(out: Path, shape: Shape) -> None:
    """FolderError if what lies there already was not written by this command, and would have to be overwritten."""
    if (out / ".eggwatch").exists():
        raise FolderError(
            f"{out} belongs to an index with a daemon.", remedy="Copy archives into its drop folder, or choose --out."
        )
    foreign = [out / path for path in shape.own_pages if (out / path).exists() and not _is_ours(out / path)]
    if _has_pages(out / "simple") and remembered_state(_start_of(out / ROOT, None)) is None:
        foreign.append(out / "simple")
    if foreign:
        raise FolderError(
            f"Not written by 'eggwatch index': {', '.join(map(str, foreign))}.",
            remedy="Move it away, or choose another folder for the index with --out.",
        )


def _has_pages(folder: Path) -> bool:
    return folder.is_dir() and any(name != SCRATCH for name in os.listdir(folder))


def _is_ours(page: Path) -> bool:
    return GENERATOR in _start_of(page, _HEAD)


def _start_of(page: Path, size: int | None) -> bytes:
    try:
        with page.open("rb") as file:
            return file.read(size)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return b""


class PublishedIndex:
    """The pages below one folder, while they are changed."""

    def __init__(self, out: Path, shape: Shape) -> None:
        self._out, self._shape = out, shape
        self._env = environment(templates())
        self._target = FolderTarget(out, scratch=out / "simple" / SCRATCH, now_ns=time.time_ns)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A folder for what is not whole yet, empty whatever a crash has left there; gone afterwards."""
        scratch = self._out / "simple" / SCRATCH
        with suppress(FileNotFoundError):
            shutil.rmtree(scratch)
        durable.make_folder(scratch, PRIVATE)
        try:
            yield
        finally:
            shutil.rmtree(scratch)

    def begin(self) -> None:
        """First of all a page that says whose the folder is: a crash may come before any other."""
        if not (self._out / ROOT).exists():
            self._target.publish({ROOT: front_of({}, self._env, Shape(site=False), "")[ROOT]})

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
        """Write what was left out; None if nothing was."""
        if page is not None:
            self._target.publish({LEFT_OUT: page})
        else:
            durable.unlink(self._out / LEFT_OUT)

    def remove_projects(self, projects: Sequence[str]) -> None:
        """Take away the pages of projects of which no archive is left; the JSON, by which they are known, last."""
        for project in projects:
            names = sorted(PROJECT_FILES, key=lambda name: (name == JSON_NAME, name))
            _remove(self._out / "simple" / project, names)

    def remove_others(self, projects: Mapping[str, Sequence[IndexedFile]]) -> None:
        """Take away what is no longer asked for: front pages, and those for easy_install of other names."""
        unwanted = [path for path in (LANDING, LINKS) if not self._shape.site and _is_ours(self._out / path)]
        for path in unwanted:
            durable.unlink(self._out / path)
        if _is_ours(self._out / EASY):
            names = {listing_of(*project).name for project in projects.items()} if self._shape.easy_install else set()
            folder = self._out / "index"
            for name in sorted(set(os.listdir(folder)) - names - {"index.html"}):
                _remove(folder / name, ["index.html"])
            if not self._shape.easy_install:
                _remove(folder, ["index.html"])


def _remove(folder: Path, names: Sequence[str]) -> None:
    """Take files of ours away, and the folder with them if nothing else lies in it."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for name in names:
        durable.unlink(folder / name)
    with suppress(OSError):
        os.rmdir(folder)
