"""Feeds are pure functions of releases and cards; golden files show every byte of both forms."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.model.releases import ProjectListing, RootListing
from eggwatch.model.site import About, Card, Front, Release, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.feeds import MOST, front_feeds, project_feeds
from eggwatch.pages.site.frame import LastRendered
from tests.pages.test_pages import HOSTILE, compare_with_golden, published

ATOM = {"a": "http://www.w3.org/2005/Atom"}
HERE = LandingOptions(index_url="https://packages.example.com/team/simple/", upload_to="host:drop", site=True)
OPTIONS = replace(HERE, base_url="https://packages.example.com/team/")


def release(version: str, day: int, *, project: str = "demo", yanked: str | None = None, summary: str = "") -> Release:
    at = f"2026-11-{day:02}T08:00:00.000000Z"
    file = published(f"{project}-{version}.tar.gz", version, upload_time=at, yanked=yanked)
    return Release(project=project, name=project.title(), version=version, files=(file,), about=About(summary=summary))


def site_project(*releases: Release) -> SiteProject:
    listing = ProjectListing(project="demo", name="Demo", files=(), removed=(), last_serial=3)
    return SiteProject(listing=listing, newest=releases[0].version if releases else None, releases=releases)


def front(*releases: Release) -> Front:
    cards = [
        Card(project=one.project, name=one.name, version=one.version, at=one.at, since=one.at, summary=HOSTILE)
        for one in releases
    ]
    by_project = {card.project: card for card in cards}
    return Front(listing=RootListing(entries=()), cards=by_project, files=0, newest=tuple(cards))


DEMO = site_project(
    release("2.0+local.1", 22, summary=f"What it is. {HOSTILE}"),
    release("1.10", 23, yanked="broken"),
    release("1.9", 21),
)
FEEDS = {
    "project": project_feeds(DEMO, OPTIONS),
    "project-without-url": project_feeds(DEMO, HERE),
    "project-empty": project_feeds(site_project(), OPTIONS),
    "front": front_feeds(front(release("1.0", 5, project="alpha"), release("2.0", 6)), OPTIONS, LastRendered()),
}
EACH_FORM = [(name, path) for name, pages in FEEDS.items() for path in pages]


@pytest.mark.parametrize(("name", "path"), EACH_FORM)
def test_feeds_are_as_the_golden_files_have_them(name: str, path: str) -> None:
    compare_with_golden(f"feed-{name}-{path.replace('/', '-')}", FEEDS[name][path])


@pytest.mark.parametrize(("name", "path"), [one for one in EACH_FORM if one[1].endswith(".atom")])
def test_an_atom_feed_has_all_that_rfc_4287_requires(name: str, path: str) -> None:
    root = ET.fromstring(FEEDS[name][path])
    assert root.tag == f"{{{ATOM['a']}}}feed"
    for element in (root, *root.findall("a:entry", ATOM)):
        for required in ("id", "title", "updated"):
            (found,) = element.findall(f"a:{required}", ATOM)
            assert found.text
        assert urlsplit(element.findtext("a:id", "", ATOM)).scheme == "tag"
    assert root.findtext("a:author/a:name", "", ATOM)
    assert len(root.findall("a:link[@rel='self']", ATOM)) == 1


@pytest.mark.parametrize(("name", "path"), [one for one in EACH_FORM if one[1].endswith(".json")])
def test_a_json_feed_has_all_that_its_version_requires(name: str, path: str) -> None:
    feed = json.loads(FEEDS[name][path])
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    for item in feed["items"]:
        assert item["id"] and item["content_text"]


def test_the_newest_release_comes_first_and_a_yanked_one_is_called_so() -> None:
    assert titles(FEEDS["project"]) == ["Demo 1.10 (yanked)", "Demo 2.0+local.1", "Demo 1.9"]


def test_a_release_without_files_is_in_no_feed() -> None:
    gone = replace(release("3.0", 24), files=(), removed=())
    assert titles(project_feeds(site_project(gone, release("1.0", 1)), OPTIONS)) == ["Demo 1.0"]


def test_a_feed_ends_after_the_newest_entries() -> None:
    many = site_project(*(release(f"1.{number}", number % 28 + 1) for number in range(MOST + 7)))
    assert len(titles(project_feeds(many, OPTIONS))) == MOST


def test_an_entry_keeps_its_id_when_it_is_yanked_or_described_otherwise() -> None:
    before, after = (
        ids(project_feeds(site_project(one), OPTIONS))
        for one in (release("1.0", 1), release("1.0", 1, yanked="", summary="Other words"))
    )
    assert before == after == ["tag:packages.example.com,2026:/team/project/demo/1.0/"]


def test_links_lead_to_the_same_pages_with_a_configured_url_and_without() -> None:
    at = "https://packages.example.com/team/project/demo/feed.json"
    with_url, without = (
        json.loads(FEEDS[name]["project/demo/feed.json"]) for name in ("project", "project-without-url")
    )
    for one, other in zip(with_url["items"], without["items"], strict=True):
        assert one["url"] == urljoin(at, other["url"])
    assert with_url["feed_url"] == urljoin(at, without["feed_url"]) == at


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_of_a_package_leaves_both_forms_well_formed(text: str) -> None:
    pages = project_feeds(site_project(release("1.0", 1, summary=text)), OPTIONS)
    summary = ET.fromstring(pages["project/demo/feed.atom"]).findtext("a:entry/a:summary", None, ATOM)
    told = json.loads(pages["project/demo/feed.json"])["items"][0]["content_text"]
    assert told == (text or "Demo 1.0")
    assert summary is not None


def titles(pages: dict[str, bytes]) -> list[str]:
    return [item["title"] for item in items(pages)]


def ids(pages: dict[str, bytes]) -> list[str]:
    return [item["id"] for item in items(pages)]


def items(pages: dict[str, bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(pages["project/demo/feed.json"])["items"]
    return found
