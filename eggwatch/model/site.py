"""What the site shows of a project beside its files: what its metadata says to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eggwatch.model.events import EventKind
from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile, RootListing

LONGEST = 500
"""Characters of one value of the metadata that are read for the site,"""
MOST = 200
"""and values of one field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The core metadata of a release as people read it. `links` are (label, URL) with http, https or mailto only."""

    summary: str = ""
    description: str = ""
    description_type: str = ""
    license: str = ""
    authors: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    classifiers: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    """Requirements (PEP 508), as they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of a project: its files in the order of pages; none if all of them were `removed`.

    `linked` are those of its dependencies, normalised, that have a page in this index.
    """

    project: str
    name: str
    version: str
    files: tuple[PublishedFile, ...] = ()
    removed: tuple[RemovedFile, ...] = ()
    about: About = field(default_factory=About)
    linked: tuple[str, ...] = ()
    status: str | None = None

    @property
    def at(self) -> str:
        """When its first file entered the index."""
        return min([file.upload_time for file in self.files] + [file.upload_time for file in self.removed])

    @property
    def is_yanked(self) -> bool:
        """Whether all of its files are yanked."""
        return bool(self.files) and all(file.yanked is not None for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteProject:
    """What a project's pages of the site are rendered from: its releases, the highest version first."""

    listing: ProjectListing
    newest: str | None
    """The version that its page shows; None when no file is left."""
    releases: tuple[Release, ...]
    dependents: tuple[str, ...] = ()
    """Projects of this index of which a release requires it, normalised: the first ones."""
    more_dependents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What lists and the search know of a project whose page is written: `at` is when its newest version came."""

    project: str
    name: str
    version: str | None = None
    at: str | None = None
    since: str | None = None
    """When its first file came."""
    yanked: bool = False
    summary: str = ""
    keywords: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What the history shows of one event. `page` is the one about it; None for a rejection.

    `uploader` is named only as long as the page of the project does. `flaws` are (code, message).
    """

    kind: EventKind
    at: str
    filename: str
    name: str = ""
    version: str = ""
    page: str | None = None
    uploader: str | None = None
    reason: str | None = None
    flaws: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the pages of the whole index are rendered from; `cards` are by project."""

    listing: RootListing
    cards: Mapping[str, Card]
    files: int
    """How many files are published."""
    newest: tuple[Card, ...] = ()
    """The releases that came last and have a page, `at` that time."""
    history: tuple[Happening, ...] = ()
    """What happened last, newest first."""
