"""Pages are pure functions of listings; golden files show every byte of them.

`EGGWATCH_GOLDEN=write pytest tests/pages` writes the golden files anew, to be read before they are committed.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from pypi_simple import ProjectPage

from eggwatch.model.names import JSON_NAME
from eggwatch.model.releases import (
    ProjectListing,
    PublishedFile,
    RemovedFile,
    RootEntry,
    RootListing,
    in_order,
    newest,
    with_status,
)
from eggwatch.pages.landing import LandingOptions, landing_page
from eggwatch.pages.simple import HTML_NAMES, environment, project_pages, root_html, root_json
from eggwatch.writer.templates import templates

GOLDEN = Path(__file__).parent / "golden"
ENV = environment(templates())
HOSTILE = "</a><script>alert('1')</script> & \"quotes\""


def published(filename: str, version: str, **more: Any) -> PublishedFile:
    values: dict[str, Any] = {
        "sha256": f"{len(filename):02x}" * 32,
        "size": 1000 + len(filename),
        "upload_time": "2026-11-22T08:00:00.000001Z",
        "uploader": "alice",
    }
    return PublishedFile(filename=filename, version=version, **{**values, **more})


def listing(*files: PublishedFile, removed: tuple[RemovedFile, ...] = (), project: str = "demo") -> ProjectListing:
    return ProjectListing(project=project, name=project.title(), files=files, removed=removed, last_serial=17)


FULL = listing(
    published("demo-1.10-py3-none-any.whl", "1.10", requires_python=">=3.8,<4", metadata_sha256="ab" * 32),
    published("demo-1.9.tar.gz", "1.9", yanked=""),
    published("demo-1.9-py3-none-any.whl", "1.9", yanked=HOSTILE, metadata_sha256="cd" * 32, uploader=None),
    published("demo-2.0+local.1-py3-none-any.whl", "2.0+local.1", requires_python=HOSTILE),
    published("demo-2.0rc1.tar.gz", "2.0rc1"),
    removed=(
        RemovedFile(
            filename="demo-0.1.tar.gz",
            sha256="ef" * 32,
            size=9,
            at="2026-11-22T09:00:00.000000Z",
            upload_time="2026-11-21T08:00:00.000000Z",
        ),
    ),
)
ROOT = RootListing(
    entries=(
        RootEntry(project="alpha", name="Alpha", last_serial=3),
        RootEntry(
            project="demo", name=HOSTILE, last_serial=17, newest_version="1.10", newest_at="2026-11-22T08:00:00.000001Z"
        ),
    )
)
EMPTY = RootListing(entries=())
FULL_OPTIONS = LandingOptions(
    index_url="https://packages.example.com/simple/", upload_to="files.example.com:/drop/", contact=HOSTILE
)
EMPTY_OPTIONS = LandingOptions(index_url="http://HOST/simple/", upload_to="HOST:/srv/drop/")


def compare_with_golden(name: str, data: bytes) -> None:
    path = GOLDEN / name
    if os.environ.get("EGGWATCH_GOLDEN") == "write":
        path.write_bytes(data)
    assert data == path.read_bytes(), f"{path} differs; see the head of this file"


class Page(HTMLParser):
    """The links of a page, and whether its tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[tuple[dict[str, str | None], str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "a":
            self.links.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "a":
            attributes, text = self.links[-1]
            self.links[-1] = (attributes, text + data)


def html_of(shown: ProjectListing) -> str:
    return project_pages(shown, ENV)[f"simple/{shown.project}/index.html"].decode()


def json_of(shown: ProjectListing) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(project_pages(shown, ENV)[f"simple/{shown.project}/{JSON_NAME}"])
    return data


PROJECTS = [("full", FULL), ("empty", listing()), ("archived", with_status(listing(FULL.files[0]), {"demo"}))]


@pytest.mark.parametrize(("name", "shown"), PROJECTS, ids=[name for name, _ in PROJECTS])
def test_a_project_page_is_as_its_golden_files(name: str, shown: ProjectListing) -> None:
    pages = project_pages(shown, ENV)
    compare_with_golden(f"project-{name}.html", pages["simple/demo/index.html"])
    compare_with_golden(f"project-{name}.json", pages["simple/demo/index.v1_json"])


def test_an_archived_project_says_so_in_both_forms() -> None:
    """PEP 792: at the top level of the JSON, in the head of the HTML; all else is as it was."""
    archived = with_status(FULL, ("other", "demo"))
    assert json_of(archived).pop("project-status") == {"status": "archived"}
    assert {**json_of(archived), "project-status": None} == {**json_of(FULL), "project-status": None}
    meta = '<meta name="pypi:project-status" content="archived">\n'
    assert html_of(archived).partition("</head>")[0].count(meta) == 1
    assert html_of(archived).replace(meta, "") == html_of(FULL)
    assert (
        ProjectPage.from_html("demo", html_of(archived)).packages
        == ProjectPage.from_html("demo", html_of(FULL)).packages
    )


def test_an_active_project_says_nothing() -> None:
    """Active is what a project without a status is."""
    assert with_status(FULL, ("other",)) == FULL
    assert "project-status" not in json_of(FULL) and "project-status" not in html_of(FULL)


@pytest.mark.parametrize(("name", "shown"), [("full", ROOT), ("empty", EMPTY)])
def test_the_root_page_is_as_its_golden_files(name: str, shown: RootListing) -> None:
    compare_with_golden(f"root-{name}.html", root_html(shown, ENV)["simple/index.html"])
    compare_with_golden(f"root-{name}.json", root_json(shown)["simple/index.v1_json"])


@pytest.mark.parametrize(
    ("name", "shown", "options"),
    [
        ("full", ROOT, FULL_OPTIONS),
        ("empty", EMPTY, EMPTY_OPTIONS),
    ],
)
def test_the_landing_page_is_as_its_golden_file(name: str, shown: RootListing, options: LandingOptions) -> None:
    compare_with_golden(f"landing-{name}.html", landing_page(shown, ENV, options)["index.html"])


def test_every_page_has_its_compressed_twin_right_behind_it() -> None:
    for pages in (project_pages(FULL, ENV), root_html(ROOT, ENV), root_json(ROOT)):
        names = list(pages)
        assert [f"{name}.gz" for name in names[::2]] == names[1::2]
        assert all(gzip.decompress(pages[f"{name}.gz"]) == pages[name] for name in names[::2])


def test_a_project_page_has_three_forms_and_the_two_html_ones_are_equal() -> None:
    pages = project_pages(FULL, ENV)
    assert {f"simple/demo/{name}" for name in (*HTML_NAMES, JSON_NAME)} == set(list(pages)[::2])
    assert pages["simple/demo/index.html"] == pages["simple/demo/index.v1_html"]


def test_a_project_page_links_its_files_and_nothing_else_each_with_its_name_as_text() -> None:
    page = Page(html_of(FULL))
    assert page.open == []
    assert [text for _, text in page.links] == [file.filename for file in in_order(FULL.files)]


@pytest.mark.parametrize("where", ["https://cdn.example.com/f", "https://cdn.example.com/f/"])
def test_files_are_linked_below_any_url_with_and_without_a_slash_at_its_end(where: str) -> None:
    pages = project_pages(FULL, ENV, where)
    files = json.loads(pages[f"simple/demo/{JSON_NAME}"])["files"]
    links = [str(link["href"]).partition("#")[0] for link, _ in Page(pages["simple/demo/index.html"].decode()).links]
    expected = [f"https://cdn.example.com/f/demo/{quote(file.filename)}" for file in in_order(FULL.files)]
    assert [file["url"] for file in files] == expected == links


def test_hostile_text_stays_text() -> None:
    assert "<script" not in html_of(FULL)
    assert b"<script" not in landing_page(ROOT, ENV, FULL_OPTIONS)["index.html"]
    yanked = [attributes["data-yanked"] for attributes, _ in Page(html_of(FULL)).links if "data-yanked" in attributes]
    assert yanked == [HOSTILE, ""]


def test_pypi_simple_reads_the_same_from_html_and_json() -> None:
    url = "https://packages.example.com/simple/demo/"
    from_html = ProjectPage.from_html("demo", html_of(FULL), url).packages
    from_json = ProjectPage.from_json_data(json_of(FULL), url).packages
    assert len(from_html) == len(FULL.files)
    for one, other in zip(from_html, from_json, strict=True):
        for field in ("filename", "requires_python", "is_yanked"):
            assert getattr(one, field) == getattr(other, field), field
        assert one.url.partition("#")[0] == other.url
        assert (one.yanked_reason or None, bool(one.has_metadata)) == (other.yanked_reason, bool(other.has_metadata))
        assert one.digests == other.digests


def test_files_stand_in_the_order_of_versions_and_not_of_letters() -> None:
    versions = [file["version"] for file in ({"version": name} for name in json_of(FULL)["versions"])]
    assert versions == ["1.9", "1.10", "2.0rc1", "2.0+local.1"]


def test_core_metadata_is_offered_for_wheels_only() -> None:
    offered = {file["filename"] for file in json_of(FULL)["files"] if "core-metadata" in file}
    assert offered == {"demo-1.10-py3-none-any.whl", "demo-1.9-py3-none-any.whl"}


def test_the_serials_are_those_of_the_last_change_of_each_page() -> None:
    assert json_of(FULL)["meta"] == {"_last-serial": 17, "api-version": "1.4"}
    root = json.loads(root_json(ROOT)["simple/index.v1_json"])
    assert root["meta"]["_last-serial"] == 17
    assert [project["_last-serial"] for project in root["projects"]] == [3, 17]
    assert json.loads(root_json(EMPTY)["simple/index.v1_json"])["meta"]["_last-serial"] == 0


def test_the_serial_of_the_root_page_stands_at_its_very_beginning() -> None:
    assert root_json(ROOT)["simple/index.v1_json"].startswith(b'{"meta":{"_last-serial":17')


@given(st.permutations(FULL.files))
def test_the_order_of_the_records_never_shows(files: list[PublishedFile]) -> None:
    assert project_pages(replace(FULL, files=tuple(files)), ENV) == project_pages(FULL, ENV)


def test_a_misspelled_name_in_a_template_is_an_error_and_no_blank() -> None:
    env = environment({**templates(), "root.html": "{{ projets }}"})
    with pytest.raises(UndefinedError):
        root_html(ROOT, env)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), None),
        ((published("a", "1.0"), published("b", "2.0rc1")), "1.0"),
        ((published("a", "1.0"), published("b", "2.0", yanked="")), "1.0"),
        ((published("a", "1.0rc1"), published("b", "1.0rc2")), "1.0rc2"),
        ((published("a", "1.0", yanked="x"),), "1.0"),
    ],
)
def test_the_newest_version_is_final_and_not_yanked_where_there_is_one(
    files: tuple[PublishedFile, ...], expected: str | None
) -> None:
    found = newest(listing(*files))
    assert (found[0] if found else None) == expected


def test_the_newest_release_came_when_the_last_file_of_its_version_came() -> None:
    early = published("a", "1.0", upload_time="2026-01-01T00:00:00.000000Z")
    late = published("b", "1.0", upload_time="2026-02-01T00:00:00.000000Z")
    assert newest(listing(early, late)) == ("1.0", late.upload_time)
