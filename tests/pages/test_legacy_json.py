"""Documents of PyPI's JSON API are pure functions of what the site's pages show; golden files show every byte."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from eggwatch.model.site import MOST, About, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.legacy_json import legacy_json
from tests.pages.test_pages import compare_with_golden
from tests.pages.test_site_pages import DEMO, OPTIONS

HERE = replace(OPTIONS, base_url=None)
OPTIONS = replace(OPTIONS, base_url="https://packages.example.com/")


def document(project: SiteProject = DEMO, version: str | None = None, options: LandingOptions = OPTIONS) -> Any:
    release = next((one for one in project.releases if one.version == version), None)
    (text,) = legacy_json(project, release, options).values()
    return json.loads(text)


@pytest.mark.parametrize(("version", "options"), [(None, OPTIONS), ("1.0", HERE)], ids=["project-url", "1.0-relative"])
def test_documents_are_as_the_golden_files_have_them(
    version: str | None, options: LandingOptions, request: pytest.FixtureRequest
) -> None:
    text = json.dumps(document(version=version, options=options), indent=1, ensure_ascii=False) + "\n"
    compare_with_golden(f"legacy-{request.node.callspec.id}.json", text.encode())


def test_each_lies_where_pypi_has_it() -> None:
    assert [*legacy_json(DEMO, None, OPTIONS)] == ["pypi/demo/json"]
    assert [*legacy_json(DEMO, DEMO.releases[0], OPTIONS)] == ["pypi/demo/2.0/json"]


def test_a_release_without_files_is_no_release_and_its_own_document_has_none() -> None:
    """Renovate would offer it as an update."""
    assert [one.version for one in DEMO.releases if not one.files] == ["0.9"]
    assert [*document()["releases"]] == ["1.0", "2.0"]
    assert document(version="0.9")["urls"] == []


def test_a_project_without_files_has_no_version() -> None:
    gone = SiteProject(listing=replace(DEMO.listing, files=()), newest=None, releases=DEMO.releases[-1:])
    assert document(gone) == {"info": {"name": "Demo", "version": None}, "last_serial": 4, "releases": {}, "urls": []}


@pytest.mark.parametrize("requires", [("one",) * MOST, ("a" * 500,)])
def test_requirements_that_were_not_read_to_the_end_are_left_out(requires: tuple[str, ...]) -> None:
    release = replace(DEMO.releases[0], about=About(requires=requires))
    (text,) = legacy_json(DEMO, release, OPTIONS).values()
    assert "requires_dist" not in json.loads(text)["info"]
    assert "requires_dist" in document(version="2.0")["info"]
