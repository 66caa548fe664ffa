"""Pages are valid for html5lib's strict parser and the Nu checker; feedparser has nothing to complain of in feeds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import feedparser
import html5lib
import pytest

from eggwatch.pages.folder_index import front_of
from eggwatch.webserver.responses import overview
from tests.hostile.characters import ODD
from tests.pages import test_feeds, test_folder_index
from tests.site.checkers import HAS_NU, NU_PAGES, feed_error, nu_messages, parse_errors
from tests.site.sample import MACHINES, MARKUP, PAGES

HTML = "{http://www.w3.org/1999/xhtml}"
HEADINGS = [f"{HTML}h{level}" for level in range(1, 7)]
FORM_FIELDS = [f"{HTML}{name}" for name in ("input", "select", "textarea")]


def parsed(data: bytes) -> ET.Element:
    """The document; ParseError for what the HTML standard calls a parse error."""
    root: ET.Element = html5lib.HTMLParser(strict=True).parse(data.decode())
    return root


@pytest.mark.parametrize("kind", [*PAGES, *MACHINES])
def test_a_page_has_no_parse_error_and_no_id_twice(sample: Path, kind: str) -> None:
    data = (sample / "public" / {**PAGES, **MACHINES}[kind]).read_bytes()
    assert parse_errors(data) == []
    root = parsed(data)
    ids = [element.get("id") for element in root.iter() if element.get("id") is not None]
    assert len(ids) == len(set(ids))


def test_the_front_of_a_folder_has_no_parse_error() -> None:
    shape = test_folder_index.EVERYTHING
    for path, page in front_of({"demo": test_folder_index.FILES}, test_folder_index.ENV, shape, "state").items():
        if path.endswith(".html"):
            parsed(page)


def test_the_list_of_several_indexes_has_no_parse_error() -> None:
    """The only page that our web server makes itself: its errors are plain text."""
    root = parsed(overview(["stable", "a & b"]).get_data())
    assert [link.get("href") for link in root.iter(f"{HTML}a")] == ["/stable/", "/a%20%26%20b/"]


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_says_what_it_is_and_its_headings_are_in_order(sample: Path, kind: str) -> None:
    """One title, one heading of the first level, and no level left out."""
    root = parsed((sample / "public" / PAGES[kind]).read_bytes())
    assert root.findtext(f"{HTML}head/{HTML}title", "").strip()
    levels = [HEADINGS.index(element.tag) + 1 for element in root.iter() if element.tag in HEADINGS]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= level + 1 for level, later in itertools.pairwise(levels))


@pytest.mark.parametrize("kind", PAGES)
def test_each_field_of_a_form_has_a_label(sample: Path, kind: str) -> None:
    root = parsed((sample / "public" / PAGES[kind]).read_bytes())
    labelled = {label.get("for") for label in root.iter(f"{HTML}label")}
    assert {field.get("id") for field in root.iter() if field.tag in FORM_FIELDS} <= labelled


if HAS_NU:

    @pytest.mark.parts
    def test_the_nu_checker_finds_nothing(sample: Path) -> None:
        """Except in the README of the hostile project: see NU_PAGES."""
        assert {kind: said for kind, said in nu_messages(sample / "public", NU_PAGES).items() if said} == {}


def _feeds(public: Path) -> Iterator[tuple[str, bytes]]:
    for folder in ("feeds", "project/demo", "project/gone", "project/hostile", "project/other"):
        for path in sorted([*(public / folder).glob("*.atom"), *(public / folder).glob("*.json")]):
            yield str(path.relative_to(public)), path.read_bytes()
    awkward = "".join(one for one in ODD if one not in ("\udcff", "\udc80")) + MARKUP
    release = test_feeds.release("1!2.0+local.1", 22, summary=awkward)
    for options in (test_feeds.OPTIONS, test_feeds.HERE):
        yield from test_feeds.project_feeds(test_feeds.site_project(release), options).items()


def test_feedparser_has_nothing_to_complain_of_and_reads_what_we_wrote(sample: Path) -> None:
    """Markup in a text stays text, and characters that no XML may have do not break the feed."""
    feeds = [(path, data) for path, data in _feeds(sample / "public") if path.endswith(".atom")]
    assert len(feeds) == 8
    for path, data in feeds:
        assert feed_error(data) == "", path
        feed = feedparser.parse(data)
        assert feed.version == "atom10" and feed.feed.title and feed.feed.id and feed.feed.updated_parsed
        for entry in feed.entries:
            assert entry.title and entry.id and entry.link and entry.updated_parsed
            assert entry.summary_detail.type == "text/plain"


JSON_FEED = {
    "version": str, "title": str, "home_page_url": str, "feed_url": str, "description": str, "user_comment": str,
    "next_url": str, "icon": str, "favicon": str, "authors": list, "language": str, "expired": bool, "items": list,
    "hubs": list,
}  # fmt: skip
ITEM = {
    "id": str, "url": str, "external_url": str, "title": str, "content_html": str, "content_text": str, "summary": str,
    "image": str, "banner_image": str, "date_published": str, "date_modified": str, "authors": list, "tags": list,
    "language": str, "attachments": list,
}  # fmt: skip


def test_json_feeds_have_the_keys_of_version_1_1_with_values_of_their_types(sample: Path) -> None:
    for path, data in _feeds(sample / "public"):
        if path.endswith(".json"):
            feed = json.loads(data)
            assert all(isinstance(value, JSON_FEED[key]) for key, value in feed.items()), path
            assert feed["version"] == "https://jsonfeed.org/version/1.1" and feed["title"]
            for item in feed["items"]:
                assert all(isinstance(value, ITEM[key]) for key, value in item.items()), path
                assert item["id"] and ("content_text" in item or "content_html" in item)
