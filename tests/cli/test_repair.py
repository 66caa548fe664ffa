"""eggwatch repair: pages are rendered again, a rotten archive is quarantined, and nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from eggwatch.store import durable
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site
from tests.laws.at_work import pages_of
from tests.once import mostly_long

ROTTEN = b"rotten" * 10


def rot(site: Site, name: str = "demo/demo-1.0.tar.gz") -> Path:
    """The bytes of an archive change, as a disk may do it."""
    path = site.public / "files" / name
    path.chmod(0o644)
    path.write_bytes(ROTTEN)
    return path


def aside(site: Site) -> list[bytes]:
    """What lies in quarantine."""
    return [path.read_bytes() for path in sorted((site.public / ".eggwatch/quarantine").glob("*"))]


def test_a_sound_index_is_left_alone(filled: Site) -> None:
    """Nothing to mend: exit status 0, and neither ledger nor page is touched; a daemon may run."""
    before = (filled.state / "ledger.jsonl").read_bytes(), pages_of(filled.public)
    with filled.daemon():
        done = filled.call("repair")
    assert (done.code, done.out) == (0, "main: sound\n")
    assert ((filled.state / "ledger.jsonl").read_bytes(), pages_of(filled.public)) == before


@pytest.mark.parametrize(
    "page", ["simple/demo/index.v1_json", "simple/demo/index.html.gz", "simple/index.v1_json", "index.html"]
)
@pytest.mark.parametrize("lost", mostly_long((False, True)))
def test_altered_and_missing_pages_are_rendered_again(filled: Site, page: str, lost: bool) -> None:
    """Every page is as it was; the others keep their inode."""
    before = pages_of(filled.public)
    inodes = {path: (filled.public / path).stat().st_ino for path in before}
    (filled.public / page).unlink()
    if not lost:
        (filled.public / page).write_bytes(b"defaced")
    done = filled.call("repair")
    assert (done.code, f"{filled.public / page}: " in done.out) == (0, True)
    assert pages_of(filled.public) == before
    changed = {path for path, inode in inodes.items() if (filled.public / path).stat().st_ino != inode}
    assert changed <= {page}
    assert filled.call("verify").code == 0


def test_a_rotten_archive_leaves_the_pages_and_is_kept_aside(filled: Site) -> None:
    """Event `quarantined`; the page lists the rest; the bytes lie where the answer says; `verify` is content."""
    path = rot(filled)
    assert "eggwatch repair" in filled.call("verify").out
    done = filled.call("repair")
    assert done.code == 0 and f"{path}: its sha256 is" in done.out and "/.eggwatch/quarantine/" in done.out
    assert filled.filenames("demo") == ["demo-1.0-py3-none-any.whl", "demo-2.0.tar.gz"]
    last = filled.events()[-1]
    assert (last["event"], last["filename"], last["actor"]) == ("quarantined", "demo-1.0.tar.gz", "eggwatch repair")
    assert (path.exists(), aside(filled)) == (False, [ROTTEN])
    assert filled.call("verify").code == 0
    assert filled.call("run", "--once").code in (0, 1)
    assert aside(filled) == [ROTTEN]


def test_the_same_bytes_dropped_again_restore_it(filled: Site) -> None:
    """With the upload-time that it had, and yanked if it was; other bytes are refused, as ever."""
    filled.call("yank", "demo==1.0", "--reason", "insecure")
    before = {file["filename"]: file for file in filled.page("demo")["files"]}
    rot(filled)
    filled.call("repair")
    filled.put((sdist("demo", "1.0")[0], sdist("demo", "1.0", files={"other.py": b""})[1]))
    assert filled.call("run", "--once").code == 1
    filled.put(sdist("demo", "1.0"))
    filled.call("run", "--once")
    assert {file["filename"]: file for file in filled.page("demo")["files"]} == before
    assert filled.call("verify").code == 0


def test_a_backup_brings_the_sound_bytes_back(filled: Site, tmp_path: Path) -> None:
    """`import` from a backup's folder restores what was quarantined; what is in the backup is not forgotten."""
    before = {file["filename"]: file for file in filled.page("demo")["files"]}
    filled.call("backup", tmp_path / "kept")
    rot(filled)
    filled.call("repair")
    filled.call("backup", tmp_path / "kept")
    assert filled.call("import", tmp_path / "kept/public/files").code == 0
    after = {file["filename"]: file for file in filled.page("demo")["files"]}
    assert after.keys() == before.keys()
    assert [file["upload-time"] for file in after.values()] == [file["upload-time"] for file in before.values()]


def test_a_rotten_wheel_takes_its_metadata_along(filled: Site) -> None:
    """No `.metadata` stays behind without its wheel; both return with the bytes."""
    rot(filled, "demo/demo-1.0-py3-none-any.whl")
    assert filled.call("repair").code == 0
    assert not list(filled.public.rglob("demo-1.0-py3-none-any.whl*"))
    filled.put(wheel("demo", "1.0"))
    filled.call("run", "--once")
    assert filled.call("verify").code == 0 and len(list(filled.public.rglob("demo-1.0-py3-none-any.whl*"))) == 2


@pytest.mark.parametrize("content", [None, b"altered"])
def test_metadata_is_taken_out_of_the_wheel_again(filled: Site, content: bytes | None) -> None:
    """Missing or altered, it is the wheel's METADATA again, byte for byte."""
    path = filled.public / "files/demo/demo-1.0-py3-none-any.whl.metadata"
    before = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert filled.call("repair").code == 0
    assert path.read_bytes() == before and filled.call("verify").code == 0


def test_what_can_not_be_mended_keeps_nothing_else_from_it(filled: Site) -> None:
    """A folder lies in place of a wheel's metadata: it is left, and pages and rotten archives are mended."""
    path = filled.public / "files/demo/demo-1.0-py3-none-any.whl.metadata"
    path.unlink()
    path.mkdir()
    (filled.public / "simple/other/index.html").write_bytes(b"defaced")
    rot(filled)
    done = filled.call("repair")
    assert done.code == 1 and f"{path}: can't be read: Is a directory\n  can't be repaired: Is a directory" in done.out
    assert b"defaced" not in (filled.public / "simple/other/index.html").read_bytes()
    assert filled.filenames("demo") == ["demo-1.0-py3-none-any.whl", "demo-2.0.tar.gz"] and aside(filled) == [ROTTEN]
    path.rmdir()
    assert filled.call("repair").code == 0 and filled.call("verify").code == 0


def test_what_is_missing_is_never_taken_for_removed(filled: Site) -> None:
    """Exit status 1, no event, no page changes, and the remedy is a backup."""
    (filled.public / "files/demo/demo-1.0.tar.gz").unlink()
    before = filled.events(), pages_of(filled.public)
    done = filled.call("repair")
    assert (done.code, "is to be fixed by hand: Restore the file from a backup" in done.out) == (1, True)
    assert (filled.events(), pages_of(filled.public)) == before


def test_over_an_unmounted_disk_nothing_is_mended(filled: Site) -> None:
    """All of files/ is gone: exit status 2, and nothing is touched."""
    shutil.move(filled.public / "files", filled.base / "elsewhere")
    before = filled.events(), pages_of(filled.public)
    done = filled.call("repair")
    assert (done.code, "Mount its disk" in done.err) == (2, True)
    assert (filled.events(), pages_of(filled.public)) == before


def test_a_dry_run_only_tells(filled: Site) -> None:
    """Exit status 1, what would be done, and nothing is touched; with --json for scripts."""
    path = rot(filled)
    (filled.public / "index.html").write_bytes(b"defaced")
    before = filled.events(), pages_of(filled.public)
    row = filled.call("repair", "--dry-run", "--json").row
    assert {(one["sort"], one["what"], one["done"]) for one in row["findings"]} == {
        ("rotten", "quarantine", True),
        ("page", "render again", True),
    }
    assert "would quarantine" in filled.call("repair", "--dry-run").out
    assert ((filled.events(), pages_of(filled.public)), path.read_bytes()) == (before, ROTTEN)


def test_beside_a_daemon_a_repair_with_work_to_do_is_3(filled: Site) -> None:
    """Only one may write: the daemon is named."""
    with filled.daemon():
        rot(filled)
        done = filled.call("repair")
    assert (done.code, "is using this index" in done.err) == (3, True)


def test_a_damaged_ledger_is_for_rebuild(filled: Site) -> None:
    """Nothing is mended over a ledger that can't be trusted: exit status 2, and the remedy."""
    path = filled.state / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"size":', b'"size":1', 1))
    done = filled.call("repair")
    assert (done.code, "eggwatch rebuild" in done.err) == (2, True)


class Killed(BaseException):
    """Stands in for SIGKILL."""


@pytest.mark.long
def test_a_repair_killed_at_any_step_is_finished_by_the_next_round(filled: Site, tmp_path: Path) -> None:
    """Whenever it ends: the rotten bytes are kept once, the event is there once, and the index is sound."""
    moment = kills = 0
    while True:
        site = Site(tmp_path / str(moment))
        for name in ("public", "state"):
            shutil.copytree(filled.base / name, site.base / name, dirs_exist_ok=True)
        site.call("run", "--once")
        path, left = rot(site), [moment]

        def kill(operation: str, subject: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed(f"{operation} {subject}")

        try:
            with durable.observed(kill):
                site.call("repair")
        except Killed:
            kills += 1
        else:
            if moment:
                break
        site.call("repair")
        site.call("run", "--once")
        assert not path.exists() and aside(site) == [ROTTEN]
        assert [event["event"] for event in site.events()].count("quarantined") == 1
        assert site.call("verify").code == 0
        moment += 3
    assert kills > 8
