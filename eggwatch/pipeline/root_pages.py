"""The root and landing pages: they grow with the index, so they are coalesced and rendered in another process."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from jinja2 import Environment

from eggwatch.pages.landing import LandingOptions, landing_page
from eggwatch.pages.rules import rules_page
from eggwatch.pages.simple import environment, root_html, root_json
from eggwatch.policy.rules import CHAPTERS, PRINCIPLES, RULES, Profile
from eggwatch.policy.terms import Terms
from eggwatch.policy.weighing import weights
from eggwatch.store.state.catalog import Catalog, Reader
from eggwatch.targets.folder import FolderTarget

PAUSE_FACTOR = 20.0
SHORTEST_PAUSE = 1.0
TEMPLATES = ("landing.html", "root.html", "rules.html")
FRONT_VERSION = 1
"""To be raised when the front pages of the same index come out otherwise, or there is one more of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRoot:
    """The rendered pages, the last serial they show, how many projects, and the seconds that rendering took."""

    pages: Mapping[str, bytes]
    serial: int
    projects: int
    seconds: float = 0.0


def render_root(reader: Reader, env: Environment, options: LandingOptions, *, known_projects: int) -> RenderedRoot:
    """Render root and landing page; the root's HTML only when the set of projects differs from `known_projects`.

    Also the rules, if nothing is known: they only change with `front_key`. Projects are never removed from the root, so
    their number shows whether the set changed.
    """
    begun = time.process_time()
    listing = reader.root()
    pages = root_json(listing) | landing_page(listing, env, options)
    if len(listing.entries) != known_projects:
        pages = root_html(listing, env) | pages
    if known_projects < 0:
        principle = PRINCIPLES[Profile(options.profile)]
        pages |= rules_page(CHAPTERS, env, weights={**weights(Terms()), **options.weights}, principle=principle)
    seconds = time.process_time() - begun
    return RenderedRoot(pages=pages, serial=listing.last_serial, projects=len(listing.entries), seconds=seconds)


def front_key(sources: Mapping[str, str], options: LandingOptions) -> str:
    """What the front pages depend on beside the ledger: when it changes, all of them are rendered again."""
    texts = json.dumps([FRONT_VERSION, [rule.as_json() for rule in RULES.values()], PRINCIPLES])
    digest = hashlib.sha256(texts.encode()).hexdigest()
    return json.dumps([asdict(options), *(sources[name] for name in TEMPLATES), digest])


class RootRenderer(Protocol):
    """Something that renders the front pages, now or in a while."""

    def begin(self, known_projects: int) -> None:
        """Begin one rendering."""
        ...

    def result(self, timeout: float) -> RenderedRoot | None:
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

    def __init__(self, reader: Reader, templates: Mapping[str, str], options: LandingOptions) -> None:
        self._reader, self._env, self._options = reader, environment(templates), options
        self._result: RenderedRoot | None = None

    def begin(self, known_projects: int) -> None:
        """Render now."""
        self._result = render_root(self._reader, self._env, self._options, known_projects=known_projects)

    def result(self, timeout: float) -> RenderedRoot | None:
        """The pages."""
        result, self._result = self._result, None
        return result

    def channel(self) -> socket.socket | None:
        """Nothing to wait for."""
        return None

    def close(self) -> None:
        """Nothing to end."""


class RootPages:
    """When the front pages are due: the first change at once, then at most every max(1 s, 20 x what they cost)."""

    def __init__(self, renderer: RootRenderer, catalog: Catalog, target: FolderTarget) -> None:
        self._renderer, self._catalog, self._target = renderer, catalog, target
        self._begun: float | None = None
        self._not_before = 0.0

    def is_stale(self) -> bool:
        """Whether the published front pages show less than the project pages do."""
        shown = self._catalog.meta("root_serial")
        return shown is None or self._catalog.number("root_wanted") > int(str(shown))

    def is_busy(self) -> bool:
        """Whether a rendering is under way."""
        return self._begun is not None

    def channel(self) -> socket.socket | None:
        """What becomes readable when a rendering is done."""
        return self._renderer.channel() if self.is_busy() else None

    def due(self) -> float | None:
        """The moment of the monotonic clock at which the next rendering may begin; None if there is no need."""
        if self.is_busy() or not self.is_stale() or self._is_incomplete():
            return None
        return self._not_before

    def _is_incomplete(self) -> bool:
        """A catalog made anew does not know yet which pages are published: no root page may come of that."""
        return self._catalog.meta("root_serial") is None and bool(self._catalog.stale(1))

    def step(self) -> tuple[str, ...]:
        """Publish what has been rendered, begin what is due; answers with the changed pages."""
        changed = self._collect(0.0)
        due = self.due()
        if due is not None and time.monotonic() >= due:
            self._begin()
            changed += self._collect(0.0)
        return changed

    def finish(self) -> tuple[str, ...]:
        """Bring the front pages up to date now, whatever the pause."""
        changed: tuple[str, ...] = ()
        while self.is_busy() or self.is_stale():
            if not self.is_busy():
                self._begin()
            changed += self._collect(1.0)
        return changed

    def _begin(self) -> None:
        self._begun = time.monotonic()
        never = self._catalog.meta("root_serial") is None
        self._renderer.begin(-1 if never else self._catalog.number("root_projects"))

    def _collect(self, timeout: float) -> tuple[str, ...]:
        if self._begun is None:
            return ()
        front = self._renderer.result(timeout)
        if front is None:
            return ()
        begun = time.process_time()
        changed = self._target.publish(front.pages)
        self._catalog.set_meta({"root_serial": front.serial, "root_projects": front.projects})
        # What they cost, and not how long it took: a process had to start, or the disk was busy with others.
        cost = front.seconds + time.process_time() - begun
        self._not_before = time.monotonic() + max(SHORTEST_PAUSE, PAUSE_FACTOR * cost)
        self._begun = None
        return changed

    def close(self) -> None:
        """End the renderer."""
        self._renderer.close()
