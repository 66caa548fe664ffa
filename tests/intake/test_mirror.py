"""intake = "mirror": what lies in the drop folder is what is published; what was deleted leaves, and nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from eggwatch.intake.mirror import Mirror
from eggwatch.model.queue import Fate
from eggwatch.store.drop.folder import Drop, Found
from eggwatch.store.state.catalog import Original
from tests.archive_factory import sdist, wheel
from tests.cli.conftest import BROKEN
from tests.cli.program import Site
from tests.running import until

FIRST, SECOND = wheel("demo", "1.0"), wheel("demo", "2.0")


def mirror(tmp_path: Path, *archives: tuple[str, bytes], removed_after: str = "0s", **more: str) -> Site:
    """An index whose drop folder is a mirror and holds these archives; what is missing in one scan was deleted."""
    site = Site(tmp_path, intake='"mirror"', removed_after=f'"{removed_after}"', scan='"200ms"', **more)
    for archive in archives:
        site.put(archive)
    return site


def names_in(site: Site) -> list[str]:
    """All that lies in the drop folder."""
    return sorted(str(path.relative_to(site.drop)) for path in site.drop.rglob("*") if path.is_file())


def shows(site: Site, *archives: tuple[str, bytes]) -> Callable[[], bool]:
    """Whether the page of demo has exactly these files."""
    return lambda: site.filenames("demo") == [name for name, _ in archives]


def test_files_stay_and_one_that_is_deleted_leaves_the_index_with_an_event(tmp_path: Path) -> None:
    """The folder holds nothing but what was put there: answers lie below STATE."""
    site = mirror(tmp_path, FIRST, SECOND, BROKEN)
    with site.daemon():
        until("both", shows(site, FIRST, SECOND))
        assert names_in(site) == sorted([FIRST[0], SECOND[0], BROKEN[0]])
        assert [path.name for path in site.drop.iterdir() if path.is_dir()] == []
        assert (site.state / "answers" / "rejected" / f"{BROKEN[0]}.reason.txt").exists()
        (site.drop / FIRST[0]).unlink()
        until("the second alone", shows(site, SECOND))
        assert site.call("history", "demo").code in (0, 2)
    removed = next(event for event in site.events() if event["event"] == "removed")
    assert (removed["filename"], removed["actor"], removed["reason"]) == (
        FIRST[0],
        "mirror",
        "deleted from the drop folder",
    )
    assert len([event for event in site.events() if event["event"] == "rejected"]) == 1
    assert site.call("verify").code == 0


def test_what_was_deleted_while_no_daemon_ran_leaves_and_what_comes_back_is_published_again(tmp_path: Path) -> None:
    """With its first upload-time."""
    site = mirror(tmp_path, FIRST, SECOND)
    with site.daemon():
        until("both", shows(site, FIRST, SECOND))
    before = site.page("demo")["files"][0]["upload-time"]
    (site.drop / FIRST[0]).unlink()
    with site.daemon():
        until("the second alone", shows(site, SECOND))
        site.put(FIRST)
        until("both again", shows(site, FIRST, SECOND))
    assert site.page("demo")["files"][0]["upload-time"] == before


def test_nothing_is_removed_while_the_folder_is_empty_or_missing(tmp_path: Path) -> None:
    """As where its disk is not mounted; the fault says so, and ends with it."""
    site = mirror(tmp_path, FIRST, SECOND)
    with site.daemon() as daemon:
        until("both", shows(site, FIRST, SECOND))
        for name in (FIRST[0], SECOND[0]):
            (site.drop / name).rename(tmp_path / name)
        daemon.wait_for("holds no archive any more; nothing is removed")
        site.drop.rmdir()
        daemon.wait_for("sight    The drop folder .* can't be opened")
        assert site.filenames("demo") == [FIRST[0], SECOND[0]]
        site.drop.mkdir()
        (tmp_path / SECOND[0]).rename(site.drop / SECOND[0])
        until("what is really gone is removed", shows(site, SECOND))


def test_a_copy_in_another_folder_keeps_a_file_in_the_index(tmp_path: Path) -> None:
    """Also one that was moved there."""
    site = mirror(tmp_path, FIRST, SECOND)
    with site.daemon():
        until("both", shows(site, FIRST, SECOND))
        (site.drop / "old").mkdir()
        (site.drop / FIRST[0]).rename(site.drop / "old" / FIRST[0])
        (site.drop / SECOND[0]).unlink()
        until("the moved one alone", shows(site, FIRST))
        assert [event["filename"] for event in site.events() if event["event"] == "removed"] == [SECOND[0]]


def test_other_bytes_under_a_published_name_are_rejected_and_the_first_stay(tmp_path: Path) -> None:
    """Also when the file is deleted then: nobody has deleted what is published."""
    site = mirror(tmp_path, FIRST, SECOND)
    other = (FIRST[0], wheel("demo", "1.0", files={"demo.py": b"other"})[1])
    with site.daemon():
        until("both", shows(site, FIRST, SECOND))
        site.put(other)
        until("the rejection", lambda: site.events()[-1]["event"] == "rejected")
        (site.drop / FIRST[0]).unlink()
        (site.drop / SECOND[0]).unlink()
        site.put(sdist("demo", "3.0"))
        until("the deleted one left", lambda: SECOND[0] not in site.filenames("demo"))
        assert FIRST[0] in site.filenames("demo")


def test_a_removal_by_hand_holds_while_the_file_lies_there(tmp_path: Path) -> None:
    site = mirror(tmp_path, FIRST, SECOND)
    with site.daemon():
        until("both", shows(site, FIRST, SECOND))
        assert site.call("remove", FIRST[0]).code == 0
        (site.drop / SECOND[0]).unlink()
        until("neither", shows(site))
        assert names_in(site) == [FIRST[0]]


def test_a_file_must_be_gone_for_as_long_as_is_configured(tmp_path: Path) -> None:
    """In an hour nothing has left; a status of the daemon does not list what stays as waiting."""
    site = mirror(tmp_path, FIRST, SECOND, removed_after="1h")
    with site.daemon():
        until("both", shows(site, FIRST, SECOND))
        until("what stays is not listed", lambda: site.call("status", "--json").row["waiting"] == [])
        (site.drop / FIRST[0]).unlink()
        site.put(wheel("other", "1.0"))
        until("the next", lambda: site.filenames("other"))
        assert shows(site, FIRST, SECOND)()
    assert site.call("status", "--json").row["waiting"] == []
    assert FIRST[0] in site.filenames("demo")


def test_of_a_mirror_that_becomes_a_drop_folder_again_the_files_leave(tmp_path: Path) -> None:
    site = mirror(tmp_path, FIRST)
    with site.daemon():
        until("it", shows(site, FIRST))
    site.settings["intake"] = '"drop"'
    site.write_config()
    with site.daemon():
        until("an empty folder", lambda: FIRST[0] not in names_in(site))
    assert site.filenames("demo") == [FIRST[0]]


def test_a_file_that_is_there_and_can_not_be_looked_at_was_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad block, a stale handle, or a folder that may be listed and not entered; nor was one that is a link now."""
    for name in ("demo-1.0.tar.gz", "demo-2.0.tar.gz", "demo-3.0.tar.gz"):
        (tmp_path / name).touch()
    drop, mirror = Drop(tmp_path, ("sdist",)), Mirror(tmp_path, 0.0)
    known = {found.path: _kept(found) for found in drop.scan().uploads}
    del known["demo-3.0.tar.gz"]
    stat = os.stat

    def fails(path: str, **options: object) -> os.stat_result:
        if path == "demo-1.0.tar.gz":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return stat(path, **options)  # type: ignore[arg-type]

    (tmp_path / "demo-2.0.tar.gz").unlink()
    (tmp_path / "demo-2.0.tar.gz").symlink_to("demo-3.0.tar.gz")
    monkeypatch.setattr(os, "stat", fails)
    survey = drop.scan()
    monkeypatch.undo()
    assert mirror.deleted(known, survey, now=1.0) == []
    (tmp_path / "demo-2.0.tar.gz").unlink()
    (tmp_path / "demo-1.0.tar.gz").unlink()
    assert mirror.deleted(known, drop.scan(), now=2.0) == sorted(known), "but now"


def _kept(found: Found) -> Original:
    return Original(path=found.path, identity=found.identity, sha256="", serial=1, fate=Fate.KEPT, reason=None)


@pytest.mark.root
def test_nothing_is_removed_of_a_disk_below_the_folder_that_is_unmounted(tmp_path: Path) -> None:
    """Another file that is deleted leaves meanwhile, so scans have seen that all of them are gone."""
    site = mirror(tmp_path, FIRST, SECOND, wheel("other", "1.0"))
    disk = site.drop / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    try:
        shutil.move(site.drop / FIRST[0], disk / FIRST[0])
        with site.daemon():
            until("both", shows(site, FIRST, SECOND))
            subprocess.run(["umount", "-l", disk], check=True)
            (site.drop / SECOND[0]).unlink()
            until("the deleted one left", shows(site, FIRST))
    finally:
        subprocess.run(["umount", "-l", disk], check=False, stderr=subprocess.DEVNULL)
