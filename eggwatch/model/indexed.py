"""An archive in the index of a folder: it stays where it lies, and what was read of it stands on its project's page."""

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

    `project` is normalised, `name` as the metadata spells it. `apart` says that it lies on another file system than the
    index.
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
    """By which two filenames count as one; empty where that has not been found out."""

    @property
    def filename(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def stamp(self) -> tuple[int, int]:
        """What tells whether it is still the same file, without reading it."""
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
    """An archive that is not in the index: for its `flaws`, or for another with its name, which lies at `instead`.

    Without flaws that other has the same bytes.
    """

    path: str
    mtime: int
    size: int
    flaws: tuple[Flaw, ...] = ()
    instead: str | None = None

    @property
    def stamp(self) -> tuple[int, int]:
        """What tells whether it is still the same file, without reading it."""
        return self.size, self.mtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An archive of which nothing is known, and why; it is looked at again the next time."""

    path: str
    why: str
    unfinished: bool = False
    """Somebody is writing to it, so that it will soon be another."""


def spelled_name(files: Iterable[IndexedFile]) -> str:
    """A project's name as the archive spells it that comes last by its path."""
    return max(files, key=lambda file: file.path).name


def listing_of(project: str, files: Sequence[IndexedFile]) -> ProjectListing:
    """A project's page."""
    published = tuple(file.published() for file in files)
    return ProjectListing(project=project, name=spelled_name(files), files=published, removed=(), last_serial=0)


def entry_of(listing: ProjectListing) -> RootEntry:
    """The project on the front page."""
    version, at = newest(listing) or (None, None)
    return RootEntry(project=listing.project, name=listing.name, last_serial=0, newest_version=version, newest_at=at)
