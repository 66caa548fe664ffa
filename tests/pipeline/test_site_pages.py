"""What the site's pages of a project are rendered from."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.archives.metadata import about
from eggwatch.inspection.readmes import Readmes
from eggwatch.model.releases import ProjectListing, PublishedFile
from eggwatch.pipeline import site_pages
from eggwatch.pipeline.site_pages import LARGEST_KEPT, abouts_of
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork

AT = "2026-01-01T00:00:00.000000Z"


def write_metadata(folder: Path, version: str, summary: str) -> PublishedFile:
    """A published wheel, of which only the metadata is there."""
    filename = f"demo-{version}-py3-none-any.whl"
    content = f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\nSummary: {summary}\n"
    (folder / f"{filename}.metadata").write_text(content)
    return PublishedFile(filename=filename, version=version, sha256="0" * 64, size=1, upload_time=AT)


def test_metadata_that_did_not_change_is_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    def counted(content: bytes) -> site_pages.About:
        parsed.append(content)
        return about.about(content)

    monkeypatch.setattr(site_pages, "_about", counted)
    files = tuple(write_metadata(tmp_path, f"{number}.0", f"of test {tmp_path}") for number in range(3))
    large = write_metadata(tmp_path, "3.0", "x" * LARGEST_KEPT)
    listing = ProjectListing(project="demo", name="Demo", files=(*files, large), removed=(), last_serial=1)
    first = abouts_of(listing, tmp_path)
    assert len(parsed) == 4
    assert abouts_of(listing, tmp_path) == first
    assert len(parsed) == 5  # what is large is not kept
    write_metadata(tmp_path, "1.0", "another summary")
    assert abouts_of(listing, tmp_path)["1.0"].summary == "another summary"
    assert len(parsed) == 7


def test_the_readme_of_a_new_project_is_rendered_beside_the_pages_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is asked for once, and is on the page of its project."""
    told: list[str] = []
    begin, ask = Readmes.begin, Readmes._ask

    def beginning(self: Readmes, text: str, said: str) -> None:
        told.append("begun")
        begin(self, text, said)

    def asking(self: Readmes, key: bytes, request: bytes) -> None:
        told.append("asked")
        ask(self, key, request)

    monkeypatch.setattr(Readmes, "begin", beginning)
    monkeypatch.setattr(Readmes, "_ask", asking)
    with IndexAtWork(tmp_path) as index:
        for name in ("one", "two", "three"):
            readme = f"Description-Content-Type: text/markdown\n\n# All of {name}\n"
            index.put(*wheel(name, metadata_extra=readme))
        index.work()
    assert told == ["asked", "begun", "asked", "begun", "asked"]
    for name in ("one", "two", "three"):
        assert f"All of {name}" in (tmp_path / f"public/project/{name}/index.html").read_text()
