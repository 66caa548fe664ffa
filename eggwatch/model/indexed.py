"""An archive in a folder's index: it is never moved, and the page of its project records what was read of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eggwatch.model.events import timestamp
from eggwatch.model.releases import ProjectListing, PublishedFile, RootEntry, newest
from eggwatch.model.verdicts import Flaw

LATEST = 253_402_300_799_000_000
"""The last microsecond that RFC 3339 can write, in the year 9999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFile:
    """One archive: `path` is relative to the index, with slashes; `mtime` is in microseconds since the epoch.

    `project` is normalised, `name` as the metadata spells it. `apart`: it is on another file system than the index.
    """

    path: str
    mtime: int
    size: int
    sha256: str
    project: str
    name: str
    version: str
    requires_python: str | None = None
    apart: bool = False
    key: str = field(default="", compare=False)
    """Equal if two filenames count as the same; empty if it was not computed."""

    @property
    def filename(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and mtime; if they are unchanged, so is the file."""
        return self.size, self.mtime

    def published(self) -> PublishedFile:
        """The file as pages show it; its upload-time is its mtime."""
        return PublishedFile(
            filename=self.filename,
            version=self.version,
            sha256=self.sha256,
            size=self.size,
            upload_time=timestamp(min(max(self.mtime, 0), LATEST) / 1e6),
            requires_python=self.requires_python,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An archive that is not in the index, because of its `flaws` or of `instead`, an archive with the same name.

    If there are no flaws, `instead` has the same bytes.
    """

    path: str
    mtime: int
    size: int
    flaws: tuple[Flaw, ...] = ()
    instead: str | None = None

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and mtime; if they are unchanged, so is the file."""
        return self.size, self.mtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An archive that could not be read, and why; the next run tries again."""

    path: str
    why: str
    unfinished: bool = False
    """It is still being written."""


def spelled_name(files: Iterable[IndexedFile]) -> str:
    """A project's name as spelled by the archive whose path sorts last."""
    return max(files, key=lambda file: file.path).name


def listing_of(project: str, files: Sequence[IndexedFile]) -> ProjectListing:
    """A project's page."""
    published = tuple(file.published() for file in files)
    return ProjectListing(project=project, name=spelled_name(files), files=published, removed=(), last_serial=0)


def entry_of(listing: ProjectListing) -> RootEntry:
    """The project on the front page."""
    version, at = newest(listing) or (None, None)
    return RootEntry(project=listing.project, name=listing.name, last_serial=0, newest_version=version, newest_at=at)
