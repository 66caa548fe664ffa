"""What is published: files, the page of a project, the root page."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import Any

from packaging.version import Version

from eggwatch.model.events import Event, EventKind

ARCHIVED = "archived"
"""PEP 792: "does not expect to be updated in the future"; no uploads, and its files are offered as ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One file of a project, with everything that its line on the page needs.

    `upload_time` is when it first entered this index (RFC 3339); `yanked` is None, "" (no reason) or the
    reason; `metadata_sha256` is set for wheels, whose METADATA is published beside them.
    """

    filename: str
    version: str
    sha256: str
    size: int
    upload_time: str
    requires_python: str | None = None
    metadata_sha256: str | None = None
    yanked: str | None = None
    uploader: str | None = None

    def event(self, kind: EventKind, *, project: str, **more: Any) -> Event:
        """An event about this file; `more` are fields of the event that are not those of the file."""
        what = {name: getattr(self, name) for name in ("version", "filename", "sha256", "size")}
        return Event(kind=kind, project=project, **what, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedFile:
    """A removed filename, which may only be published again with the same bytes, and not while it is `blocked`.

    `bytes_until` is until when its bytes are kept; None for removals before this was recorded.
    """

    filename: str
    sha256: str
    size: int
    at: str
    upload_time: str
    bytes_until: str | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectListing:
    """One project's page: its files in any order, and the serial of the last event that changed it.

    `status` is that of PEP 792 where it is not `active`. No event says it: the configuration does (`with_status`).
    """

    project: str
    name: str
    files: tuple[PublishedFile, ...]
    removed: tuple[RemovedFile, ...]
    last_serial: int
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RootEntry:
    """One project on the root and landing pages.

    `newest_version` and `newest_at` are those of the highest version that has a file, None when none is left.
    It is yanked where everything else is, too.
    """

    project: str
    name: str
    last_serial: int
    newest_version: str | None = None
    newest_at: str | None = None
    newest_yanked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RootListing:
    """All projects whose page exists."""

    entries: tuple[RootEntry, ...]

    @property
    def last_serial(self) -> int:
        """The last serial that changed any page; 0 for an empty index."""
        return max((entry.last_serial for entry in self.entries), default=0)


def with_status(listing: ProjectListing, archived: Container[str]) -> ProjectListing:
    """The listing with the status that its page shows: `archived` names the projects that take no uploads."""
    return replace(listing, status=ARCHIVED) if listing.project in archived else listing


def newest(listing: ProjectListing) -> tuple[str, str] | None:
    """The version a person would call newest (finals before pre-releases, yanked last), and when it came."""
    if not listing.files:
        return None
    best = max(listing.files, key=_rank)
    times = [file.upload_time for file in listing.files if file.version == best.version]
    return best.version, max(times)


def is_newest_yanked(listing: ProjectListing) -> bool:
    """True if the newest version is only installed when it is asked for."""
    return bool(listing.files) and max(listing.files, key=_rank).yanked is not None


@functools.lru_cache(maxsize=4096)
def _version(text: str) -> Version:
    """A page asks for the same versions over and over, and so do the pages of most projects."""
    return Version(text)


def _rank(file: PublishedFile) -> tuple[bool, bool, Version]:
    version = _version(file.version)
    return file.yanked is None, not version.is_prerelease, version


def in_order(files: Iterable[PublishedFile]) -> list[PublishedFile]:
    """Files as pages show them: by version, then by filename."""
    return sorted(files, key=lambda file: (_version(file.version), file.filename))
