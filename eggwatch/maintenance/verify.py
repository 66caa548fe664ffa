"""Is the published tree what the ledger says? A fresh render, and the comparison of everything with it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from traceback import extract_tb

from jinja2 import Environment

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import LedgerError, RendererError
from eggwatch.model.releases import newest, with_status
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import environment, project_pages
from eggwatch.pipeline.root_pages import CAUGHT_UP, FrontSources, render_root
from eggwatch.pipeline.site_pages import SiteRenderer, abouts_of, is_of_machine, needs_of
from eggwatch.readers.missing import shown_serial
from eggwatch.store.public.pool import digest
from eggwatch.store.state.catalog import Catalog, FileRecord, Reader
from eggwatch.store.state.catalog_reader import OtherSchemaError
from eggwatch.store.state.ledger import Ledger
from eggwatch.store.state.lock import Lock
from eggwatch.store.state.replay import catalog_of
from eggwatch.store.state.site_tables import LAST, SiteRecord
from eggwatch.targets.folder import same_page
from eggwatch.writer.page_sources import is_rendered_by_us, page_sources

OLDER_PAGES = "The pages were made by an older eggwatch and not compared: restart the daemon, which renders them again."


class DiscrepancyKind(StrEnum):
    """What is not as it should be."""

    LEDGER = "ledger"
    ROTTEN = "rotten"
    """An archive has other bytes than were published."""
    MISSING = "missing"
    """An archive is not there, or can't be read."""
    METADATA = "metadata"
    PAGE = "page"
    STRANGER = "stranger"


REMEDIES = {
    DiscrepancyKind.LEDGER: "Run 'eggwatch rebuild' with the daemon stopped, or restore the file from a backup.",
    DiscrepancyKind.ROTTEN: "Restore the file from a backup, or run 'eggwatch repair', which takes it off the pages.",
    DiscrepancyKind.MISSING: "Restore the file from a backup, or take it off the pages with 'eggwatch remove'.",
    DiscrepancyKind.METADATA: "Run 'eggwatch repair', which takes it out of the archive again.",
    DiscrepancyKind.PAGE: "Run 'eggwatch repair', which renders it again.",
    DiscrepancyKind.STRANGER: "Move it away; it is not part of the index.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """Something that is not as it should be: where, what, and how to fix it.

    `key` is the normalised filename of an archive, or the project of a page; None for the front pages.
    """

    where: str
    problem: str
    remedy: str
    sort: DiscrepancyKind
    key: str | None = None

    def as_json(self) -> dict[str, str]:
        """The finding for scripts."""
        return {"where": self.where, "problem": self.problem, "remedy": self.remedy, "sort": str(self.sort)}


def fresh_pages(
    catalog: Catalog, config: IndexConfig, options: LandingOptions
) -> Iterator[tuple[str | None, dict[str, bytes]]]:
    """All pages as the ledger wants them: (project, its pages) for each, then (None, those of the whole index)."""
    sources = page_sources(config)
    env = environment(sources.templates)
    for project in catalog.projects():
        listing = catalog.listing(project)
        assert listing is not None
        yield project, project_pages(with_status(listing, config.terms.archived), env, config.files_url)
        catalog.mark_published([(listing, *(newest(listing) or (None, None)))])
    if options.site:
        yield from _fresh_site(
            catalog, config, SiteRenderer(reader=catalog, public=config.public, env=env, options=options)
        )
    yield None, {**_fresh_front(catalog, config, env, options), **sources.static}


def _fresh_front(
    catalog: Catalog, config: IndexConfig, env: Environment, options: LandingOptions
) -> Mapping[str, bytes]:
    sources = FrontSources(env, options, Ledger(config.ledger))
    try:
        return render_root(catalog, sources, known_projects=-1).pages
    except Exception as error:
        if is_of_machine(error) or config.site is None or config.site.templates is None:
            raise
        raise RendererError(
            f"A template in {config.site.templates} can't be rendered: {_place_of(error)}{error}.",
            remedy="Correct it, or delete it to have eggwatch's own.",
        ) from error


def _fresh_site(
    catalog: Catalog, config: IndexConfig, renderer: SiteRenderer
) -> Iterator[tuple[str | None, dict[str, bytes]]]:
    catalog.set_meta({"archived": json.dumps(config.terms.archived), CAUGHT_UP: 1})
    projects = catalog.projects()
    catalog.mark_site([_linkable(project, catalog, config.public) for project in projects])
    for project in projects:
        rendered = renderer.render([project])
        catalog.mark_site(rendered.records)
        yield project, dict(rendered.pages)
    renderer.readmes.close()


def _linkable(project: str, catalog: Catalog, public: Path) -> SiteRecord:
    """That a project has a page, and whom it needs: pages of others link to it."""
    listing = catalog.listing(project)
    assert listing is not None
    needs = needs_of(project, abouts_of(listing, public / "files" / project))
    return SiteRecord(project=project, mark=LAST, card={}, needs=needs)


def _place_of(error: Exception) -> str:
    """The template, and its line, that failed last."""
    frames = [frame for frame in extract_tb(error.__traceback__) if frame.filename.startswith("site/")]
    return f"{frames[-1].filename.removeprefix('site/')}, line {frames[-1].lineno}: " if frames else ""


class Verification:
    """One look at everything; changes nothing, and needs no lock."""

    def __init__(self, config: IndexConfig, *, progress: Callable[[str], None] = lambda _: None) -> None:
        self.config = config
        self.findings: list[Discrepancy] = []
        self.files = self.pages = 0
        self._progress = progress
        self._ledger = Ledger(config.ledger)
        self._lock = Lock(config.state / "lock")
        self._live, self.older_pages = self._reader()
        self.not_compared: RendererError | None = None
        """Why some of the site's pages were not compared."""

    def run(self) -> list[Discrepancy]:
        """Everything that is wrong; an empty list is the good answer."""
        try:
            catalog = self._replayed()
        except LedgerError as error:
            self._find(DiscrepancyKind.LEDGER, self._ledger.path, error.message, remedy=error.remedy)
            return self.findings
        for record in catalog.every_file():
            if record.present:
                self._progress(record.file.filename)
                self._check_archive(record)
        self._check_strangers(catalog)
        if not self.older_pages:
            self._check_all_pages(catalog)
        return self.findings

    def _check_all_pages(self, catalog: Catalog) -> None:
        try:
            for project, pages in fresh_pages(catalog, self._config_shown(), self._options_shown()):
                self._check_pages(project, pages, catalog)
        except RendererError as error:
            self.not_compared = error

    def _reader(self) -> tuple[Reader | None, bool]:
        """The catalog, if there is one for us, and whether pages are of another eggwatch: its daemon renders anew."""
        import sqlite3

        try:
            live = Reader.open(self.config.catalog)
        except OtherSchemaError:
            return None, True
        except sqlite3.Error:
            return None, False
        return live, not is_rendered_by_us(live, self.config)

    def _config_shown(self) -> IndexConfig:
        """The configuration that the pages were rendered by: what has been archived since, no daemon has read yet."""
        if self._live is None:
            return self.config
        archived = tuple(self._live.archived())
        return replace(self.config, terms=replace(self.config.terms, archived=archived))

    def _options_shown(self) -> LandingOptions:
        """Likewise of what the landing page says: a daemon may know a URL that no configuration names."""
        stored = None if self._live is None else self._live.meta("front")
        options = {} if stored is None else json.loads(str(stored))[0]
        known = options.keys() == {item.name for item in fields(LandingOptions)}
        return LandingOptions(**options) if known else page_sources(self.config).options

    def _find(
        self, sort: DiscrepancyKind, where: Path, problem: str, *, key: str | None = None, remedy: str = ""
    ) -> None:
        found = Discrepancy(where=str(where), problem=problem, remedy=remedy or REMEDIES[sort], sort=sort, key=key)
        self.findings.append(found)

    def _replayed(self) -> Catalog:
        """The catalog as the ledger wants it. LedgerError if the ledger is damaged, or knows less than was shown."""
        if self._live is not None and not self._ledger.follows(self._live.position()):
            raise LedgerError(
                f"{self._ledger.path}: the line of serial {self._live.position().serial} is missing or was altered."
            )
        shown = shown_serial(self.config.public)  # asked before: a live daemon goes on while the ledger is read
        catalog = catalog_of(self._ledger)
        if (end := catalog.position().serial) < shown:
            raise LedgerError(f"{self._ledger.path} ends at serial {end}, the root page shows {shown}.")
        return catalog

    def _check_archive(self, record: FileRecord) -> None:
        self.files += 1
        path = self.config.public / "files" / record.project / record.file.filename
        problem = compare(path, record.file.sha256)
        if problem is not None and not self._was_changed(record):
            self._find(
                DiscrepancyKind.ROTTEN if problem.startswith("its sha256") else DiscrepancyKind.MISSING,
                path,
                problem,
                key=record.key,
            )
        if record.file.metadata_sha256 is not None:
            beside = path.with_name(f"{path.name}.metadata")
            problem = compare(beside, record.file.metadata_sha256)
            if problem is not None and not self._was_changed(record):
                self._find(DiscrepancyKind.METADATA, beside, problem, key=record.key)

    def _was_changed(self, record: FileRecord) -> bool:
        """Whether something has happened to this very file since the ledger was read."""
        live = record if self._live is None else self._live.file(record.key)
        return live is None or live.serial != record.serial

    def _check_strangers(self, catalog: Catalog) -> None:
        files = self.config.public / "files"
        if not files.is_dir():
            return
        for folder in sorted(files.iterdir()):
            # Removed ones are known until their grace is over.
            names = [record.file.filename for record in catalog.files(folder.name)]
            names += catalog.unswept_names(folder.name)
            known = {*names, *(f"{name}.metadata" for name in names)}
            is_folder = folder.is_dir() and not folder.is_symlink()
            names = sorted(path.name for path in folder.iterdir()) if is_folder else [""]
            for name in names:
                if name not in known and not self._is_new(folder.name, name):
                    where = folder / name if name else folder
                    self._find(DiscrepancyKind.STRANGER, where, "the ledger does not know it")

    def _is_new(self, project: str, name: str) -> bool:
        """Published or linked by a live daemon since the ledger was read."""
        if self._live is None:
            return False
        known = {record.file.filename for record in self._live.files(project)}
        archive = name.removesuffix(".metadata")
        return archive in known or self._in_spool(self.config.public / "files" / project / archive)

    def _in_spool(self, path: Path) -> bool:
        """A file with a second name is still on its way: its first one is in the spool."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return True
        return stat.S_ISREG(status.st_mode) and status.st_nlink > 1

    def _has_gone_on(self, path: str, project: str | None, catalog: Catalog) -> bool:
        """Whether the page shows more by now than the ledger held when it was read."""
        live = self._live
        if live is None:
            return False
        if path.startswith("history/"):  # a rejection changes nothing else
            return live.position().serial > catalog.position().serial
        if project is None:
            return self._root_serial(live) > catalog.root().last_serial
        return any(_serial(live, one) > _serial(catalog, one) for one in self._shown_on(path, project, catalog))

    def _shown_on(self, path: str, project: str, catalog: Catalog) -> set[str]:
        """The projects that a page of this one shows; those of the site have links to others."""
        readers = () if path.startswith("simple/") else filter(None, (catalog, self._live))
        return {project}.union(*(reader.site.neighbours(project) for reader in readers))

    def _is_owed(self, path: str, project: str | None, catalog: Catalog) -> bool:
        """Whether a page is known to be stale: a live daemon is about to render it."""
        if self._live is None:
            return False
        if project is None:
            wanted = max(catalog.root().last_serial, self._live.number("root_wanted"))
            is_late = self._live.number("root_late") != self._live.number("root_late_shown")
            return is_late or self._root_serial(self._live) < wanted
        stale = self._live.stale()
        return self._live.listing(project) is None or not self._shown_on(path, project, catalog).isdisjoint(stale)

    def _follows(self, path: str, project: str | None, catalog: Catalog) -> bool:
        """Whether it is a page of the site that will be rendered, by a daemon or at the next start."""
        live = self._live
        if live is None or path.startswith("simple/") or live.meta("site") is None:
            return False
        if project is not None:
            return bool(live.site.stale(1)) and any(
                live.site.is_stale(one) for one in self._shown_on(path, project, catalog)
            )
        return bool(live.site.stale(1)) or live.number("cards_wanted") != live.number("cards_shown")

    def _root_serial(self, live: Reader) -> int:
        shown = live.meta("root_serial")
        return -1 if shown is None else int(str(shown))

    def _check_pages(self, project: str | None, pages: dict[str, bytes], catalog: Catalog) -> None:
        self._progress(project or "root")
        for path, data in pages.items():
            self.pages += 1
            # Asked before: a daemon may finish and end while we look.
            beside_daemon, follows = self._lock.is_held(), self._follows(path, project, catalog)
            published = self.config.public / path
            try:
                current: bytes | None = published.read_bytes()
            except OSError:
                current = None
            if same_page(path, current, data) or self._has_gone_on(path, project, catalog):
                continue
            follows = follows or self._follows(path, project, catalog)
            if not (beside_daemon and self._is_owed(path, project, catalog)) and not follows:
                problem = "is missing" if current is None else "differs from a fresh render"
                self._find(DiscrepancyKind.PAGE, published, problem, key=project)


def _serial(reader: Reader, project: str) -> int:
    listing = reader.listing(project)
    return 0 if listing is None else listing.last_serial


def compare(path: Path, sha256: str) -> str | None:
    """What is wrong with the bytes at a path; None if they have this hash."""
    try:
        found = digest(path)
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return None if found == sha256 else f"its sha256 is {found}, and should be {sha256}"
