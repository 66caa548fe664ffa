"""The root, the landing pages and the site: rendered after the projects' simple pages, and in another process.

Root and landing pages grow with the index, so they are coalesced. The site's pages of projects follow in slices.
"""

from __future__ import annotations

import logging
import socket
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from jinja2 import Environment

from eggwatch.errors import DISK_FULL, in_words
from eggwatch.model.releases import RootListing
from eggwatch.model.site import Front
from eggwatch.pages.landing import LandingOptions, landing_page
from eggwatch.pages.rules import rules_page
from eggwatch.pages.simple import environment, root_html, root_json
from eggwatch.pages.site.feeds import MOST
from eggwatch.pages.site.frame import LastRendered
from eggwatch.pages.site.front import front_pages
from eggwatch.pages.site.search import Search
from eggwatch.pipeline.site_history import History
from eggwatch.pipeline.site_pages import RenderedSite, SiteRenderer, is_of_machine
from eggwatch.policy.rules import CHAPTERS, PRINCIPLES, Profile
from eggwatch.policy.terms import Terms
from eggwatch.policy.weighing import weights
from eggwatch.store.state.catalog import Catalog, Reader
from eggwatch.store.state.ledger import Ledger
from eggwatch.targets.folder import FolderTarget

if TYPE_CHECKING:
    from eggwatch.config.index_config import IndexConfig

log = logging.getLogger("eggwatch")

PAUSE_FACTOR = 20.0
SHORTEST_PAUSE = 1.0
CAUGHT_UP = "site_caught_up"
"""Set once all projects have had their pages of the site: an index without its catalog keeps its front until then."""
MOST_HURRY = 5.0
"""Seconds for which what is to go at once waits for the pages of the site."""
ROOM_PAUSE = 10.0
"""Seconds until pages are rendered again that found no room on the disk."""
A_SLICE = 8
"""Projects whose pages of the site are rendered at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRoot:
    """The rendered pages, the last serial they show, how many projects, and the seconds that rendering took."""

    pages: Mapping[str, bytes]
    serial: int
    projects: int
    late: int = 0
    """How many had been published then after a project with a later serial."""
    cards: int | None = None
    """How often the site had changed then; None if its pages are not rendered."""
    seconds: float = 0.0


class FrontSources:
    """What front pages are rendered from beside the catalog, and what the last ones were rendered from: they are
    rendered again only where that has changed."""

    def __init__(self, env: Environment, options: LandingOptions, ledger: Ledger) -> None:
        self.env, self.options = env, options
        self.history, self.known, self.search = History(ledger), LastRendered(), Search()

    def forget(self) -> None:
        """Have all of them rendered again: some were not published."""
        self.known, self.search = LastRendered(), Search()


def render_root(reader: Reader, sources: FrontSources, *, known_projects: int) -> RenderedRoot:
    """Render root and landing page; the root's HTML only when the set of projects differs from `known_projects`.

    Also the rules, if nothing is known: no event changes them. Projects are never removed from the root, so
    their number shows whether the set changed. Of the site only what differs from the last time, if something is known.
    """
    env, options = sources.env, sources.options
    if known_projects < 0:
        sources.forget()
    begun, cards, late = time.process_time(), reader.number("cards_wanted"), reader.number("root_late")
    listing = reader.root()
    root = replace(_root_of(listing, sources, known_projects=known_projects), late=late)
    pages = dict(root.pages)
    if known_projects < 0:
        whole = replace(options, weights={**weights(Terms()), **options.weights})
        pages |= rules_page(CHAPTERS, env, whole, principle=PRINCIPLES[Profile(options.profile)])
    if options.site and reader.meta(CAUGHT_UP):
        front = Front(
            listing=listing,
            cards=reader.site.cards(),
            files=reader.counts()[1],
            newest=reader.site.newest(MOST),
            history=sources.history.happenings(reader, rejections=options.rejections),
        )
        pages |= front_pages(front, env, options, sources.known)
        begun += _render_search(pages, front, sources)
    elif not options.site:
        pages |= landing_page(listing, env, options)
    return replace(root, pages=pages, cards=cards, seconds=time.process_time() - begun)


def render_root_alone(reader: Reader, sources: FrontSources, *, known_projects: int) -> RenderedRoot:
    """The pages that pip reads: the root's JSON, and its HTML when the set of projects differs."""
    begun, late = time.process_time(), reader.number("root_late")
    root = _root_of(reader.root(), sources, known_projects=known_projects)
    return replace(root, late=late, seconds=time.process_time() - begun)


def _root_of(listing: RootListing, sources: FrontSources, *, known_projects: int) -> RenderedRoot:
    pages = root_json(listing) if sources.known.note("simple/", listing) else {}
    if len(listing.entries) != known_projects:
        pages = root_html(listing, sources.env) | pages
    return RenderedRoot(pages=pages, serial=listing.last_serial, projects=len(listing.entries))


def render_what_can_be(reader: Reader, sources: FrontSources, *, known_projects: int) -> RenderedRoot:
    """As `render_root`; the root alone if another page fails: pip does not wait for a template of one's own.

    Errors of the machine pass: the pages are rendered again, as all else is then.
    """
    try:
        return render_root(reader, sources, known_projects=known_projects)
    except Exception as error:
        sources.forget()
        if is_of_machine(error):
            raise
        log.exception("publish  the landing page and others of the site can't be rendered, and stay as they are")
        root = render_root_alone(reader, sources, known_projects=known_projects)
        projects = root.projects if known_projects >= 0 else -1  # all of them are to be rendered once
        return replace(root, cards=reader.number("cards_wanted"), projects=projects)


def _render_search(pages: dict[str, bytes], front: Front, sources: FrontSources) -> float:
    """Seconds that are no measure of the next rendering: those of the first, when all shards are rendered."""
    begun, is_first = time.process_time(), sources.search.is_new
    pages |= sources.search.pages(front, sources.env, sources.options)
    return time.process_time() - begun if is_first else 0.0


class RootRenderer(Protocol):
    """Something that renders the front pages, or the site's of some projects, now or in a while."""

    def begin(self, known_projects: int) -> None:
        """Begin one rendering of the front pages."""
        ...

    def begin_root(self, known_projects: int) -> None:
        """Begin one of those among them that pip reads."""
        ...

    def begin_site(self, projects: list[str]) -> None:
        """Begin one of these projects."""
        ...

    def result(self, timeout: float) -> RenderedRoot | RenderedSite | None:
        """The pages when they are done; waits up to `timeout` seconds."""
        ...

    def channel(self) -> socket.socket | None:
        """What becomes readable while a rendering is under way."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class InlineRenderer:
    """Renders at once in this process: for commands that run one round."""

    def __init__(
        self, catalog: Catalog, templates: Mapping[str, str], options: LandingOptions, config: IndexConfig
    ) -> None:
        env = environment(templates)
        self._reader, self._sources = catalog, FrontSources(env, options, Ledger(config.ledger))
        self._site = SiteRenderer(reader=catalog, public=config.public, env=env, options=options)
        self._result: RenderedRoot | RenderedSite | None = None

    def begin(self, known_projects: int) -> None:
        """Render now."""
        self._result = render_what_can_be(self._reader, self._sources, known_projects=known_projects)

    def begin_root(self, known_projects: int) -> None:
        """Render now."""
        self._result = render_root_alone(self._reader, self._sources, known_projects=known_projects)

    def begin_site(self, projects: list[str]) -> None:
        """Render now."""
        self._result = self._site.render(projects)

    def result(self, timeout: float) -> RenderedRoot | RenderedSite | None:
        """The pages."""
        result, self._result = self._result, None
        return result

    def channel(self) -> socket.socket | None:
        """Nothing to wait for."""
        return None

    def close(self) -> None:
        """End the process that renders READMEs."""
        self._site.readmes.close()


def _found_no_room(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in DISK_FULL
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


class RootPages:
    """When the front pages are due: the first change at once, then at most every max(1 s, 20 x what they cost).

    In between the site's pages of projects, as far as there is one: those of one project once a second at most. Where
    such pages are stale, the root comes first, and the other front pages after them, so that one upload is one
    rendering of these. `static` are files that never change.
    """

    def __init__(
        self, renderer: RootRenderer, catalog: Catalog, target: FolderTarget, *, site: bool, static: Mapping[str, bytes]
    ) -> None:
        self._renderer, self._catalog, self._target = renderer, catalog, target
        self._site, self._static = site, static
        self._begun: float | None = None
        self._was_published = True
        """False after a rendering that could not be published: what the renderer left out of it may be missing."""
        self._is_in_doubt = False
        """Whether pages of the site may have been published that the catalog does not know of."""
        self._not_before = self._root_not_before = self._no_room_before = 0.0
        self._following: float | None = None
        """Since when front pages wait for those of projects."""
        self._resting: dict[str, float] = {}
        """Until when the site's pages of a project, which have just been rendered, are not rendered again."""

    def is_stale(self) -> bool:
        """Whether the published front pages show less than the project pages do."""
        has_new_cards = self._catalog.number("cards_wanted") != self._catalog.number("cards_shown")
        return self.is_behind() or (self._site and has_new_cards)

    def is_behind(self) -> bool:
        """Whether they show less than the simple pages of the projects do; the site may follow."""
        shown = self._catalog.meta("root_serial")
        is_late = self._catalog.number("root_late") != self._catalog.number("root_late_shown")
        return shown is None or is_late or self._catalog.number("root_wanted") > int(str(shown))

    def is_busy(self) -> bool:
        """Whether a rendering is under way."""
        return self._begun is not None

    def channel(self) -> socket.socket | None:
        """What becomes readable when a rendering is done."""
        return self._renderer.channel() if self.is_busy() else None

    def due(self, *, is_quiet: bool) -> float | None:
        """The moment of the monotonic clock at which the next rendering may begin; None if there is no need.

        The site waits until it `is_quiet`: until nothing is left to do for any upload.
        """
        if self.is_busy() or self._is_incomplete():
            return None
        if time.monotonic() < self._no_room_before:
            return self._no_room_before
        moments = [self._root_not_before] if self.is_behind() else [self._not_before] if self.is_stale() else []
        if is_quiet and (stale := self._stale_of_site()):
            moments.append(min(self._resting.get(project, 0.0) for project in stale))
        return min(moments, default=None)

    def _stale_of_site(self) -> list[str]:
        """The projects whose pages of the site come next, with those that rest."""
        return self._catalog.site.next_stale(A_SLICE + len(self._resting)) if self._site else []

    def site_is_stale(self) -> bool:
        """Whether a page of the site is to be rendered."""
        return self._site and bool(self._catalog.site.stale(1))

    def _is_incomplete(self) -> bool:
        """A catalog made anew does not know yet which pages are published: no root page may come of that."""
        return self._catalog.meta("root_serial") is None and bool(self._catalog.stale(1))

    def step(self, *, is_quiet: bool) -> tuple[str, ...]:
        """Publish what has been rendered, begin what is due; answers with the changed pages."""
        try:
            changed = self._collect(0.0)
            due = self.due(is_quiet=is_quiet)
            if due is not None and time.monotonic() >= due:
                self._begin_due(time.monotonic())
                changed += self._collect(0.0)
        except (OSError, sqlite3.OperationalError) as error:
            if not _found_no_room(error):
                raise
            # What is left on the disk is for the pages of projects and for orders.
            if not self._no_room_before:
                log.warning("publish  front pages and site wait for room: %s", in_words(error))
            self._no_room_before = time.monotonic() + ROOM_PAUSE
            return ()
        if changed:
            self._no_room_before = 0.0
        return changed

    def _begin_due(self, now: float) -> None:
        if self.is_behind() and now >= self._root_not_before:
            self._begin_root(now)
        elif self.is_stale() and now >= self._not_before:
            self._begin_front()
        else:
            self._resting = {project: end for project, end in self._resting.items() if end > now}
            stale = [project for project in self._stale_of_site() if project not in self._resting]
            self._begin_site(stale[:A_SLICE])

    def finish(self, *, site_seconds: float = 0.0) -> tuple[str, ...]:
        """Bring the front pages up to date now, whatever the pause, and the site's as far as that time suffices."""
        changed: tuple[str, ...] = ()
        end = time.monotonic() + site_seconds
        while (has_time := self.site_is_stale() and time.monotonic() < end) or self.is_busy() or self.is_stale():
            if not self.is_busy():
                self._begin_site(self._catalog.site.next_stale(A_SLICE)) if has_time else self._begin_front()
            changed += self._collect(1.0)
        return changed

    def hurry(self, project: str) -> None:
        """Bring the site's pages of a project up to date: they show, with its README, what is to go at once."""
        end = time.monotonic() + MOST_HURRY
        while self._site and self._catalog.site.is_stale(project) and (left := end - time.monotonic()) > 0:
            if not self.is_busy():
                self._begin_site([project])
            self._collect(left)

    def _begin_site(self, projects: list[str]) -> None:
        self._begun = time.monotonic()
        self._renderer.begin_site(projects)

    def _begin_root(self, now: float) -> None:
        """The other front pages as well if none of the site's is to come, or has not come for long."""
        self._following = self._following or now
        if self._known_projects() < 0 or not self.site_is_stale() or now > self._following + MOST_HURRY:
            self._begin_front()
            return
        self._begun = now
        self._renderer.begin_root(self._known_projects())

    def _begin_front(self) -> None:
        self._begun, self._following = time.monotonic(), None
        if not self.site_is_stale() and self._catalog.meta(CAUGHT_UP) is None:
            self._catalog.set_meta({CAUGHT_UP: 1})
        self._renderer.begin(self._known_projects())

    def _known_projects(self) -> int:
        """How many projects the published root has; -1 if all front pages are to be rendered anew."""
        never = self._catalog.meta("root_serial") is None or not self._was_published
        return -1 if never else self._catalog.number("root_projects")

    def _collect(self, timeout: float) -> tuple[str, ...]:
        if self._begun is None:
            return ()
        rendered = self._renderer.result(timeout)
        if rendered is None:
            return ()
        self._begun = None
        return self._publish_site(rendered) if isinstance(rendered, RenderedSite) else self._publish(rendered)

    def _publish(self, front: RenderedRoot) -> tuple[str, ...]:
        begun = time.process_time()
        never = self._catalog.meta("root_serial") is None
        self._was_published = False
        changed = self._target.publish({**self._static, **front.pages} if never else front.pages)
        self._was_published = True
        shown = {"root_serial": front.serial, "root_projects": front.projects, "root_late_shown": front.late}
        self._catalog.set_meta(shown if front.cards is None else {**shown, "cards_shown": front.cards})
        # What they cost, and not how long it took: a process had to start, or the disk was busy with others.
        cost = front.seconds + time.process_time() - begun
        self._root_not_before = time.monotonic() + max(SHORTEST_PAUSE, PAUSE_FACTOR * cost)
        if front.cards is not None:
            self._not_before = self._root_not_before
        return changed

    def _publish_site(self, rendered: RenderedSite) -> tuple[str, ...]:
        was_in_doubt, self._is_in_doubt = self._is_in_doubt, True
        changed = self._target.publish(rendered.pages) if rendered.pages else ()
        if was_in_doubt:  # what was left out of these may be among them: they are rendered once more
            self._catalog.doubt_site()
        else:
            self._catalog.mark_site(rendered.records)
        self._is_in_doubt = False
        self._resting |= {one.project: time.monotonic() + SHORTEST_PAUSE for one in rendered.records}
        return changed

    def close(self) -> None:
        """End the renderer."""
        self._renderer.close()
