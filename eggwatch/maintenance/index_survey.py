"""Finds the archives of a folder's index, and reads what its pages have recorded of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from eggwatch import __version__
from eggwatch.errors import in_words
from eggwatch.model.indexed import IndexedFile, LeftOut
from eggwatch.model.names import JSON_NAME
from eggwatch.model.parsing import parsed
from eggwatch.pages.folder_index import (
    EASY,
    GENERATOR,
    LEFT_OUT,
    PROJECT_FILES,
    ROOT,
    Shape,
    remembered,
    remembered_left_out,
    remembered_state,
)
from eggwatch.policy.settling import SUFFIXES, NameKind, kind_of_name
from eggwatch.store.stock import Item, StockKind, walk
from eggwatch.targets.folder import read_page

FORMATS = tuple(SUFFIXES)
"""Archives of every format that an installer has ever supported."""
ROOT_PAGES = tuple(f"simple/{name}" for name in sorted(PROJECT_FILES))
OURS = ("simple", "index")
"""The folders of pages."""
_HEAD = 2048
"""The beginning of a page that has its generator, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundArchive:
    """An archive: `path` is relative to the index, `place` is its full path, `apart` as in an IndexedFile."""

    path: str
    place: Path
    size: int
    mtime: int
    apart: bool

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and mtime; if they are unchanged, so is the file."""
        return self.size, self.mtime


@dataclass(slots=True, kw_only=True)
class Contents:
    """What was found: archives and errors by relative path, also of folders, and the number of other files."""

    out: Path
    found: dict[str, FoundArchive] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    others: int = 0

    def may_lie_unseen(self, file: IndexedFile) -> bool:
        """Whether an archive may exist where this account cannot read, or on a disk that is not mounted."""
        parts = file.path.split("/")
        if any("/".join(parts[:end]) in self.unreadable for end in range(1, len(parts) + 1)):
            return True
        return file.apart and not is_apart(os.path.dirname(self.out / file.path), self.out)


def is_apart(folder: str, out: Path) -> bool:
    """Whether a folder, or the closest existing one above it, is on another file system than the index."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return os.stat(folder).st_dev != os.stat(out).st_dev


def survey(paths: Iterable[Path], out: Path) -> Contents:
    """Find all archives in folders and single files; OSError if one of `paths` cannot be read."""
    result, relative = Contents(out=out), _Relative(out)
    for item in _items(paths, out):
        path = relative.to(item.path)
        if item.sort is StockKind.ARCHIVE:
            _take(item, path, relative, result)
        elif item.sort in (StockKind.CLOSED, StockKind.BROKEN):
            result.unreadable[path] = item.why
        else:
            result.others += 1
    return result


def _take(item: Item, path: str, relative: _Relative, result: Contents) -> None:
    try:
        status = os.stat(item.path)
    except OSError as error:
        result.unreadable[path] = f"can't be read: {error.strerror}"
    else:
        mtime = status.st_mtime_ns // 1000
        apart = relative.is_apart(item.path)
        result.found[path] = FoundArchive(path=path, place=item.path, size=status.st_size, mtime=mtime, apart=apart)


def _items(paths: Iterable[Path], out: Path) -> Iterator[Item]:
    # A folder named `index` that has not our page may be one with archives.
    ours = {str(out / name) for name in OURS if name != "index" or is_ours(out / EASY)}
    for path in paths:
        place = Path(os.path.realpath(path.parent)) / path.name if path.name else Path(os.path.realpath(path))
        is_archive = kind_of_name(place.name, FORMATS) is NameKind.UPLOAD
        if (is_archive or place.is_symlink()) and not place.exists():
            yield Item(path=place, sort=StockKind.BROKEN, why="it is a link that leads nowhere")
        elif not stat.S_ISDIR(os.stat(place).st_mode):
            yield Item(path=place, sort=StockKind.ARCHIVE if is_archive else StockKind.OTHER)
        elif os.path.realpath(place) not in ours:
            yield from walk(place, FORMATS, ours)


class _Relative:
    """Paths relative to the index; each folder is examined once."""

    def __init__(self, out: Path) -> None:
        self._out, self._folders = out, dict[str, tuple[str, bool]]()

    def to(self, path: Path) -> str:
        """The path relative to the index."""
        folder, _, name = str(path).rpartition("/")
        return self._of(folder)[0] + name

    def is_apart(self, path: Path) -> bool:
        """Whether it is on another file system than the index; for a link, the link itself."""
        return self._of(str(path).rpartition("/")[0])[1]

    def _of(self, folder: str) -> tuple[str, bool]:
        if folder not in self._folders:
            below = os.path.relpath(folder or "/", self._out)
            self._folders[folder] = ("" if below == "." else f"{below}/", is_apart(folder or "/", self._out))
        return self._folders[folder]


@dataclass(slots=True, kw_only=True)
class Memory:
    """What the pages record: archives by project, those left out by path, and the projects whose pages all exist."""

    projects: dict[str, list[IndexedFile]] = field(default_factory=dict)
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    state: str | None = None

    def files(self) -> dict[str, IndexedFile]:
        """All archives by path."""
        return {file.path: file for files in self.projects.values() for file in files}


def recall(out: Path, shape: Shape) -> Memory:
    """Read the pages of an index; those that cannot be read, or are not ours, are ignored."""
    memory = Memory(state=remembered_state(read_page(out / ROOT) or b""))
    if memory.state is None:
        return memory
    if not all((out / page).exists() for page in (*ROOT_PAGES, *shape.own_pages)):
        memory.state = None
    for project in _folders(out / "simple"):
        folder = out / "simple" / project
        files = parsed(partial(remembered, project=project), read_page(folder / JSON_NAME) or b"")
        if files is None:
            continue
        memory.projects[project] = files
        if PROJECT_FILES.issubset(os.listdir(folder)):
            memory.whole.add(project)
    if shape.easy_install:
        there = {name.lower() for name in _folders(out / "index")}
        memory.whole -= {one for one, files in memory.projects.items() if not {f.name.lower() for f in files} & there}
    left_out = parsed(partial(remembered_left_out, version=__version__), read_page(out / LEFT_OUT) or b"")
    memory.left_out = {one.path: one for one in left_out or ()}
    return memory


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))
    except FileNotFoundError:
        return []


def is_ours(page: Path) -> bool:
    """Whether this command wrote a page whose path other programs use too."""
    return not page.is_dir() and GENERATOR in (read_page(page, _HEAD) or b"")


def changed_since(found: FoundArchive) -> str | None:
    """Why what was read of an archive is invalid: it was changed or deleted meanwhile. None if it was not."""
    try:
        status = os.stat(found.place)
    except OSError as error:
        return in_words(error)
    if (status.st_size, status.st_mtime_ns // 1000) != found.stamp:
        return "it changed while it was read"
    return None
