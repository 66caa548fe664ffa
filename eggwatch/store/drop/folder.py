"""The drop folder. Others can write to it, so everything is opened by descriptor, without following links."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from eggwatch.errors import FolderError
from eggwatch.linux import capabilities
from eggwatch.model.sightings import Identity, Sighting
from eggwatch.policy.settling import NameKind, kind_of_name
from eggwatch.store import granting
from eggwatch.store.durable import Place

ANSWER_FOLDERS = ("rejected", "receipts")
LEFTOVER = re.compile(r"\.eggwatch-([0-9]{1,18})-([0-9a-f]{8})")
"""An original under its hidden name, with a serial that the catalog can be asked for."""
DEEPEST = 32
HEAD = 512
"""Zero bytes in a row that count as a block that was never written."""
LOOKED_AT_AGAIN = 8
"""A scan looks at one in so many of the files that were no uploads before: events tell which have changed."""
PORTION = 256
"""Names that are looked at in one go."""
TAIL = 64 * 1024
"""Bytes at the end of a file that are looked at: a zip has its directory there."""

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of the file: the daemon itself, or the machine, has run out of something."""

FURTHEST = (1 << 63) - 1
"""Nanoseconds from 1970 to the year 2262."""

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
"""Flags to open files of other accounts, so that a FIFO, a link or a lease never blocks."""


def identity_of(status: os.stat_result) -> Identity:
    """The identity of what stat(2) saw; any account can set a time that is too far away for the catalog."""
    mtime, ctime = status.st_mtime_ns, status.st_ctime_ns
    if not -FURTHEST <= min(mtime, ctime) <= max(mtime, ctime) <= FURTHEST:
        mtime, ctime = (min(max(moment, -FURTHEST), FURTHEST) for moment in (mtime, ctime))
    return Identity(status.st_dev, status.st_ino, status.st_size, mtime, ctime)


class Found(NamedTuple):
    """One regular file: its path in the drop, the name at its end, its identity and owner."""

    path: str
    name: str
    identity: Identity
    uid: int


@dataclass(slots=True, kw_only=True)
class Survey:
    """What one look at the drop folder saw."""

    uploads: list[Found] = field(default_factory=list)
    others: list[Found] = field(default_factory=list)
    leftovers: list[Found] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    closed: list[Found] = field(default_factory=list)
    """Folders that this account may not enter; they are among the `unreadable` too."""
    gone: list[str] = field(default_factory=list)
    """Paths that were asked for and no longer exist."""
    unwatched: bool = False
    """True if a folder could only be entered with capabilities: this account gets no events for it."""
    folders: set[int] = field(default_factory=set)
    """The inodes of the folders that were entered, and for which this account can get events."""
    complete: bool = True
    """False when only some paths were looked at: then nothing can be said of the others."""
    elsewhere: set[str] = field(default_factory=set)
    """Paths that were looked at beside a long scan."""

    def add(self, part: Survey) -> None:
        """Take in what a look at something else has seen."""
        for ours, theirs in ((self.uploads, part.uploads), (self.others, part.others)):
            ours += theirs
        self.leftovers += part.leftovers
        self.closed += part.closed
        self.unreadable |= part.unreadable
        self.folders |= part.folders
        self.unwatched = self.unwatched or part.unwatched


class Drop:
    """The drop folder at a path. Opened anew for every look, so that a replaced or mounted folder is seen.

    Ten thousand files that are no uploads may lie there for years, and to look at each takes longer than all else.
    What has the name and inode of one is believed to be it, unless it is its turn: a change of which no event told is
    seen some scans later.
    """

    def __init__(self, root: Path, formats: tuple[str, ...]) -> None:
        self.root = root
        self.formats = formats
        self._prefix = f"{root}/"
        self._others: dict[str, Found] = {}
        self._turn = 0

    def __repr__(self) -> str:
        return f"Drop({str(self.root)!r})"

    @contextmanager
    def opened(self) -> Iterator[int]:
        """The drop folder's descriptor. FolderError if it is not there."""
        fd = self.open()
        try:
            yield fd
        finally:
            os.close(fd)

    def open(self) -> int:
        """The same, for the caller to close."""
        try:
            with capabilities.raised():
                return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            remedy = "Let the daemon's account read it." if error.errno == errno.EACCES else "Mount or create it."
            raise FolderError(
                f"The drop folder {self.root} can't be opened: {error.strerror}.",
                remedy=f"{remedy} The daemon keeps looking for it, and nothing is lost.",
            ) from error

    def scan(self) -> Survey:
        """Scan the whole drop folder."""
        survey = Survey()
        with capabilities.raised():
            for part in self.scanning():
                survey.add(part)
        return survey

    def scanning(self) -> Iterator[Survey]:
        """The same, a few hundred names at a time. To be gone on with where privileges are raised."""
        seen: set[str] = set()
        self._turn = (self._turn + 1) % LOOKED_AT_AGAIN
        with self.opened() as fd:
            for part in self._scan_folder(fd, "", _listed(fd)):
                seen.update([found.path for found in part.others])
                yield part
        for path in self._others.keys() - seen:
            del self._others[path]

    def scanning_below(self, path: str) -> Iterator[Survey]:
        """The same for one folder and what is below it; nothing if it is gone, or a scan does not enter it."""
        *parents, name = path.split("/")
        prefix = "".join(f"{parent}/" for parent in parents)
        if not _leads_in(parents) or not self._enters(prefix, name):
            return
        try:
            with self.place(path) as place:
                status = os.stat(name, dir_fd=place.folder, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    yield from self._descend(place.folder, prefix, _found(prefix, name, status))
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise

    def _scan_folder(self, fd: int, prefix: str, entries: dict[str, os.DirEntry[str]]) -> Iterator[Survey]:
        survey, status = Survey(complete=False), os.fstat(fd)
        if _may_read(status):
            survey.folders.add(status.st_ino)
        else:
            survey.unwatched = True
        for number, name in enumerate(sorted(entries), 1):
            if number % PORTION == 0:
                yield survey
                survey = Survey(complete=False)
            try:
                if (known := self._as_before(prefix + name, entries[name])) is not None:
                    survey.others.append(known)
                    continue
                status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    survey.unreadable[prefix + name] = str(error.strerror)
                continue
            if stat.S_ISREG(status.st_mode):
                self._sort(prefix, name, status, survey)
            elif stat.S_ISDIR(status.st_mode) and self._enters(prefix, name):
                yield survey  # what comes first in the order of names is seen first
                yield from self._descend(fd, prefix, _found(prefix, name, status))
                survey = Survey(complete=False)
            else:
                self._note(prefix, name, status, survey)
        yield survey

    def _as_before(self, path: str, entry: os.DirEntry[str]) -> Found | None:
        """What was there before and was no upload, if the same file is there and need not be looked at this time."""
        known = self._others.get(path)
        if known is None or known.identity.ino % LOOKED_AT_AGAIN == self._turn:
            return None
        return known if entry.inode() == known.identity.ino and entry.is_file(follow_symlinks=False) else None

    def _descend(self, parent: int, prefix: str, folder: Found) -> Iterator[Survey]:
        if prefix.count("/") >= DEEPEST:
            yield Survey(unreadable={folder.path: f"more than {DEEPEST} folders deep, ignored"}, complete=False)
            return
        try:
            fd, entries = _entered(parent, folder.name)
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            why = f"folder can't be read ({error.strerror})"
            if isinstance(error, PermissionError):
                why += f": {granting.advice(Place(parent, folder.name), folder.path)}"
            yield Survey(unreadable={folder.path: why}, closed=[folder], complete=False)
            return
        try:
            yield from self._scan_folder(fd, f"{folder.path}/", entries)
        finally:
            os.close(fd)

    def _note(self, prefix: str, name: str, status: os.stat_result, survey: Survey) -> None:
        if kind_of_name(name, self.formats) is not NameKind.TEMPORARY and name not in ANSWER_FOLDERS:
            if stat.S_ISLNK(status.st_mode):
                survey.unreadable[prefix + name] = "a symbolic link is not followed; copy the file itself"
            elif not stat.S_ISDIR(status.st_mode):
                survey.unreadable[prefix + name] = "not a regular file"

    def _enters(self, prefix: str, name: str) -> bool:
        return not name.startswith(".") and (bool(prefix) or name not in ANSWER_FOLDERS)

    def _sort(self, prefix: str, name: str, status: os.stat_result, survey: Survey) -> None:
        found = _found(prefix, name, status)
        if name.startswith(".") and LEFTOVER.fullmatch(name):
            survey.leftovers.append(found)
            return
        kind = kind_of_name(name, self.formats)
        if kind is NameKind.UPLOAD:
            survey.uploads.append(found)
        elif (kind is NameKind.OTHER or name.startswith("._")) and found.path != "README.txt":
            survey.others.append(found)
            self._others[found.path] = found

    def look(self, paths: set[str]) -> Survey:
        """Look at a few paths only, those that events named. FolderError if the folder itself is gone."""
        survey = Survey(complete=False)
        with self.opened():
            pass  # a missing drop folder is reported at once, not at the next scan
        for path in sorted(paths):
            self._look_at(path, survey)
        return survey

    def _look_at(self, path: str, survey: Survey) -> None:
        parts = path.split("/")
        if not _leads_in(parts[:-1]):
            return
        try:
            with self.place(path) as place, capabilities.raised():
                status = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            if error.errno == errno.ENOENT:
                survey.gone.append(path)
            return
        if stat.S_ISREG(status.st_mode):
            self._sort("/".join([*parts[:-1], ""]), parts[-1], status, survey)

    @contextmanager
    def place(self, path: str) -> Iterator[Place]:
        """The folder of a path, open, and the name in it; no part of the way may be a link."""
        *folders, name = path.split("/")
        fd = self.open()
        try:
            for folder in folders:
                with capabilities.raised():
                    below = os.open(folder, FOLDER_FLAGS, dir_fd=fd)
                os.close(fd)
                fd = below
            yield Place(fd, name, self._prefix + path)
        finally:
            os.close(fd)

    def folders_of(self, path: str) -> tuple[os.stat_result, ...]:
        """The stat results of each folder on a path, the outermost first, and finally of the file.

        Each was opened from the one before. Raises OSError if one is missing or a link.
        """
        *folders, name = path.split("/")
        seen = []
        with self.opened() as root, capabilities.raised(), ExitStack() as stack:
            fd = root
            for folder in folders:
                fd = os.open(folder, FOLDER_FLAGS, dir_fd=fd)
                stack.callback(os.close, fd)
                seen.append(os.fstat(fd))
            seen.append(os.stat(name, dir_fd=fd, follow_symlinks=False))
        return tuple(seen)

    @contextmanager
    def reading(self, path: str) -> Iterator[int]:
        """A file, open for reading only; OSError if it is gone, no regular file, or not ours to read."""
        with self.place(path) as place:
            fd = open_regular(place)
        try:
            yield fd
        finally:
            os.close(fd)

    def is_read_only(self, path: str) -> bool:
        """Whether the folder of a path can't be written to by anybody in this mount namespace; not if it is gone."""
        try:
            with self.place(path) as place:
                return bool(os.fstatvfs(place.folder).f_flag & os.ST_RDONLY)
        except (OSError, FolderError):
            return False

    def advice(self, path: str) -> str:
        """What its uploader can do so that this account can read a file."""
        try:
            with self.place(path) as place:
                return granting.advice(place, path)
        except (OSError, FolderError):
            return "ask the administrator"

    def starts_with_zeros(self, sighting: Sighting) -> bool:
        """Whether the head of a file was never written, as that of one that costs its owner nothing."""
        try:
            with self.reading(sighting.path) as fd:
                return identity_of(os.fstat(fd)) == sighting.identity and not any(os.pread(fd, HEAD, 0))
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            return False

    def ends_of(self, found: Found) -> tuple[bytes, bytes]:
        """The first and the last bytes of a file; empty if it can't be read, or is another one by now."""
        try:
            with self.reading(found.path) as fd:
                if identity_of(os.fstat(fd)) == found.identity:
                    return os.pread(fd, 16, 0), os.pread(fd, TAIL, max(0, found.identity.size - TAIL))
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
        return b"", b""


def _found(prefix: str, name: str, status: os.stat_result) -> Found:
    return Found(prefix + name, name, identity_of(status), status.st_uid)


def _entered(parent: int, name: str) -> tuple[int, dict[str, os.DirEntry[str]]]:
    """A folder, open, and what is in it; OSError if it can't be opened, or listed, as with bad blocks."""
    fd = os.open(name, FOLDER_FLAGS, dir_fd=parent)
    try:
        return fd, _listed(fd)
    except BaseException:
        os.close(fd)
        raise


def _listed(fd: int) -> dict[str, os.DirEntry[str]]:
    with os.scandir(fd) as listed:
        return {entry.name: entry for entry in listed}


def _leads_in(folders: list[str]) -> bool:
    """Whether a scan enters all these folders, one in the other."""
    is_answers = bool(folders) and folders[0] in ANSWER_FOLDERS
    return len(folders) <= DEEPEST and not is_answers and not any(folder.startswith(".") for folder in folders)


def _may_read(status: os.stat_result) -> bool:
    """Whether this account may read a folder without privileges."""
    if os.geteuid() in (0, status.st_uid):
        return True
    own_group = status.st_gid == os.getegid() or status.st_gid in os.getgroups()
    return bool(status.st_mode & (stat.S_IRGRP if own_group else stat.S_IROTH))


def read_foreign(path: Path) -> bytes:
    """A whole file that anybody may have made. OSError if it is gone, or no regular file."""
    fd = os.open(path, READING)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(f"{path} is not a regular file")
    with open(fd, "rb") as file:
        return file.read()


def open_regular(place: Place) -> int:
    """Open a regular file without following links and without waiting (a FIFO would block)."""
    with capabilities.raised():
        fd = os.open(place.name, READING, dir_fd=place.folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(f"{place} is not a regular file")
    return fd
