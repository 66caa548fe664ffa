"""eggwatch backup, and the drill: the index on another machine, with other paths and another account."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from eggwatch.store.state.cursors import DAEMON, Cursors
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site, run_as_nobody
from tests.laws.at_work import pages_of, quick_folder, unpacked


def restore(backup: Path, site: Site) -> None:
    """What the documentation says: copy both folders to where they belong."""
    for name, folder in (("public", site.public), ("state", site.state)):
        shutil.copytree(backup / name, folder, dirs_exist_ok=True)


def project_pages(site: Site) -> dict[str, bytes]:
    """Every page of a project, and the root; compressed ones unpacked. (The landing page names the drop folder.)"""
    pages = unpacked(pages_of(site.public))
    return {path: data for path, data in pages.items() if path.startswith(("simple/", "project/", "pypi/"))}


def cursor(site: Site) -> int:
    """Up to which serial receipts were written."""
    return Cursors(site.state, DAEMON).read()["receipts"].cursor


def test_a_backup_restored_elsewhere_shows_the_same_pages(filled: Site, tmp_path: Path) -> None:
    """Other paths, an empty drop: after the first start all pages are equal, and nobody is told anything again."""
    filled.call("yank", "demo==1.0", "--reason", "broken")
    assert filled.call("remove", "other").code == 0
    done = filled.call("backup", tmp_path / "kept")
    assert (done.code, done.out) == (0, "main: 3 files up to serial 8; 3 were new\n")
    new = Site(tmp_path / "elsewhere")
    restore(tmp_path / "kept", new)
    assert new.call("run", "--once").code == 0
    assert project_pages(new) == project_pages(filled)
    assert new.call("verify").code == 0
    assert not any((new.drop / "receipts").iterdir()) and cursor(new) == cursor(filled)


@pytest.mark.root
def test_a_backup_restored_by_another_account_is_sound(filled: Site, tmp_path: Path) -> None:
    """Another uid on the new machine: after a chown the index opens, is sound, and shows the same pages."""
    filled.call("backup", tmp_path / "kept")
    with quick_folder() as base:
        base.chmod(0o755)
        new = Site(base)
        restore(tmp_path / "kept", new)
        subprocess.run(["chown", "-R", "65534:65534", new.base], check=True)
        once, verified, listed = run_as_nobody(new, ["run", "--once"], ["verify"], ["list", "demo"])
        assert (once.code, verified.code, listed.code) == (0, 0, 0), once.err + verified.out
        assert project_pages(new) == project_pages(filled)


def test_the_second_backup_copies_only_what_is_new(filled: Site, tmp_path: Path) -> None:
    """Archives never change: those that are kept already are neither read nor written again."""
    filled.call("backup", tmp_path / "kept")
    inodes = {path: path.stat().st_ino for path in (tmp_path / "kept/public").rglob("*") if path.is_file()}
    filled.put(wheel("fresh"))
    filled.call("run", "--once")
    row = filled.call("backup", tmp_path / "kept", "--json").row
    assert (row["files"], row["copied"], row["serial"], row["damaged"]) == (5, 1, 6, [])
    assert {path: path.stat().st_ino for path in inodes} == inodes
    assert (tmp_path / "kept/state/ledger.jsonl").read_bytes() == (filled.state / "ledger.jsonl").read_bytes()


def test_what_was_removed_leaves_the_backup_too(filled: Site, tmp_path: Path) -> None:
    """A file that contained a password is not kept for ever."""
    filled.call("backup", tmp_path / "kept")
    assert list((tmp_path / "kept").rglob("other-1.0.tar.gz"))
    filled.call("remove", "other")
    row = filled.call("backup", tmp_path / "kept", "--json").row
    assert (row["files"], row["forgotten"]) == (3, 1)
    assert not list((tmp_path / "kept").rglob("other-1.0.tar.gz"))


def test_a_backup_beside_a_busy_daemon_is_whole(site: Site, tmp_path: Path) -> None:
    """Made while uploads come in and go: what is restored from it is sound, whatever was under way."""
    kept = tmp_path / "kept"
    with site.daemon():
        site.put(sdist("early"))
        site.call("wait", "early")
        for number in range(12):
            site.put(wheel("busy", f"1.{number}"))
            assert site.call("backup", kept).code == 0
    new = Site(tmp_path / "elsewhere")
    restore(kept, new)
    assert new.call("run", "--once").code == 0
    assert new.call("verify").code == 0
    assert set(new.filenames("busy")) <= set(site.filenames("busy")) and new.filenames("early")


def test_an_older_ledger_over_newer_files_loses_and_repeats_nothing(filled: Site, tmp_path: Path) -> None:
    """STATE from a backup beside a PUBLIC that went on: `run` refuses; after `rebuild` all is as it was."""
    filled.call("backup", tmp_path / "kept")
    filled.put(wheel("fresh"))
    filled.call("run", "--once")
    before = {file["filename"]: file for p in ("demo", "other", "fresh") for file in filled.page(p)["files"]}
    for receipt in (filled.drop / "receipts").iterdir():
        receipt.unlink()
    shutil.rmtree(filled.state)
    shutil.copytree(tmp_path / "kept/state", filled.state)
    assert filled.call("run", "--once").code == 2
    assert filled.call("rebuild").code == 0
    assert {file["filename"]: file for p in ("demo", "other", "fresh") for file in filled.page(p)["files"]} == before
    assert [event["event"] for event in filled.events()][-1] == "imported"
    assert filled.call("run", "--once").code == 0
    assert not any((filled.drop / "receipts").iterdir())


def test_after_rebuild_nothing_is_told_again(filled: Site) -> None:
    """The cursors outlive the catalog that `rebuild` sets aside."""
    for receipt in (filled.drop / "receipts").iterdir():
        receipt.unlink()
    assert filled.call("rebuild").code == 0
    assert filled.call("run", "--once").code == 0
    assert not any((filled.drop / "receipts").iterdir())


def test_a_rotten_archive_is_told_and_does_not_overwrite_its_sound_copy(filled: Site, tmp_path: Path) -> None:
    """Hashes are compared on the way: what is not what it was is not kept, exit status 1; the rest is."""
    path = filled.public / "files/demo/demo-1.0.tar.gz"
    path.chmod(0o644)
    path.write_bytes(b"rotten")
    done = filled.call("backup", tmp_path / "kept")
    assert (done.code, f"not backed up: {path}: its sha256 is " in done.out) == (1, True)
    assert sorted(p.name for p in (tmp_path / "kept").rglob("*.tar.gz")) == ["demo-2.0.tar.gz", "other-1.0.tar.gz"]


def test_a_folder_that_holds_something_else_is_2(filled: Site, tmp_path: Path) -> None:
    """No folder but an empty one, or a backup of this very index, is written to; nor one inside the index."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter").write_text("dear")
    assert filled.call("backup", tmp_path / "home").code == 2
    assert filled.call("backup", filled.public / "kept").code == 2
    filled.call("backup", tmp_path / "kept")
    other = Site(tmp_path / "other")
    other.put(sdist("alien"))
    other.call("run", "--once")
    before = (tmp_path / "kept/state/ledger.jsonl").read_bytes()
    done = other.call("backup", tmp_path / "kept")
    assert (done.code, "another index" in done.err) == (2, True)
    assert (tmp_path / "kept/state/ledger.jsonl").read_bytes() == before


def test_a_folder_of_another_index_is_2(filled: Site, tmp_path: Path) -> None:
    """All indexes of the configuration count: neither in their folders nor around them."""
    other = {name: tmp_path / "second" / name for name in ("drop", "public", "state")}
    lines = "".join(f'{name} = "{folder}"\n' for name, folder in other.items())
    filled.write_config(f"{filled.config.read_text()}[index.second]\n{lines}")
    for folder in (*other.values(), tmp_path / "second", other["public"] / "files/kept"):
        done = filled.call("backup", folder, "--index", "main")
        assert (done.code, "must not contain one another" in done.err) == (2, True)
        assert not folder.exists()


@pytest.mark.parametrize("harm", [b"", b"Metadata-Version: 2.1\n"])
def test_metadata_that_a_power_cut_has_torn_is_mended(filled: Site, tmp_path: Path, harm: bytes) -> None:
    """It is small, so it is hashed every time."""
    filled.call("backup", tmp_path / "kept")
    path = tmp_path / "kept/public/files/demo/demo-1.0-py3-none-any.whl.metadata"
    path.chmod(0o644)
    path.write_bytes(harm)
    assert filled.call("backup", tmp_path / "kept").code == 0
    assert path.read_bytes() == (filled.public / "files/demo/demo-1.0-py3-none-any.whl.metadata").read_bytes()


def test_a_backup_that_was_interrupted_goes_on(filled: Site, tmp_path: Path) -> None:
    """A torn line in the backup's ledger and a half copied file: the next run makes it whole."""
    kept = tmp_path / "kept"
    filled.call("backup", kept)
    ledger = kept / "state/ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-40])
    (kept / "new/0").write_bytes(b"half")
    (kept / "public/files/demo/demo-2.0.tar.gz").unlink()
    assert filled.call("backup", kept).code == 0
    assert ledger.read_bytes() == (filled.state / "ledger.jsonl").read_bytes()
    assert json.loads((kept / "eggwatch-backup.json").read_bytes())["serial"] == 5
    new = Site(tmp_path / "elsewhere")
    restore(kept, new)
    assert new.call("run", "--once").code == 0 and new.call("verify").code == 0
