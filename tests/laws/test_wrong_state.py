"""Whatever is missing, torn, forged or too old: the tree is never harmed, and there is always a way on."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from eggwatch.errors import FolderError, LedgerError, NewerStateError
from eggwatch.maintenance.rebuild import rebuild
from eggwatch.policy.retries import Progress
from eggwatch.store.state.cursors import COURIER, Cursors
from eggwatch.writer.index import open_index
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site
from tests.laws.at_work import (
    IndexAtWork,
    assert_equals_fresh_render,
    assert_unchanged_pages_untouched,
    pages_of,
    snapshot,
)

ONE, TWO, WHEEL = sdist("demo", "1.0"), sdist("demo", "2.0"), wheel("demo", "1.0")
BROKEN = ("demo-3.0.tar.gz", b"no archive at all" * 50)


@pytest.fixture
def work(tmp_path: Path) -> IndexAtWork:
    """A closed index that has seen uploads, a yank, a removal and a refusal."""
    work = IndexAtWork(tmp_path)
    with work:
        for upload in (ONE, TWO, WHEEL, sdist("other", requires_python=">=3.8"), BROKEN):
            work.now += 2
            work.upload(*upload)
        work.order("yank", "demo==1.0", "breaks")
        work.order("remove", "demo==2.0", "gone")
    return work


def damage(path: Path) -> None:
    """Write zeros over the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(bytes(path.stat().st_size // 3))


def truncate_to_nothing(path: Path) -> None:
    """Leave an empty file."""
    path.write_bytes(b"")


def write_nonsense(path: Path) -> None:
    """Put something else in the file's place."""
    path.write_bytes(b"this is no database" * 1000)


def of_another_version(path: Path) -> None:
    """Let the database be one of a version to come."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = 999 WHERE key = 'schema'")
    connection.close()


def without_a_table(path: Path) -> None:
    """Take a table away, as a careless hand would."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE projects")
    connection.close()


@pytest.mark.parametrize(
    "harm", [Path.unlink, damage, truncate_to_nothing, write_nonsense, of_another_version, without_a_table]
)
def test_a_lost_or_damaged_catalog_is_made_anew(work: IndexAtWork, harm: Callable[[Path], None]) -> None:
    """The catalog alone is gone or damaged: work goes on, with the same pages, none of them rewritten."""
    before = snapshot(work.config.public)
    harm(work.config.state / "catalog.sqlite3")
    with work:
        work.work()
        assert_unchanged_pages_untouched(before, snapshot(work.config.public))
        assert before[0] == pages_of(work.config.public)
        work.upload(*sdist("new"))
        assert_equals_fresh_render(work.config)
    assert_equals_fresh_render(work.config)


def test_a_damaged_catalog_is_kept_aside(work: IndexAtWork) -> None:
    """What could not be read is renamed, and not deleted."""
    catalog = work.config.state / "catalog.sqlite3"
    write_nonsense(catalog)
    was = catalog.read_bytes()
    with work:
        work.work()
    (aside,) = work.config.state.glob("catalog.sqlite3.damaged-*")
    assert aside.read_bytes() == was


def bytes_below(work: IndexAtWork) -> dict[Path, bytes]:
    """Every file of STATE and PUBLIC."""
    folders = (work.config.state, work.config.public)
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def of_a_newer_release(work: IndexAtWork) -> None:
    """A release to come has written a line that this one can't read, and brought its catalog along."""
    ledger = work.config.state / "ledger.jsonl"
    *_, last = ledger.read_bytes().splitlines()
    line = json.loads(last) | {"schema": 3, "serial": 1000, "prev": hashlib.sha256(last).hexdigest()}
    ledger.write_bytes(ledger.read_bytes() + json.dumps(line).encode() + b"\n")
    of_another_version(work.config.state / "catalog.sqlite3")


def test_a_newer_state_is_refused_and_left_as_it_is(work: IndexAtWork) -> None:
    """By every writer, rebuild among them: the remedy is the newer release."""
    of_a_newer_release(work)
    before = bytes_below(work)
    with pytest.raises(NewerStateError, match="newer eggwatch: its schema is 3"), work:
        pass
    with pytest.raises(NewerStateError):
        rebuild(work.config, progress=lambda _: None)
    assert bytes_below(work) == before


def test_after_a_rebuild_no_event_has_a_serial_that_was_told(work: IndexAtWork) -> None:
    """The last events were rejections, of which no page knows: the courier would tell as many others to nobody."""
    with work:
        for number in range(9):
            work.upload(f"demo-9.{number}.tar.gz", BROKEN[1])
        told = work.events()[-1]["serial"]
    Cursors(work.config.state, COURIER).keep({"mail.team": Progress(cursor=told)})
    work.config.ledger.unlink()
    rebuild(work.config)
    with work:
        work.upload(*sdist("demo", "4.0"))
        assert work.events()[-1]["serial"] > told
        assert_equals_fresh_render(work.config)


def test_a_tree_without_its_files_is_not_rendered_over(work: IndexAtWork) -> None:
    """PUBLIC lies on a disk that is not mounted: nothing is begun in the empty folder below."""
    away = work.config.public.with_name("away")
    work.config.public.rename(away)
    with pytest.raises(FolderError, match="the ledger has 3 published files"), work:
        pass
    assert not (work.config.public / "simple" / "demo").exists()
    shutil.rmtree(work.config.public)
    away.rename(work.config.public)
    with work:
        work.work()
    assert_equals_fresh_render(work.config)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"rotten")], ids=["missing", "rotten"])
def test_the_same_bytes_again_mend_what_was_published(work: IndexAtWork, harm: Callable[[Path], None]) -> None:
    """A known upload leaves the drop folder only when the published file is whole."""
    name, data = sdist("other", requires_python=">=3.8")
    path = work.config.public / "files" / "other" / name
    path.chmod(0o600)
    harm(path)
    with work:
        work.now += 2
        work.upload(name, data)
        assert path.read_bytes() == data
    assert_equals_fresh_render(work.config)
    kept = list((work.config.public / ".eggwatch").glob("quarantine/*"))
    assert [file.read_bytes() for file in kept] == ([] if harm is Path.unlink else [b"rotten"])


def lose_ledger(work: IndexAtWork) -> None:
    """The ledger is gone."""
    (work.config.state / "ledger.jsonl").unlink()


def empty_ledger(work: IndexAtWork) -> None:
    """The ledger is there, and empty."""
    (work.config.state / "ledger.jsonl").write_bytes(b"")


def older_ledger(work: IndexAtWork) -> None:
    """The ledger comes from an older backup."""
    ledger = work.config.state / "ledger.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-2]))


def older_state(work: IndexAtWork) -> None:
    """Ledger and catalog come from an older backup."""
    older_ledger(work)
    (work.config.state / "catalog.sqlite3").unlink()


def no_state(work: IndexAtWork) -> None:
    """The whole STATE folder is gone."""
    shutil.rmtree(work.config.state)


def other_state(work: IndexAtWork) -> None:
    """STATE is that of another index."""
    shutil.rmtree(work.config.state)
    other = IndexAtWork(work.config.state.parent / "other")
    with other:
        for number in range(12):
            other.upload(*sdist(f"foreign{number}"))
    shutil.copytree(other.config.state, work.config.state)
    (work.config.state / "catalog.sqlite3").unlink()


WRONG = [lose_ledger, empty_ledger, older_ledger, older_state, no_state]


@pytest.mark.parametrize("harm", WRONG)
def test_a_ledger_that_knows_less_than_the_tree_stops_everything(
    work: IndexAtWork, harm: Callable[[IndexAtWork], None]
) -> None:
    """The ledger is missing or older than the tree: a refusal with the remedy, and no page or archive is touched."""
    harm(work)
    pages = snapshot(work.config.public)
    archives = sorted((work.config.public / "files").rglob("*"))
    upload = sdist("new")
    work.put(*upload)
    with pytest.raises(LedgerError, match="eggwatch rebuild"):
        open_index(work.config)
    assert snapshot(work.config.public) == pages
    assert sorted((work.config.public / "files").rglob("*")) == archives
    assert work.lying() == [upload[0]]


@pytest.mark.parametrize("command", [("run",), ("run", "--once"), ("yank", "demo"), ("remove", "demo")])
def test_commands_over_an_older_ledger_end_with_2(work: IndexAtWork, command: tuple[str, ...]) -> None:
    """Daemon, round and orders alike: exit status 2, the remedy on standard error, and nothing changed."""
    older_state(work)
    before = snapshot(work.config.public)
    done = Site(work.config.drop.parent, url='"https://packages.example.com/"').run(*command)
    assert (done.code, done.out) == (2, "")
    assert "eggwatch rebuild" in done.err
    assert snapshot(work.config.public) == before


@pytest.mark.parametrize("harm", WRONG)
@pytest.mark.parametrize(
    "copied", [False, pytest.param(True, marks=pytest.mark.long)], ids=["in place", "from a plain rsync"]
)
def test_rebuild_mends_it(work: IndexAtWork, harm: Callable[[IndexAtWork], None], copied: bool) -> None:
    """`rebuild` brings back files, upload times, yanks and removed names, also from a copy without dotfiles."""
    projects = {name: work.page(name) for name in ("demo", "other")}
    harm(work)
    if copied:
        _replace_by_rsync(work.config.public)
    done = Site(work.config.drop.parent).run("rebuild", "--json")
    assert done.code == 0, done.err
    assert done.row["files"] == 3
    for name, before in projects.items():
        page = work.page(name)
        assert page["files"] == before["files"]
        assert page["_removed"] == before["_removed"]
        assert page["meta"]["_last-serial"] >= before["meta"]["_last-serial"]
    assert_equals_fresh_render(work.config)
    _assert_laws_go_on(work)


def _replace_by_rsync(public: Path) -> None:
    copy = public.with_name("copy")
    if shutil.which("rsync"):
        subprocess.run(["rsync", "-a", "--exclude", ".*", f"{public}/", f"{copy}/"], check=True)
    else:
        shutil.copytree(public, copy, ignore=shutil.ignore_patterns(".*"))
    shutil.rmtree(public)
    copy.rename(public)


def _assert_laws_go_on(work: IndexAtWork) -> None:
    """What was removed may return with the same bytes only; what is published may not change."""
    times = {name: file["upload-time"] for name, file in work.files("demo").items()}
    with work:
        removed = {file["filename"]: file for file in work.page("demo")["_removed"]}
        work.upload("demo-2.0.tar.gz", sdist("demo", "2.0", files={"other.py": b""})[1])
        assert "demo-2.0.tar.gz" not in work.files("demo")
        work.upload(*TWO)
        assert work.files("demo")["demo-2.0.tar.gz"]["upload-time"] == removed["demo-2.0.tar.gz"]["upload-time"]
        work.upload(ONE[0], TWO[1])
        assert {name: work.files("demo")[name]["upload-time"] for name in times} == times
        assert_equals_fresh_render(work.config)


def test_rebuild_says_what_it_could_not_bring_back(work: IndexAtWork) -> None:
    """A file whose bytes were altered is named, and not published from the new ledger."""
    lose_ledger(work)
    path = work.config.public / "files/other/other-1.0.tar.gz"
    path.unlink()
    path.write_bytes(b"something else")
    done = Site(work.config.drop.parent).run("rebuild")
    assert done.code == 0
    assert "not recovered" in done.out and "other-1.0.tar.gz" in done.out
    assert "rejections" in done.out


def test_rebuild_twice_changes_nothing_more(work: IndexAtWork) -> None:
    """A second `rebuild` right after the first finds nothing to learn and rewrites no page."""
    no_state(work)
    site = Site(work.config.drop.parent)
    assert site.run("rebuild").code == 0
    before = snapshot(work.config.public)
    done = site.run("rebuild", "--json")
    assert (done.row["new_events"], done.row["lost"]) == (0, [])
    assert snapshot(work.config.public) == before


def test_a_torn_last_line_is_cut_with_a_warning(work: IndexAtWork, caplog: pytest.LogCaptureFixture) -> None:
    """A last line that was never told to anybody is cut, a warning says so, and its serial is given again."""
    ledger = work.config.state / "ledger.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + whole.splitlines(keepends=True)[-1][:77])
    with work:
        work.work()
        assert ledger.read_bytes() == whole
        assert "torn" in caplog.text
        work.upload(*sdist("new"))
        assert_equals_fresh_render(work.config)


@pytest.mark.parametrize(
    "catalog", [True, pytest.param(False, marks=pytest.mark.long)], ids=["with the catalog", "without the catalog"]
)
def test_a_forged_line_is_refused_by_its_place(work: IndexAtWork, catalog: bool) -> None:
    """An altered line is found where the chain is read: `verify` and whoever reads the ledger name serial and byte."""
    ledger = work.config.state / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"demo-2.0", b"demo-9.0", 1)
    ledger.write_bytes(b"".join(lines))
    if not catalog:
        (work.config.state / "catalog.sqlite3").unlink()
        with pytest.raises(LedgerError, match=r"damaged at the line after serial 2 \(byte \d+\)"):
            open_index(work.config)
    site = Site(work.config.drop.parent)
    done = site.run("verify", "--json")
    assert done.code == 1
    assert any("after serial 2" in finding["problem"] for finding in done.row["findings"])
    done = site.run("rebuild")
    assert done.code == 0, done.err
    assert site.run("verify").code == 0


def test_a_deleted_line_is_refused(work: IndexAtWork) -> None:
    """A line that was cut out of the middle breaks the chain."""
    ledger = work.config.state / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    with pytest.raises(LedgerError, match="rebuild"):
        open_index(work.config)


def test_a_ledger_shortened_by_one_line_beside_its_catalog_is_refused(work: IndexAtWork) -> None:
    """The catalog remembers the last line that it applied: a ledger without it is older."""
    ledger = work.config.state / "ledger.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(LedgerError, match="older"):
        open_index(work.config)


@pytest.mark.parametrize("lost", ["simple", "simple/index.v1_json", "simple/index.html", "index.html"])
def test_root_pages_that_are_gone_come_back_when_an_index_is_opened(tmp_path: Path, lost: str) -> None:
    """Also where nothing was ever published."""
    work = IndexAtWork(tmp_path)
    with work:
        work.work()
    before = pages_of(work.config.public)
    gone = work.config.public / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    with work:
        work.work()
    assert pages_of(work.config.public) == before
