"""What is new, for feed readers: Atom (RFC 4287) and JSON Feed 1.1, of the whole index and of each project."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from eggwatch.model.site import Card, Front, Release, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import encoded
from eggwatch.pages.site.frame import LastRendered, path_of

MOST = 50
"""Entries of a feed."""
EPOCH = "1970-01-01T00:00:00.000000Z"
"""When a feed without entries was updated: Atom wants a time, and there is none."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
    root = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom"})
    updated = max((item.at for item in feed.items), default=EPOCH)
    _elements(root, id=_tag(feed.path, options), title=feed.title, updated=updated)
    _elements(ET.SubElement(root, "author"), name=options.title)
    _link(root, "self", _url(feed, f"{feed.path}.atom", options))
    _link(root, "alternate", _url(feed, feed.page, options))
    for item in feed.items:
        entry = ET.SubElement(root, "entry")
        _elements(entry, id=_tag(item.page, options), title=item.title, updated=item.at, published=item.at)
        _link(entry, "alternate", _url(feed, item.page, options))
        _elements(entry, summary=item.text)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _elements(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = _NO_XML.sub("\ufffd", text)


def _link(parent: ET.Element, rel: str, href: str) -> None:
    kind = "application/atom+xml" if rel == "self" else "text/html"
    ET.SubElement(parent, "link", {"rel": rel, "type": kind, "href": href})


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
