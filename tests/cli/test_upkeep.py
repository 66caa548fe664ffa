"""eggwatch verify, render, rebuild."""

from __future__ import annotations

import filecmp
import gzip
import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.lock import Lock
from tests.archive_factory import MARKDOWN, sdist
from tests.cli.program import Site
from tests.laws.at_work import pages_of, unpacked
from tests.once import mostly_long
from tests.running import until


def test_pages_that_are_gone_as_a_whole_are_rendered_at_the_next_start(filled: Site) -> None:
    """PUBLIC was put back from a backup of the files only, beside a STATE that is whole: every page comes back."""
    shutil.rmtree(filled.public / "simple")
    assert filled.call("run", "--once").code == 0
    assert filled.call("verify").code == 0
    assert filled.filenames("other") == ["other-1.0.tar.gz"]


def test_a_sound_index_is_0(filled: Site) -> None:
    """`verify` hashes every archive and compares every page: nothing is wrong, exit status 0."""
    done = filled.call("verify", "--json")
    assert done.code == 0
    assert (done.row["index"], done.row["sound"], done.row["files"], done.row["findings"]) == ("main", True, 4, [])
    assert "sound" in filled.call("verify").out


def flip_archive(site: Site) -> str:
    """One byte of an archive is different."""
    path = site.public / "files/demo/demo-1.0.tar.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    return str(path)


def lose_archive(site: Site) -> str:
    """An archive is gone."""
    path = site.public / "files/demo/demo-1.0.tar.gz"
    path.unlink()
    return str(path)


def lose_metadata(site: Site) -> str:
    """A wheel's .metadata is gone, which pages promise."""
    path = site.public / "files/demo/demo-1.0-py3-none-any.whl.metadata"
    path.unlink()
    return str(path)


def change_page(site: Site) -> str:
    """A page was edited."""
    path = site.public / "simple/demo/index.v1_json"
    path.write_bytes(path.read_bytes().replace(b"1.0", b"1.1"))
    return str(path)


def lose_page(site: Site) -> str:
    """A page is gone."""
    path = site.public / "simple/other/index.html"
    path.unlink()
    return str(path)


def change_twin(site: Site) -> str:
    """A compressed twin holds something else."""
    path = site.public / "simple/index.html.gz"
    path.write_bytes(gzip.compress(b"<html></html>"))
    return str(path)


def tear_twin(site: Site) -> str:
    """A compressed twin is cut off."""
    path = site.public / "simple/demo/index.html.gz"
    path.write_bytes(path.read_bytes()[:20])
    return str(path)


def add_stranger(site: Site) -> str:
    """Somebody put a file under files/."""
    path = site.public / "files/demo/demo-9.0.tar.gz"
    path.write_bytes(b"hello")
    return str(path)


def add_strange_folder(site: Site) -> str:
    """Somebody put a folder under files/."""
    path = site.public / "files/never/never-1.0.tar.gz"
    path.parent.mkdir()
    path.write_bytes(b"hello")
    return str(path)


def change_ledger(site: Site) -> str:
    """A line of the ledger was altered."""
    path = site.state / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"size":', b'"size":1', 1))
    return str(path)


def cut_ledger(site: Site) -> str:
    """The ledger's last line is gone."""
    path = site.state / "ledger.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    return str(path)


HARM = [
    flip_archive, lose_archive, lose_metadata, change_page, lose_page, change_twin, tear_twin, add_stranger,
    add_strange_folder, change_ledger, cut_ledger,
]  # fmt: skip


@pytest.mark.parametrize("harm", mostly_long(HARM))
def test_damage_is_1_and_is_named(filled: Site, harm: Callable[[Site], str]) -> None:
    """Each kind of damage is found, named with its place and a remedy, and nothing is changed by looking."""
    where = harm(filled)
    before = {path: path.read_bytes() for path in filled.public.rglob("*") if path.is_file()}
    done = filled.call("verify", "--json")
    assert (done.code, done.row["sound"]) == (1, False)
    assert any(where in finding["where"] for finding in done.row["findings"]), done.row
    assert all(finding.keys() == {"where", "problem", "remedy", "sort"} for finding in done.row["findings"])
    assert where in filled.call("verify").out
    assert {path: path.read_bytes() for path in filled.public.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("harm", mostly_long((change_page, lose_page, change_twin, tear_twin)))
def test_rebuild_mends_pages(filled: Site, harm: Callable[[Site], str]) -> None:
    """Damaged pages are rendered anew by `rebuild`, from the ledger that is there."""
    events = filled.events()
    harm(filled)
    assert filled.call("rebuild").code == 0
    assert filled.call("verify").code == 0
    assert filled.events()[: len(events)] == events


def lose_page(filled: Site) -> None:
    """A page that is missing, and known to be stale."""
    (filled.public / "simple/demo/index.html").unlink()
    with closing(Catalog(filled.state / "catalog.sqlite3")) as catalog:
        catalog.mark_stale(["demo"], {})


def lose_root(filled: Site) -> None:
    """A root page that is missing, and known to be stale."""
    (filled.public / "simple/index.html").unlink()
    with closing(Catalog(filled.state / "catalog.sqlite3")) as catalog:
        catalog.set_meta({"root_serial": None})


@pytest.mark.parametrize("lose", mostly_long((lose_page, lose_root)))
def test_stale_pages_are_left_out_beside_a_daemon_only(filled: Site, lose: Callable[[Site], None]) -> None:
    """Nobody is about to render them: they are damage, and `repair` mends it."""
    lose(filled)
    done = filled.call("verify")
    assert (done.code, "is missing" in done.out) == (1, True), done
    lock = Lock(filled.state / "lock")
    lock.acquire()
    try:
        assert filled.call("verify").code == 0
    finally:
        lock.release()
    assert filled.call("repair").code == 0
    assert filled.call("verify").code == 0


def test_a_link_below_files_is_one_finding(filled: Site) -> None:
    """It is not followed."""
    (filled.public / "files/link").symlink_to(filled.base)
    findings = filled.call("verify", "--json").row["findings"]
    assert [finding["where"] for finding in findings] == [str(filled.public / "files/link")]


def test_verify_beside_a_daemon_finds_nothing(filled: Site) -> None:
    """Uploads that are under way while `verify` looks are no damage."""
    with filled.daemon():
        for number in range(6):
            filled.put(sdist(f"new{number}"))
            done = filled.call("verify", "--json")
            assert (done.code, done.row["findings"]) == (0, [])


def test_a_readme_is_rendered_by_the_daemon_and_verify_renders_the_same(filled: Site) -> None:
    """Each has a process of its own for it."""
    page = filled.public / "project/told/index.html"
    with filled.daemon():
        filled.put(sdist("told", metadata_extra=f"{MARKDOWN}\n# A title\n"))
        until("its README", lambda: page.exists() and ">A title</h3>" in page.read_text())
    assert filled.call("verify").code == 0


def test_removed_bytes_within_their_grace_are_no_damage(filled: Site) -> None:
    """The bytes of a removed file may lie there for a while."""
    filled.call("remove", "demo")
    assert filled.call("verify").code == 0


def test_render_gives_the_published_pages(filled: Site) -> None:
    """`render DIR`: the same tree of pages, DIR made if it is missing, and nothing else touched."""
    target = filled.base / "some" / "pages"
    done = filled.call("render", target)
    assert (done.code, done.err) == (0, "")
    assert unpacked(pages_of(target)) == unpacked(pages_of(filled.public))
    assert filecmp.cmp(target / "simple/index.html", filled.public / "simple/index.html", shallow=False)


def test_render_into_a_folder_that_is_not_empty_is_2(filled: Site) -> None:
    """A filled DIR is left as it is."""
    done = filled.call("render", filled.drop)
    assert (done.code, "is not empty" in done.err) == (2, True)
    (filled.base / "empty").mkdir()
    assert filled.call("render", "empty").code == 0


@pytest.mark.parametrize("target", ["/proc/nowhere", "eggwatch.toml", "eggwatch.toml/below"])
def test_render_where_nothing_can_be_written_is_2(filled: Site, target: str) -> None:
    """A DIR that can't be made is an unusable folder, said in a sentence."""
    done = filled.call("render", target)
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_render_works_beside_a_daemon_and_without_the_catalog(filled: Site) -> None:
    """Only the ledger is needed, and no lock."""
    with filled.daemon():
        assert filled.call("render", "beside").code == 0
    (filled.state / "catalog.sqlite3").unlink()
    assert filled.call("render", "without").code == 0
    assert pages_of(filled.base / "beside") == pages_of(filled.base / "without")


def test_render_without_a_ledger_is_2(filled: Site) -> None:
    """No ledger: exit status 2, what to do, and an untouched DIR."""
    (filled.state / "ledger.jsonl").unlink()
    done = filled.call("render", "pages")
    assert (done.code, "rebuild" in done.err) == (2, True)
    assert not (filled.base / "pages").exists()


def test_rebuild_of_a_sound_index_changes_nothing(filled: Site) -> None:
    """Ledger and pages stay byte for byte; only the catalog is made anew."""
    before = (filled.state / "ledger.jsonl").read_bytes(), pages_of(filled.public)
    row = filled.call("rebuild", "--json").row
    assert (row["new_events"], row["kept_events"], row["files"], row["lost"]) == (0, 5, 4, [])
    assert ((filled.state / "ledger.jsonl").read_bytes(), pages_of(filled.public)) == before


def test_what_rebuild_replaces_is_kept(filled: Site) -> None:
    """A damaged ledger is renamed, not deleted."""
    path = filled.state / "ledger.jsonl"
    damaged = path.read_bytes().replace(b'"size":', b'"size":1', 1)
    path.write_bytes(damaged)
    assert filled.call("rebuild").code == 0
    assert damaged in [other.read_bytes() for other in filled.state.glob("ledger.jsonl.*")]
    assert filled.call("verify").code == 0


def without_a_ledger(site: Site) -> None:
    """STATE is lost."""
    shutil.rmtree(site.state)


def edit_page(site: Site, project: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Alter a project's JSON page."""
    path = site.public / "simple" / project / "index.v1_json"
    page = json.loads(path.read_bytes())
    change(page)
    path.write_text(json.dumps(page))


def test_rebuild_names_the_files_whose_page_is_gone(filled: Site) -> None:
    """Nobody is shown what no page names; copied to the drop folder it is back."""
    without_a_ledger(filled)
    shutil.rmtree(filled.public / "simple/other")
    path = filled.public / "files/other/other-1.0.tar.gz"
    done = filled.call("rebuild")
    assert (done.code, f"not recovered: {path}: neither a page nor the ledger names it" in done.out) == (0, True)
    assert filled.filenames("other") == []
    shutil.copy(path, filled.drop)
    assert filled.call("run", "--once").code == 0
    assert filled.filenames("other") == ["other-1.0.tar.gz"] and filled.call("verify").code == 0


def test_rebuild_brings_back_nothing_that_was_removed(filled: Site) -> None:
    """Its bytes may lie there till their grace is over: they are not taken for a file whose page is gone."""
    assert filled.call("remove", "other").code == 0
    assert (filled.public / "files/other/other-1.0.tar.gz").exists()
    without_a_ledger(filled)
    assert filled.call("rebuild", "--json").row["lost"] == [
        "rejections, and who yanked or removed what: these were in the ledger only"
    ]
    assert filled.filenames("other") == []


def test_rebuild_over_a_page_without_a_key_names_the_file(filled: Site) -> None:
    """No traceback: this file is lost, and every other one comes back."""
    edit_page(filled, "demo", lambda page: page["files"][0].pop("hashes"))
    first = filled.page("demo")["files"][0]["filename"]
    without_a_ledger(filled)
    row = filled.call("rebuild", "--json").row
    assert row["files"] == 3 and any(f"{first}: it has no sha256" in lost for lost in row["lost"])
    names = ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "demo-2.0.tar.gz"]
    assert sorted([*filled.filenames("demo"), first]) == names


def test_rebuild_over_the_pages_of_nobody_says_what_to_do(filled: Site) -> None:
    """No page can be read and there is no ledger: 2, nothing is changed, and the remedy helps."""
    for project in ("demo", "other"):
        edit_page(filled, project, dict.clear)
    without_a_ledger(filled)
    before = pages_of(filled.public)
    done = filled.call("rebuild")
    assert (done.code, "there is nothing to rebuild from" in done.err, pages_of(filled.public)) == (2, True, before)
    (filled.public / "simple").rename(filled.base / "away")
    assert filled.call("rebuild").code == 0
    assert filled.call("run", "--once").code == 0


def test_rebuild_where_the_newest_page_can_not_be_read_ends_well(filled: Site) -> None:
    """The root shows a serial that only this page knew: the others and the ledger go on above it."""
    filled.put(sdist("late"))
    filled.call("run", "--once")
    edit_page(filled, "late", dict.clear)
    cut_ledger(filled)
    assert filled.call("rebuild").code == 0
    assert filled.events()[-1]["serial"] > 6
    assert filled.call("run", "--once").code == 0


def test_rebuild_writes_nothing_outside_whatever_a_page_says(filled: Site) -> None:
    """A page that names another project, a time that is none, a filename with a path: none of it is believed."""

    def attack(page: dict[str, Any]) -> None:
        page["name"] = "../../../../escaped"
        page["files"][0] |= {"filename": "../../../escaped-1.0.tar.gz", "upload-time": "<script>"}

    before = {path for path in filled.base.parent.rglob("*") if not path.is_relative_to(filled.state)}
    edit_page(filled, "demo", attack)
    without_a_ledger(filled)
    done = filled.call("rebuild")
    assert done.code == 0 and "it names the project '../../../../escaped'" in done.out
    after = {path for path in filled.base.parent.rglob("*") if not path.is_relative_to(filled.state)}
    assert [path for path in after - before if not path.is_relative_to(filled.public / ".eggwatch")] == []
    assert b"script" not in (filled.state / "ledger.jsonl").read_bytes()


def test_files_that_vanish_between_two_looks_are_no_crash(filled: Site) -> None:
    """files/ itself may be missing, as on a half restored tree: findings, no traceback."""
    os.rename(filled.public / "files", filled.base / "elsewhere")
    done = filled.call("verify", "--json")
    assert (done.code, len(done.row["findings"]) >= 4) == (1, True)
