"""A project's pages of the site: rendered from the catalog, and the metadata that lies beside each file."""

from __future__ import annotations

import errno
import functools
import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from jinja2 import Environment, TemplateNotFound
from packaging.version import Version

from eggwatch.errors import RendererError
from eggwatch.inspection.readmes import Readmes
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile, in_order, newest, with_status
from eggwatch.model.site import About, Release, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.project_site import card_of, needed_by, project_site
from eggwatch.store.state.catalog import Reader
from eggwatch.store.state.site_tables import SiteRecord

log = logging.getLogger("eggwatch")

OF_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What a machine says that has no more descriptors or memory: nothing is wrong with the file."""
LARGEST_METADATA = 4 << 20
KEPT, LARGEST_KEPT = 256, 64 << 10
"""What so many metadata files say is kept, if they have no more bytes than this."""
MOST_DEPENDENTS = 50
LONGEST_SLICE = 1.0
"""Seconds after which no other project is begun: the front pages wait meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedSite:
    """The pages of some projects, and what is to be remembered of each; `pages` are only those that changed."""

    pages: Mapping[str, bytes]
    records: tuple[SiteRecord, ...]


def is_of_machine(error: Exception) -> bool:
    """Whether it concerns all pages, and whoever asked says so: nothing is wrong with a template."""
    # A template that includes one that is not there raises an OSError, too.
    return isinstance(error, (RendererError, OSError, sqlite3.Error)) and not isinstance(error, TemplateNotFound)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRenderer:
    """Renders the pages of projects in `public`, the folder in which the metadata lies beside the files."""

    reader: Reader
    public: Path
    env: Environment
    options: LandingOptions
    readmes: Readmes = field(default_factory=Readmes)

    def render(self, projects: Sequence[str]) -> RenderedSite:
        """All that changed of these projects, or of the first ones, if they take long; one without files has a page
        that says so, and one that fails is left."""
        pages: dict[str, bytes] = {}
        records: list[SiteRecord] = []
        archived, end = self.reader.archived(), time.monotonic() + LONGEST_SLICE
        for project, following in zip(projects, [*projects[1:], None], strict=True):
            if records and time.monotonic() > end:
                break
            mark, listing = self.reader.site.mark_of(project), self.reader.listing(project)
            if listing is None:
                continue
            try:
                changed, record = self._project(with_status(listing, archived), mark, following)
            except Exception as error:  # a bug, or a template of one's own: one project must not stop all others
                if is_of_machine(error):
                    raise
                log.exception("publish  %s: its pages of the site can't be rendered, and stay as they are", project)
                changed, record = {}, SiteRecord(project=project, mark=mark, card=None)
            pages |= changed
            records.append(record)
        return RenderedSite(pages=pages, records=tuple(records))

    def _project(
        self, listing: ProjectListing, mark: int, following: str | None
    ) -> tuple[Mapping[str, bytes], SiteRecord]:
        abouts = abouts_of(listing, self.public / "files" / listing.project)
        needs, dependents = needs_of(listing.project, abouts), self.reader.site.dependents(listing.project)
        linked = {one for one in needs if self.reader.site.has_page(one)} | {listing.project}
        best = newest(listing)
        project = SiteProject(
            listing=listing,
            newest=best[0] if best else None,
            releases=releases_of(listing, abouts, linked),
            dependents=tuple(dependents[:MOST_DEPENDENTS]),
            more_dependents=max(0, len(dependents) - MOST_DEPENDENTS),
        )
        known = self.reader.site.digests(listing.project)
        rendered = project_site(project, self.env, self.options, known=known, readme=partial(self._readme, following))
        card = asdict(card_of(project, best[1] if best else None))
        del card["project"]
        record = SiteRecord(project=listing.project, mark=mark, card=card, needs=needs, digests=dict(rendered.digests))
        return rendered.pages, record

    def _readme(self, following: str | None, about: About) -> str | None:
        """A README; while its page is rendered, the process goes on with that of the project that comes next."""
        html = self.readmes.html(about.description, about.description_type)
        if following is not None:
            with suppress(Exception):  # whatever is wrong is told when its own pages are rendered
                self._begin_readme(following)
        return html

    def _begin_readme(self, project: str) -> None:
        listing = None if self.reader.site.digests(project) else self.reader.listing(project)
        best = None if listing is None else newest(listing)
        if listing is not None and best is not None:
            about = abouts_of(listing, self.public / "files" / project).get(best[0], About())
            self.readmes.begin(about.description, about.description_type)


def abouts_of(listing: ProjectListing, folder: Path) -> dict[str, About]:
    """What each release says of itself: its first wheel, else its first sdist, whose metadata lies beside it."""
    found: dict[str, About] = {}
    for file in sorted(listing.files, key=lambda file: (not file.filename.endswith(".whl"), file.filename)):
        if file.version not in found and (content := _metadata(folder / f"{file.filename}.metadata")) is not None:
            found[file.version] = _said_in(content)
    return found


def _said_in(content: bytes) -> About:
    """What it says of a release; an upload reads it of all releases of its project, and parsing takes 0.5 ms each."""
    return _kept(content) if len(content) <= LARGEST_KEPT else _about(content)


@functools.lru_cache(KEPT)
def _kept(content: bytes) -> About:
    return _about(content)


def _about(content: bytes) -> About:
    from eggwatch.archives.metadata.about import about  # with parsers that a daemon never needs

    return about(content)


def needs_of(project: str, abouts: Mapping[str, About]) -> list[str]:
    """The other projects that a release of this one requires, sorted."""
    return sorted(set[str]().union(*map(needed_by, abouts.values())) - {project})


def _metadata(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_METADATA)
    except OSError as error:
        if error.errno in OF_MACHINE:
            raise
        return None  # one bad block stops no other page


def releases_of(listing: ProjectListing, abouts: Mapping[str, About], linked: set[str]) -> tuple[Release, ...]:
    """All releases that a project ever had, the highest version first."""
    files: dict[str, list[PublishedFile]] = {}
    removed: dict[str, list[RemovedFile]] = {}
    for file in in_order(listing.files):
        files.setdefault(file.version, []).append(file)
    for gone in sorted(listing.removed, key=lambda file: (file.at, file.filename)):
        if isinstance(filename := parse_filename(gone.filename), Filename):
            removed.setdefault(str(filename.version), []).append(gone)
    versions = sorted(files.keys() | removed.keys(), key=lambda text: (Version(text), text), reverse=True)
    return tuple(
        Release(
            project=listing.project,
            name=listing.name,
            version=version,
            files=tuple(files.get(version, ())),
            removed=tuple(removed.get(version, ())),
            about=(said := abouts.get(version, About())),
            linked=tuple(sorted(linked & needed_by(said))),
            status=listing.status,
        )
        for version in versions
    )
