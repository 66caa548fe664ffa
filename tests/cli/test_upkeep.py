"""eggwatch verify, render, rebuild."""

from __future__ import annotations

import filecmp
import gzip
import os
import shutil
from collections.abc import Callable
from contextlib import closing

import pytest

from eggwatch.store.catalog import Catalog
from eggwatch.store.lock import Lock
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.laws.at_work import pages_of, unpacked


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


@pytest.mark.parametrize("harm", HARM)
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


@pytest.mark.parametrize("harm", [change_page, lose_page, change_twin, tear_twin])
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


@pytest.mark.parametrize("lose", [lose_page, lose_root])
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


def test_files_that_vanish_between_two_looks_are_no_crash(filled: Site) -> None:
    """files/ itself may be missing, as on a half restored tree: findings, no traceback."""
    os.rename(filled.public / "files", filled.base / "elsewhere")
    done = filled.call("verify", "--json")
    assert (done.code, len(done.row["findings"]) >= 4) == (1, True)
