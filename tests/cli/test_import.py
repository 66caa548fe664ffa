"""eggwatch import: a stock comes in with its upload times, is judged like uploads, and is never harmed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.events import timestamp
from eggwatch.store import stock as stock_module
from eggwatch.store.state.cursors import DAEMON, Cursors
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site, clean_environment
from tests.cli.stocks import add, state_of
from tests.laws.at_work import pages_of
from tests.once import mostly_long

OLD_TEXT = "2017-07-14T02:40:00.000000Z"
EARLIER = "2015-03-04T05:06:07.000000Z"


LINUX = wheel("lin", "1.0", tags="py3-none-linux_x86_64")
"""A wheel that the default profile warns of, and pypi and strict refuse."""


@pytest.mark.parametrize("profile", mostly_long(("pypi", "strict")))
def test_a_stock_is_judged_by_the_profile_default(tmp_path: Path, profile: str) -> None:
    """Whatever the index asks of uploads, a stock is what it is; --profile asks more."""
    site = Site(tmp_path, profile=f'"{profile}"')
    add(tmp_path / "stock", LINUX)
    severe = site.call("import", "--json", "--profile", profile, tmp_path / "stock")
    assert severe.code == 1 and [flaw["code"] for flaw in severe.rows[0]["flaws"]] == ["platform-tag-linux"]
    assert site.call("import", tmp_path / "stock").code == 0
    site.put(wheel("lin", "2.0", tags="py3-none-linux_x86_64"))
    assert site.call("run", "--once").code == 1


def times(site: Site, *projects: str) -> dict[str, str]:
    """The upload-time of every file on the pages of some projects."""
    return {file["filename"]: file["upload-time"] for p in projects for file in site.page(p)["files"]}


def test_a_folder_comes_in_whole_and_stays_as_it_was(site: Site, stock: Path) -> None:
    """Every archive below DIR is on its page; nothing in DIR has changed; the events are `imported`."""
    before = state_of(stock)
    done = site.call("import", stock)
    assert (done.code, done.out) == (0, "main: 2 imported, 0 known; 1 other file skipped\n")
    assert site.filenames("demo") + site.filenames("other") == ["demo-1.0-py3-none-any.whl", "other-2.0.tar.gz"]
    assert [event["event"] for event in site.events()] == ["imported", "imported"]
    assert state_of(stock) == before
    assert site.call("verify").code == 0


def test_what_is_imported_is_announced_to_nobody(site: Site, stock: Path) -> None:
    """No receipt, also not by a daemon that starts later; an upload after it gets its own as ever."""
    assert site.call("import", stock).code == 0
    site.put(sdist("fresh"))
    assert site.call("run", "--once").code == 0
    assert [path.name for path in (site.drop / "receipts").iterdir()] == ["fresh-1.0.tar.gz.txt"]
    assert Cursors(site.state, DAEMON).read()["receipts"].cursor == len(site.events()) == 3


def test_what_is_imported_is_not_read_again_at_every_start(site: Site, stock: Path) -> None:
    """The notifiers' cursors stand after the import, so that the next start has nothing to look through."""
    assert site.call("import", stock).code == 0
    assert Cursors(site.state, DAEMON).read()["receipts"].cursor == 2


def test_a_bad_archive_is_refused_with_all_reasons_and_stops_nothing(site: Site, stock: Path) -> None:
    """Judged like an upload: exit status 1, the reason on its own line; no event, and nothing in rejected/."""
    bad = add(stock, ("broken-1.0.tar.gz", b"no archive" * 100))
    done = site.call("import", stock)
    assert (done.code, "2 imported, 0 known, 1 rejected" in done.out) == (1, True)
    assert f"{bad}: rejected\n  [refuse] not-a-gzip: " in done.out
    assert len(site.events()) == 2 and bad.exists()
    assert not any((site.drop / "rejected").iterdir())


def test_rules_of_the_configuration_hold(tmp_path: Path, stock: Path) -> None:
    """What the configuration refuses of uploads it refuses of a stock, too."""
    site = Site(tmp_path / "strict", forbidden_names='["demo"]')
    rows = site.call("import", stock, "--json").rows
    assert {row["file"]: [flaw["code"] for flaw in row["flaws"]] for row in rows[:-1] if row["flaws"]} == {
        str(stock / "demo/demo-1.0-py3-none-any.whl"): ["name-forbidden"]
    }


def test_owners_do_not_bind_the_administrator(tmp_path: Path, stock: Path) -> None:
    """`owners` and `first-uploader-owns` say who may upload; a stock is brought in by the administrator."""
    site = Site(tmp_path / "owned", owners='{ "*" = ["somebody-else"] }', first_uploader_owns="true")
    assert site.call("import", stock).code == 0


def test_a_second_import_finds_everything_known(site: Site, stock: Path) -> None:
    """The same command again: exit status 0, nothing new in the ledger, no page touched."""
    site.call("import", stock)
    before = site.events(), pages_of(site.public)
    done = site.call("import", stock)
    assert (done.code, done.out) == (0, "main: 0 imported, 2 known; 1 other file skipped\n")
    assert (site.events(), pages_of(site.public)) == before


def test_the_file_time_counts_where_it_is_asked_for(site: Site, stock: Path) -> None:
    """--upload-time mtime takes each file's own time; without it, it is the moment of the import."""
    begun = timestamp(time.time())
    site.call("import", stock / "demo")
    site.call("import", stock, "--upload-time", "mtime")
    found = times(site, "demo", "other")
    assert found["other-2.0.tar.gz"] == OLD_TEXT
    assert begun <= found["demo-1.0-py3-none-any.whl"] <= site.events()[0]["at"]


def record_pep_700(data: bytes, filename: str) -> tuple[str, str]:
    """bandersnatch's and other indexes' JSON of today (PEP 691, PEP 700)."""
    file = {"filename": filename, "hashes": {"sha256": sha256(data)}, "upload-time": "2015-03-04T05:06:07Z"}
    return "simple/demo/index.v1_json", json.dumps({"meta": {"api-version": "1.4"}, "name": "demo", "files": [file]})


def record_of_bandersnatch(data: bytes, filename: str) -> tuple[str, str]:
    """bandersnatch's json/PROJECT: PyPI's older JSON."""
    file = {"filename": filename, "digests": {"sha256": sha256(data)}}
    file["upload_time_iso_8601"] = "2015-03-04T05:06:07.000000Z"
    return "web/json/demo", json.dumps({"info": {}, "releases": {"1.0": [file]}, "urls": []})


def record_of_dumb_pypi(data: bytes, filename: str) -> tuple[str, str]:
    """dumb-pypi's pypi/PROJECT/json, which has a time without a zone."""
    file = {"filename": filename, "upload_time": "2015-03-04 05:06:07"}
    return "pypi/demo/json", json.dumps({"info": {}, "releases": {}, "urls": [file]})


def list_of_dumb_pypi(data: bytes, filename: str) -> tuple[str, str]:
    """dumb-pypi's packages.json, one object a line."""
    line = {"filename": filename, "hash": f"sha256={sha256(data)}", "upload_timestamp": 1425445567}
    return "packages.json", json.dumps({"filename": "else-1.0.zip", "hash": "md5=0"}) + "\n" + json.dumps(line) + "\n"


def sha256(data: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


Record = Callable[[bytes, str], tuple[str, str]]


@pytest.mark.parametrize(
    "record", [record_pep_700, record_of_bandersnatch, record_of_dumb_pypi, list_of_dumb_pypi], ids=lambda r: r.__name__
)
def test_upload_times_that_are_recorded_are_kept(site: Site, stock: Path, record: Record) -> None:
    """JSON below DIR that names the file tells its upload-time, whatever --upload-time says of the others."""
    filename, data = wheel("demo", "1.0")
    path, text = record(data, filename)
    (stock / path).parent.mkdir(parents=True, exist_ok=True)
    (stock / path).write_text(text)
    assert site.call("import", stock, "--upload-time", "mtime").code == 0
    assert times(site, "demo", "other") == {filename: EARLIER, "other-2.0.tar.gz": OLD_TEXT}


@pytest.mark.parametrize(
    "wrong",
    [
        {"hashes": {"sha256": "0" * 64}},
        {"upload-time": "2999-01-01T00:00:00Z"},
        {"upload-time": "soon"},
        {"filename": 7},
    ],
)
def test_a_record_that_can_not_be_true_is_not_believed(site: Site, stock: Path, wrong: dict[str, Any]) -> None:
    """Of other bytes, of the future, no time at all: then the file's own time stands."""
    filename, data = wheel("demo", "1.0")
    file = {"filename": filename, "hashes": {"sha256": sha256(data)}, "upload-time": EARLIER, **wrong}
    (stock / "index.json").write_text(json.dumps({"files": [file]}))
    (stock / "deep.json").write_text("[" * 100_000)
    assert site.call("import", stock, "--upload-time", "mtime").code == 0
    assert times(site, "demo")[filename] == OLD_TEXT


def test_a_tree_of_eggwatch_keeps_yanks_and_uploaders(filled: Site, tmp_path: Path) -> None:
    """PUBLIC of another index is a stock: times, yanks with their reasons, and uploaders come along, silently."""
    filled.call("yank", "demo==1.0", "--reason", "broken")
    new = Site(tmp_path / "new")
    assert new.call("import", filled.public).code == 0
    for project in ("demo", "other"):
        assert new.page(project)["files"] == filled.page(project)["files"]
    assert new.call("run", "--once").code == 0
    assert not any((new.drop / "receipts").iterdir())


def test_links_inside_are_met_once_and_links_to_outside_are_followed(site: Site, tmp_path: Path) -> None:
    """dir2pi's tree links to its own files; a pool elsewhere is read through its links, by copying."""
    tree, pool = tmp_path / "tree", tmp_path / "pool"
    real, pooled = add(tree, wheel("demo", "1.0")), add(pool, sdist("other", "2.0"))
    (tree / "simple/demo").mkdir(parents=True)
    (tree / "simple/demo" / real.name).symlink_to(f"../../{real.name}")
    (tree / pooled.name).symlink_to(pooled)
    (tree / "loop").symlink_to(tree)
    row = site.call("import", tree, "--move", "--json").rows[-1]
    assert (row["imported"], row["known"], row["copied"]) == (2, 0, 1)
    assert (tree / pooled.name).exists() and not real.exists()


def test_a_folder_that_can_not_be_read_is_told_and_passed_by(
    site: Site, stock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lost+found at the top of a disk, for an ordinary account: the rest comes in, exit status 1."""
    closed = stock / "lost+found"
    closed.mkdir()
    scandir = os.scandir

    def refusing(path: Any = ".") -> Any:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    done = site.call("import", stock)
    assert done.code == 1
    assert "lost+found" in done.out + done.err and "can't be read" in done.out + done.err
    assert site.call("list").out


def test_nothing_is_imported_while_a_record_of_upload_times_can_not_be_read(
    site: Site, stock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would be the time of the import, for ever."""
    record, opened = stock / "packages.json", Path.open
    record.write_text("{}")

    def refusing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == record:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    done = site.call("import", stock)
    monkeypatch.undo()
    assert (done.code, f"{record} can't be read, and may record upload times" in done.err) == (2, True), done
    assert site.call("list").out == ""
    assert site.call("import", stock).code == 0


def test_what_can_not_be_an_archive_is_told_one_by_one(site: Site, stock: Path) -> None:
    """A loop, a link to nowhere, a FIFO and a folder, called like wheels: exit status 1, and the rest comes in."""
    names = {key: f"{key}-1.0-py3-none-any.whl" for key in ("loop", "nowhere", "fifo", "folder", "linked")}
    (stock / names["loop"]).symlink_to(names["loop"])
    (stock / names["nowhere"]).symlink_to("absent")
    os.mkfifo(stock / names["fifo"])
    add(stock, sdist("inside"), names["folder"])
    (stock / names["linked"]).symlink_to("demo")
    (stock / "notes").symlink_to("notes")
    done = site.call("import", stock)
    assert done.code == 1 and "main: 3 imported, 0 known, 5 failed; 2 other files" in done.out
    for key, why in {
        "loop": "leads nowhere: Too many levels",
        "nowhere": "leads nowhere: No such",
        "fifo": "it is no file",
        "folder": "it is a folder",
        "linked": "a link to something that is no file",
    }.items():
        assert any(names[key] in line and why in line for line in done.out.splitlines()), key


def test_an_entry_that_can_not_be_looked_at_stops_nothing(
    site: Site, stock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken directory entry, or a share that went away: it is told, and the rest comes in."""
    broken = add(stock, wheel("broken"))

    def failing(path: Path, mode: int, *rest: Any) -> Any:
        if path == broken:
            raise OSError(5, "Input/output error", str(path))
        return looked_at(path, mode, *rest)

    looked_at = stock_module._look_at
    monkeypatch.setattr(stock_module, "_look_at", failing)
    done = site.call("import", stock)
    assert (done.code, "2 imported" in done.out) == (1, True)
    assert f"{broken}: failed: can't be read: Input/output error" in done.out


def test_beside_a_daemon_it_is_3(site: Site, stock: Path) -> None:
    """The lock is needed: a daemon is named, and nothing is touched."""
    with site.daemon():
        done = site.call("import", stock)
    assert (done.code, "is using this index" in done.err) == (3, True)
    assert site.events() == []


@pytest.mark.parametrize("folder", ["drop", "public/files", ""])
def test_a_folder_of_the_index_is_no_stock(site: Site, folder: str) -> None:
    """DIR inside one of the three folders, or around them: exit status 2."""
    site.call("run", "--once")
    done = site.call("import", site.base / folder, "--move")
    assert (done.code, "must not contain one another" in done.err) == (2, True)


def test_in_a_pipe_there_is_no_progress(site: Site, stock: Path) -> None:
    """Standard error stays empty when it is no terminal."""
    assert site.run("import", stock).err == ""


def test_on_a_terminal_there_is_a_bar(site: Site, stock: Path) -> None:
    """A person sees how far it has come."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "eggwatch", "import", str(stock)]
    subprocess.run(command, cwd=site.base, stderr=slave, stdout=subprocess.PIPE, env=clean_environment({}), check=True)
    os.close(slave)
    fcntl.fcntl(master, fcntl.F_SETFL, os.O_NONBLOCK)
    assert b"of 2, " in os.read(master, 100_000)
    os.close(master)


@pytest.mark.long
def test_a_crowd_in_the_drop_is_told_of_import(site: Site) -> None:
    """Many hundred files at the first look: a warning that names the better way. Fewer: none."""
    for number in range(500):
        (site.drop / f"stock-{number}.tar.gz").write_bytes(b"x")
    done = site.run("run", "--once")
    assert done.err.count("'eggwatch import DIR'") == 1
