"""A page read back: what this index wrote comes back whole, and nothing else is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile
from eggwatch.pages.read_back import recall
from eggwatch.pages.simple import project_json

AT = "2026-01-02T03:04:05.000006Z"
FILE = PublishedFile(
    filename="my_demo-1.0-py3-none-any.whl",
    version="1.0",
    sha256="a" * 64,
    size=7,
    upload_time=AT,
    requires_python=">=3.8",
    metadata_sha256="b" * 64,
    yanked="",
    uploader="alice",
)
GONE = RemovedFile(filename="my_demo-0.9.tar.gz", sha256="c" * 64, size=9, at=AT, upload_time=AT)
LISTING = ProjectListing(project="my-demo", name="My_Demo", files=(FILE,), removed=(GONE,), last_serial=12)


def page(**changes: Any) -> dict[str, Any]:
    """The page of LISTING, with other values at its top."""
    return {**project_json(LISTING), **changes}


def of_file(**changes: Any) -> dict[str, Any]:
    """The page with other values in its file."""
    (file,) = page()["files"]
    return page(files=[{**file, **changes}])


def test_a_page_of_ours_comes_back_whole() -> None:
    """Also one of the first release, which told less of what was removed."""
    assert recall(json.dumps(page()).encode(), "my-demo") == (LISTING, ())
    older = page(_removed=[{"filename": GONE.filename, "sha256": GONE.sha256, "at": AT}])
    listing, problems = recall(json.dumps(older).encode(), "my-demo")
    assert (listing.removed[0].upload_time, problems) == (AT, ())


@pytest.mark.parametrize(
    ("data", "project"),
    [
        (page(name="../../../../etc"), "my-demo"),
        (page(name="../../../../etc"), "../../../../etc"),
        (page(name="other"), "my-demo"),
        (page(name="My_Demo"), "My_Demo"),
        (page(name=None), "my-demo"),
        (page(files=None), "my-demo"),
        (page(meta={"_last-serial": "12"}), "my-demo"),
        (page(meta={"_last-serial": -1}), "my-demo"),
        (page(meta={"_last-serial": 10**30}), "my-demo"),
        ([], "my-demo"),
        ("x", "my-demo"),
    ],
)
def test_what_is_no_page_of_the_folder_s_project_is_not_read(data: Any, project: str) -> None:
    """Its name is its folder's, in normalised form, so nothing can be written outside of PUBLIC by it."""
    with pytest.raises(ValueError):
        recall(json.dumps(data).encode(), project)


@pytest.mark.parametrize(
    "changes",
    [
        {"filename": "../../my_demo-1.0-py3-none-any.whl"},
        {"filename": "other-1.0-py3-none-any.whl"},
        {"filename": "my_demo-1.0.zip"},
        {"filename": 7},
        {"hashes": {}},
        {"hashes": None},
        {"hashes": {"sha256": "A" * 64}},
        {"hashes": {"sha256": "../x"}},
        {"upload-time": "soon"},
        {"upload-time": "2026-13-02T03:04:05.000006Z"},
        {"upload-time": None},
        {"upload-time": "\u0662\u0660\u0662\u0666-01-02T03:04:05.000006Z"},
        {"yanked": "\ud800"},
        {"_uploader": "\ud800"},
        {"size": "7"},
        {"size": -7},
        {"size": True},
        {"requires-python": ["x"]},
        {"yanked": {}},
        {"_uploader": 3},
        {"core-metadata": {"sha256": 3}},
    ],
)
def test_a_file_that_can_not_be_ours_is_named_and_left_out(changes: dict[str, Any]) -> None:
    """One sentence for each; what else stands on the page is believed."""
    listing, problems = recall(json.dumps(of_file(**changes)).encode(), "my-demo")
    assert (listing.files, listing.removed, len(problems)) == ((), (GONE,), 1)


def test_a_key_that_is_missing_is_a_problem_of_its_file() -> None:
    """Of each key that is needed; the others have no value then."""
    (file,) = page()["files"]
    for key in ("filename", "hashes", "upload-time", "size"):
        rows = [{name: value for name, value in file.items() if name != key}, "junk", None]
        listing, problems = recall(json.dumps(page(files=rows)).encode(), "my-demo")
        assert (listing.files, len(problems)) == ((), 3)


def test_a_name_that_stands_there_twice_counts_once() -> None:
    """Normalised: the first one."""
    (file,) = page()["files"]
    rows = [file, {**file, "filename": "My_Demo-1.0-py3-none-any.whl", "hashes": {"sha256": "d" * 64}}]
    listing, problems = recall(json.dumps(page(files=rows)).encode(), "my-demo")
    assert ([found.sha256 for found in listing.files], len(problems)) == (["a" * 64], 1)
