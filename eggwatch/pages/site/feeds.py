"""What is new, for feed readers: Atom (RFC 4287) and JSON Feed 1.1, of the whole index and of each project."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from eggwatch.model.site import Card, Front, Release, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import encoded
from eggwatch.pages.site.frame import LastRendered, path_of

MOST = 50
"""Entries of a feed."""
ATOM = "http://www.w3.org/2005/Atom"
REPLACED = "\ufffd"
EPOCH = "1970-01-01T00:00:00.000000Z"
"""When a feed without entries was updated: Atom wants a time, and there is none."""
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML document may have, not even escaped (XML 1.0, section 2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry: what is new, since when (RFC 3339), and the page about it."""

    title: str
    text: str
    at: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed at `path` and an ending for each of its forms; `page` is the page that has the same for people."""

    path: str
    title: str
    page: str
    items: tuple[FeedEntry, ...]


def project_feeds(project: SiteProject, options: LandingOptions) -> dict[str, bytes]:
    """The feed of a project's releases, in both forms, by path."""
    listing = project.listing
    releases = [
        _release(release, at=release.at, yanked=release.is_yanked, summary=release.about.summary)
        for release in project.releases
        if release.files
    ]
    feed = Feed(
        path=f"project/{listing.project}/feed",
        title=f"{listing.name} ({options.title})",
        page=path_of(listing.project),
        items=_newest(releases),
    )
    return _forms(feed, options)


def front_feeds(front: Front, options: LandingOptions, known: LastRendered) -> dict[str, bytes]:
    """The feeds of all releases and of new projects, in both forms, by path, as far as they change."""
    releases = [
        _release(one, at=one.at or EPOCH, yanked=one.yanked, summary=card.summary if card else "")
        for one in front.newest
        for card in [front.cards.get(one.project)]
    ]
    projects = [_project(card, since) for since, card in _latest(front.cards.values())]
    feeds = (
        Feed(
            path="feeds/releases", title=f"New releases ({options.title})", page="index.html", items=_newest(releases)
        ),
        Feed(
            path="feeds/projects",
            title=f"New projects ({options.title})",
            page="projects/index.html",
            items=_newest(projects),
        ),
    )
    changed = [feed for feed in feeds if known.note(feed.path, feed)]
    return {path: page for feed in changed for path, page in _forms(feed, options).items()}


def _latest(cards: Iterable[Card]) -> list[tuple[str, Card]]:
    """The projects that came last, with the moment."""
    dated = ((card.since, card) for card in cards if card.since is not None)
    return nlargest(MOST, dated, key=lambda one: (one[0], path_of(one[1].project)))


def _release(release: Release | Card, *, at: str, yanked: bool, summary: str) -> FeedEntry:
    title = f"{release.name} {release.version}" + (" (yanked)" if yanked else "")
    return FeedEntry(title=title, text=summary or title, at=at, page=path_of(release.project, release.version))


def _project(card: Card, since: str) -> FeedEntry:
    return FeedEntry(title=card.name, text=card.summary or card.name, at=since, page=path_of(card.project))


def _newest(items: Iterable[FeedEntry]) -> tuple[FeedEntry, ...]:
    return tuple(sorted(items, key=lambda item: (item.at, item.page), reverse=True)[:MOST])


def _forms(feed: Feed, options: LandingOptions) -> dict[str, bytes]:
    return {f"{feed.path}.atom": _atom(feed, options), f"{feed.path}.json": encoded(_json_feed(feed, options))}


def _atom(feed: Feed, options: LandingOptions) -> bytes:
    updated = max((item.at for item in feed.items), default=EPOCH)
    head = [
        _element("id", _tag(feed.path, options)),
        _element("title", feed.title),
        _element("updated", updated),
        f"<author>\n    {_element('name', options.title)}\n  </author>",
        _link("self", _url(feed, f"{feed.path}.atom", options)),
        _link("alternate", _url(feed, feed.page, options)),
    ]
    lines = "\n  ".join([*head, *(_entry(feed, item, options) for item in feed.items)])
    text = f"<?xml version='1.0' encoding='utf-8'?>\n<feed xmlns=\"{ATOM}\">\n  {lines}\n</feed>\n"
    return text.encode()


def _entry(feed: Feed, item: FeedEntry, options: LandingOptions) -> str:
    lines = [
        _element("id", _tag(item.page, options)),
        _element("title", item.title),
        _element("updated", item.at),
        _element("published", item.at),
        _link("alternate", _url(feed, item.page, options)),
        _element("summary", item.text),
    ]
    return "\n    ".join(["<entry>", *lines]) + "\n  </entry>"


def _element(name: str, text: str) -> str:
    """Written out: ElementTree takes several times as long for it."""
    return f"<{name}>{escape(_NO_XML.sub(REPLACED, text), quote=False)}</{name}>" if text else f"<{name} />"


def _link(rel: str, href: str) -> str:
    kind = "application/atom+xml" if rel == "self" else "text/html"
    target = escape(href, quote=False).replace('"', "&quot;")
    return f'<link rel="{rel}" type="{kind}" href="{target}" />'


def _json_feed(feed: Feed, options: LandingOptions) -> dict[str, Any]:
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": _url(feed, feed.page, options),
        "feed_url": _url(feed, f"{feed.path}.json", options),
        "authors": [{"name": options.title}],
        "items": [
            {
                "id": _tag(item.page, options),
                "url": _url(feed, item.page, options),
                "title": item.title,
                "content_text": item.text,
                "date_published": item.at,
            }
            for item in feed.items
        ],
    }


def _url(feed: Feed, path: str, options: LandingOptions) -> str:
    """Relative to the feed where nobody said under which URL it is published."""
    return (options.base_url or "../" * feed.path.count("/")) + quote(path)


def _tag(path: str, options: LandingOptions) -> str:
    """The id of a page (RFC 4151), which stays the same whatever becomes of the page's address."""
    url = urlsplit(options.base_url or "")
    return f"tag:{url.hostname or 'localhost'},2026:{quote(url.path or '/')}{quote(path.removesuffix('index.html'))}"
