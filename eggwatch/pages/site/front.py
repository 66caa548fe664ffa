"""PUBLIC/index.html, projects/ and history/: what this index is, what is new in it, all of its projects by letter."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from jinja2 import Environment

from eggwatch.model.instructions import (
    pip_install,
    poetry_add,
    trusted_host,
    twine_upload,
    upload,
    uv_install,
    uv_publish,
)
from eggwatch.model.releases import RootEntry
from eggwatch.model.site import Card, Front
from eggwatch.pages.landing import LandingOptions, newest_releases
from eggwatch.pages.site.feeds import front_feeds
from eggwatch.pages.site.frame import LastRendered, page, path_of
from eggwatch.pages.site.happened import history_page

FEW = 200
"""So many projects are listed on one page; more of them have a page for each letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A project in a list, with the page that it leads to: the one of the simple index while the site has none."""

    name: str
    page: str
    version: str | None
    at: str | None
    yanked: bool


def front_pages(
    front: Front, env: Environment, options: LandingOptions, known: LastRendered | None = None
) -> dict[str, bytes]:
    """The pages of the whole index that are not as `known`, by path; first what others link to."""
    known = known or LastRendered()
    listed = history_page(front, env, options, known) | _projects(front, env, options, known)
    return listed | front_feeds(front, options, known) | _landing(front, env, options, known)


def _landing(front: Front, env: Environment, options: LandingOptions, known: LastRendered) -> dict[str, bytes]:
    newest = newest_releases(front.listing)
    if not known.note("index.html", _said(newest, front.cards), len(front.listing.entries), front.files):
        return {}
    example = newest[0].project if newest else "PROJECT"
    return page(
        env,
        "front.html",
        "index.html",
        options,
        newest=_lines(newest, front.cards),
        projects=len(front.listing.entries),
        files=front.files,
        install=[command(options.index_url, example) for command in (pip_install, uv_install, poetry_add)],
        pip_conf=_pip_conf(options.index_url),
        upload=upload(options.upload_to),
        over_http=[command(url) for command in (twine_upload, uv_publish) if (url := options.uploads_url)],
    )


def _pip_conf(index_url: str) -> str:
    host = trusted_host(index_url)
    return f"[global]\nindex-url = {index_url}" + (f"\ntrusted-host = {host}" if host else "")


def _projects(front: Front, env: Environment, options: LandingOptions, known: LastRendered) -> dict[str, bytes]:
    entries, cards = front.listing.entries, front.cards
    by_letter = _by_letter(entries) if len(entries) > FEW else {}
    letters = {letter: len(found) for letter, found in by_letter.items()}
    pages: dict[str, bytes] = {}
    # The page of a new letter comes before those that lead to it.
    found = sorted(by_letter.items(), key=lambda one: _first(one[1], cards), reverse=True)
    for letter, listed in [*found, (None, () if letters else entries)]:
        path = f"projects/{letter}/index.html" if letter else "projects/index.html"
        if known.note(path, tuple(letters.items()), _said(listed, cards)):
            shown = {"letters": letters, "letter": letter, "shown": _lines(listed, cards)}
            pages |= page(env, "projects.html", path, options, **shown)
    return pages


def _first(entries: Iterable[RootEntry], cards: Mapping[str, Card]) -> str:
    """When the first of these projects came."""
    found = (cards.get(entry.project) for entry in entries)
    return min((card and card.since) or "now" for card in found)


def _said(entries: Iterable[RootEntry], cards: Mapping[str, Card]) -> tuple[Hashable, ...]:
    """What their lines in a list are made of."""
    shown = ((entry, cards.get(entry.project)) for entry in entries)
    return tuple(
        (one.project, one.name, one.newest_version, one.newest_at, one.newest_yanked, card and card.summary)
        for one, card in shown
    )


def _by_letter(entries: Iterable[RootEntry]) -> dict[str, list[RootEntry]]:
    found: dict[str, list[RootEntry]] = {}
    for entry in entries:
        letter = entry.project[0]
        found.setdefault(letter if letter.isalpha() else "0-9", []).append(entry)
    return found


def _lines(entries: Iterable[RootEntry], cards: Mapping[str, Card]) -> list[tuple[Line, str]]:
    return [(_line(entry, cards), card.summary if (card := cards.get(entry.project)) else "") for entry in entries]


def _line(entry: RootEntry, cards: Mapping[str, Card]) -> Line:
    has_page = entry.project in cards
    return Line(
        name=entry.name,
        page=path_of(entry.project) if has_page else f"simple/{entry.project}/index.html",
        version=entry.newest_version,
        at=entry.newest_at,
        yanked=entry.newest_yanked,
    )
