"""The pages of a folder's index are pure functions of its archives, and the next run reads the archives from them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from eggwatch.model.indexed import IndexedFile, LeftOut
from eggwatch.model.verdicts import Flaw
from eggwatch.pages.folder_index import (
    ROOT,
    Shape,
    front_of,
    left_out_page,
    project_of,
    remembered,
    remembered_left_out,
    remembered_state,
)
from tests.pages.test_pages import ENV, compare_with_golden


def archive(path: str, version: str, *, name: str = "Demo", apart: bool = False) -> IndexedFile:
    return IndexedFile(
        path=path,
        mtime=1_764_000_000_000_001,
        size=len(path),
        sha256="ab" * 32,
        project="demo",
        name=name,
        version=version,
        requires_python=">=3.8",
        apart=apart,
    )


FILES = (
    archive("old/demo-1.0.tar.gz", "1.0", name="demo"),
    archive("sub & more/Demo-1.1-py3-none-any.whl", "1.1", apart=True),
)
ODD = archive("caf\udce9/demo-1.2.zip", "1.2")
EVERYTHING = Shape(easy_install=True)


def pages_of(files: Sequence[IndexedFile], shape: Shape = EVERYTHING) -> dict[str, bytes]:
    return project_of("demo", files, ENV, shape)


@pytest.mark.parametrize("path", ["simple/demo/index.html", "index/Demo/index.html"])
def test_a_project_is_as_the_golden_file_has_it(path: str) -> None:
    """Also under the name that old clients ask for."""
    compare_with_golden("folder-project.html", pages_of(FILES)[path])


@pytest.mark.parametrize("path", ["index.html", "links.html", "index/index.html"])
def test_the_pages_of_all_are_as_the_golden_files_have_them(path: str) -> None:
    compare_with_golden(f"folder-{path.replace('/', '-')}", front_of({"demo": FILES}, ENV, EVERYTHING, "state")[path])


def test_pages_that_are_not_wanted_are_left_out() -> None:
    only = Shape(site=False)
    paths = {*pages_of(FILES, only), *front_of({"demo": FILES}, ENV, only, "state")}
    assert {path.partition("/")[0] for path in paths} == {"simple"} and only.own_pages == ()
    assert EVERYTHING.own_pages == ("index.html", "links.html", "index/index.html")


def test_the_json_is_written_last_of_all() -> None:
    """Where it is there, so are the others."""
    assert list(pages_of(FILES))[-1] == "simple/demo/index.v1_json"
    assert list(front_of({"demo": FILES}, ENV, EVERYTHING, "state"))[-1] == ROOT


def test_the_next_run_reads_the_same_archives_from_the_page() -> None:
    """Names that are not UTF-8 as well."""
    files = [*FILES, ODD]
    page = pages_of(files)["simple/demo/index.v1_json"]
    assert sorted(remembered(page, "demo"), key=str) == sorted(files, key=str)


def test_the_next_run_reads_what_was_left_out_unless_another_version_wrote_it() -> None:
    flaw = Flaw(code="not-a-gzip", subject="demo-1.0.tar.gz", message="It is no gzip file.")
    left = [
        LeftOut(path="a/demo-1.0.tar.gz", mtime=1, size=2, flaws=(flaw,)),
        LeftOut(path="b/demo-1.0.tar.gz", mtime=3, size=4, instead="old/demo-1.0.tar.gz"),
    ]
    assert remembered_left_out(left_out_page(left, "1.0"), "1.0") == left
    assert remembered_left_out(left_out_page(left, "1.0"), "1.1") == []


def test_the_state_is_read_from_the_root() -> None:
    assert remembered_state(front_of({"demo": FILES}, ENV, EVERYTHING, "state")[ROOT]) == "state"


@pytest.mark.parametrize("page", [b"", b"[]", b"{}", b'{"meta": {}}', json.dumps({"meta": {"_state": 1}}).encode()])
def test_the_root_of_another_program_has_no_state(page: bytes) -> None:
    assert remembered_state(page) is None


def test_a_moment_that_rfc_3339_cannot_write_becomes_the_nearest() -> None:
    early, late = (
        IndexedFile(path="x", mtime=mtime, size=1, sha256="", project="x", name="x", version="1").published()
        for mtime in (-5, 10**18)
    )
    assert (early.upload_time[:4], late.upload_time[:4]) == ("1970", "9999")
