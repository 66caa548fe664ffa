"""`index`: writes the pages of an index beside archives, which are never moved or changed.

There is no state but the pages: they record size, mtime and sha256 of each archive, so the next run reads only archives
that have changed. The JSON of the root is written last, and has a digest of all archives: if it differs from the
archives on the other pages, a run was interrupted, and the next run writes all pages that differ.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from eggwatch import __version__
from eggwatch.errors import FolderError, LockHeldError
from eggwatch.maintenance.index_pages import PublishedIndex, refuse_foreign_pages
from eggwatch.maintenance.index_survey import Contents, FoundArchive, Memory, recall, survey
from eggwatch.model.codes import Code
from eggwatch.model.indexed import IndexedFile, LeftOut, Unread
from eggwatch.model.names import shown
from eggwatch.model.older_names import ArchiveName, parse_archive_name
from eggwatch.model.verdicts import Flaw
from eggwatch.pages.folder_index import VERSION, Projects, Shape, left_out_page
from eggwatch.store import durable

TellProgress = Callable[[str, int], None]
"""Called for each archive or project that is done, with its name and the total number."""
MayRemove = Callable[[set[str], Contents], set[str]]
"""Returns those of the missing archives that can be removed from the index."""


class EmptiedError(FolderError):
    """There are no archives at all any more."""


@dataclass(slots=True, kw_only=True)
class Changes:
    """The result of one run; paths are relative to the index."""

    added: list[IndexedFile] = field(default_factory=list)
    removed: list[IndexedFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    kept: int = 0
    """Archives in the index that are not seen, as on a disk that is not mounted."""
    unchanged: int = 0
    projects: int = 0
    others: int = 0

    def is_good(self) -> bool:
        """Whether every archive is in the index."""
        return not self.unread and not any(one.flaws for one in self.left_out)


def at_once(gone: set[str], _: Contents) -> set[str]:
    """All missing archives can be removed."""
    return gone


class FolderIndex:
    """The index in one folder."""

    def __init__(self, out: Path, shape: Shape) -> None:
        self.out, self._shape = Path(os.path.realpath(out)), shape

    def update(
        self,
        paths: Sequence[Path],
        *,
        may_remove: MayRemove = at_once,
        progress: TellProgress = lambda _name, _of: None,
        quiet: float = 0.0,
    ) -> Changes:
        """Update the index from the archives in these folders and files; `quiet` as in `index_reading.read`.

        FolderError if it would overwrite pages of another program; EmptiedError if there are no archives any more, as
        when a disk is not mounted. Then the index is not changed.
        """
        refuse_foreign_pages(self.out, self._shape)
        durable.make_folders(self.out / "simple")
        with _lock(self.out / "simple"):
            memory, seen = recall(self.out, self._shape), survey(paths, self.out)
            if memory.projects and not seen.found:
                raise EmptiedError(
                    f"There are no archives in {', '.join(map(str, paths))} any more.",
                    remedy=f"If a disk is not mounted, mount it. To delete the index, delete {self.out / 'simple'}.",
                )
            plan = _Plan(memory, seen, may_remove)
            with PublishedIndex(self.out, self._shape).changing() as published:
                for project in plan.read(progress, quiet):
                    published.publish_soon(project, plan.projects[project])
                plan.settle()
                self._publish(plan, published, progress)
            return plan.changes()

    def _publish(self, plan: _Plan, published: PublishedIndex, progress: TellProgress) -> None:
        state = _state(self._shape, plan.projects)
        is_whole = plan.memory.state == state or plan.memory.state == _state(self._shape, plan.memory.projects)
        stale = plan.stale(everything=not is_whole)
        gone = sorted(plan.memory.projects.keys() - plan.projects.keys())
        page = left_out_page(plan.left_out, __version__) if plan.left_out else None
        is_told = plan.memory.left_out == {one.path: one for one in plan.left_out}
        if state == plan.memory.state and not stale and not gone and is_told:
            return
        published.publish_projects(stale, progress)
        published.publish_left_out(page)
        published.publish_front(plan.projects, state)
        published.remove_projects(gone)
        published.remove_others(plan.projects)


class _Plan:
    """The changes that an index needs, computed from its pages and the archives that were found."""

    def __init__(self, memory: Memory, seen: Contents, may_remove: MayRemove) -> None:
        self.memory, self._seen = memory, seen
        self._known = memory.files()
        self.projects: dict[str, list[IndexedFile]] = {}
        self.left_out: list[LeftOut] = []
        self._unread: list[Unread] = [Unread(path=path, why=why) for path, why in sorted(seen.unreadable.items())]
        gone = {path for path, file in self._known.items() if path not in seen.found and not seen.may_lie_unseen(file)}
        self._gone = may_remove(gone, seen)
        self._kept = [file for path, file in self._known.items() if path not in seen.found and path not in self._gone]
        self._unchanged = [file for path, file in self._known.items() if self._is_unchanged(path, file)]
        self._new: list[IndexedFile] = []
        self._changed: set[str] = set()
        for file in [*self._unchanged, *self._kept]:
            self.projects.setdefault(file.project, []).append(file)

    def _is_unchanged(self, path: str, file: IndexedFile | LeftOut) -> bool:
        found = self._seen.found.get(path)
        return found is not None and found.stamp == file.stamp

    def _to_read(self) -> Iterator[FoundArchive]:
        indexed = {file.path for file in self._unchanged}
        for path, found in self._seen.found.items():
            if path in indexed:
                continue
            known = self.memory.left_out.get(path)
            if (
                known is not None
                and self._is_unchanged(path, known)
                and (known.instead is None or known.instead in indexed)
            ):
                self.left_out.append(known)
            else:
                yield found

    def read(self, progress: TellProgress, quiet: float) -> Iterator[str]:
        """Inspect all archives that are new or have changed; yields each project with new ones once it is complete."""
        archives = list(self._to_read())
        if not archives:
            return
        from eggwatch.maintenance.index_reading import read  # imported late: takes as long as a run without changes

        for one, complete in read(archives, quiet=quiet):
            progress(one.path, len(archives))
            self._note(one)
            if complete in self._changed:
                self._settle(complete)
                yield complete

    def _note(self, one: IndexedFile | LeftOut | Unread) -> None:
        if isinstance(one, IndexedFile):
            self._new.append(one)
            self.projects.setdefault(one.project, []).append(one)
            self._changed.add(one.project)
        elif isinstance(one, LeftOut):
            self.left_out.append(one)
        else:
            self._unread.append(one)

    def _settle(self, project: str) -> None:
        """Of two archives with the same filename, only the one whose path sorts first is kept."""
        self.projects[project], others = _one_of_each_name(self.projects[project])
        self.left_out += others

    def settle(self) -> None:
        """Sort what was found."""
        for files in self.projects.values():
            files.sort(key=lambda file: file.path)
        self.left_out.sort(key=lambda one: one.path)

    def stale(self, *, everything: bool) -> Projects:
        """The projects whose pages have to be written."""
        before = self.memory.projects
        return {
            project: files
            for project, files in self.projects.items()
            if everything
            or project not in self.memory.whole
            or files != sorted(before[project], key=lambda file: file.path)
        }

    def changes(self) -> Changes:
        """The result."""
        there = {file.path for files in self.projects.values() for file in files}
        return Changes(
            added=sorted((file for file in self._new if file.path in there), key=lambda file: file.path),
            removed=[file for path, file in sorted(self._known.items()) if path not in there],
            left_out=self.left_out,
            unread=self._unread,
            kept=len(self._kept),
            unchanged=sum(file.path in there for file in self._unchanged),
            projects=len(self.projects),
            others=self._seen.others,
        )


def _one_of_each_name(files: Iterable[IndexedFile]) -> tuple[list[IndexedFile], list[LeftOut]]:
    kept: dict[str, IndexedFile] = {}
    others = []
    for file in sorted(files, key=lambda file: file.path):
        first = kept.setdefault(file.key or _key(file.filename), file)
        if first is not file:
            others.append(_another(file, first))
    return list(kept.values()), others


def _key(filename: str) -> str:
    name = parse_archive_name(filename)
    return name.key if isinstance(name, ArchiveName) else filename


def _another(file: IndexedFile, first: IndexedFile) -> LeftOut:
    place = shown(first.path)  # its folders may have any bytes
    message = (
        f"{place} has the same name and different bytes (sha256 {first.sha256[:16]}…, this one "
        f"{file.sha256[:16]}…). Keep one of them, or increase the version of the other and build it again."
    )
    flaw = Flaw(code=Code.FILE_EXISTS, subject=place, message=message)
    flaws = () if file.sha256 == first.sha256 else (flaw,)
    return LeftOut(path=file.path, mtime=file.mtime, size=file.size, flaws=flaws, instead=first.path)


def _state(shape: Shape, projects: Projects) -> str:
    """Identifies what all pages were made from: version, shape and archives."""
    digest = hashlib.sha256()
    for _, files in sorted(projects.items()):
        for file in sorted(files, key=lambda file: file.path):
            digest.update(f"{file.path}\0{file.size}\0{file.mtime}\0{file.sha256}\n".encode("utf-8", "surrogateescape"))
    return f"{VERSION} {__version__} {'site' * shape.site} {'easy' * shape.easy_install} {digest.hexdigest()}"


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Prevent concurrent runs: LockHeldError if there is one."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = folder.parent
            raise LockHeldError(
                f"Another 'eggwatch index' is running in {where}.", remedy="Wait until it has finished."
            ) from None
        yield
    finally:
        os.close(fd)
