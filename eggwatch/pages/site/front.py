"""PUBLIC/index.html, projects/ and history/: what this index is, what is new in it, all of its projects by letter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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
from eggwatch.pages.site.frame import page, path_of
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


def front_pages(front: Front, env: Environment, options: LandingOptions) -> dict[str, bytes]:
    """The pages of the whole index, by path; first what others link to."""
    listed = history_page(front, env, options) | _projects(front, env, options)
    return listed | front_feeds(front, options) | _landing(front, env, options)


def _landing(front: Front, env: Environment, options: LandingOptions) -> dict[str, bytes]:
    newest = newest_releases(front.listing)
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


def _projects(front: Front, env: Environment, options: LandingOptions) -> dict[str, bytes]:
    entries = front.listing.entries
    few, by_letter = len(entries) <= FEW, _by_letter(entries)
    letters = {} if few else {letter: len(found) for letter, found in by_letter.items()}
    shown = _lines(entries, front.cards) if few else []
    more: dict[str, Any] = {"letters": letters, "letter": None, "shown": shown}
    index = page(env, "projects.html", "projects/index.html", options, **more)
    pages: dict[str, bytes] = {}
    since = {card.project: card.since for card in front.cards.values() if card.since}
    # The page of a new letter comes before those that lead to it.
    for letter in sorted(letters, key=lambda letter: _first(by_letter[letter], since), reverse=True):
        more |= {"letter": letter, "shown": _lines(by_letter[letter], front.cards)}
        pages |= page(env, "projects.html", f"projects/{letter}/index.html", options, **more)
    return pages | index


def _first(entries: Iterable[RootEntry], since: Mapping[str, str]) -> str:
    """When the first of these projects came."""
    return min(since.get(entry.project, "now") for entry in entries)


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
