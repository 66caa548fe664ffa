"""A drop folder that is missing, comes back or is replaced: a reported fault, and nothing is forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.laws.at_work import snapshot
from tests.running import until

ONE, TWO = sdist("demo", "1.0"), sdist("demo", "2.0")


def test_a_missing_drop_folder_is_a_reported_fault_and_not_created(tmp_path: Path) -> None:
    """With a configuration a missing drop folder (an unmounted disk) is told, never made, and no page suffers."""
    site = Site(tmp_path)
    site.put(ONE)
    assert site.run("run", "--once").code == 0
    before = snapshot(site.public)
    shutil.rmtree(site.drop)
    done = site.run("run", "--once")
    assert done.code != 0
    assert str(site.drop) in done.out
    assert site.run("status").code == 1
    assert str(site.drop) in site.run("status").out
    assert not site.drop.exists()
    assert snapshot(site.public) == before


def test_a_daemon_takes_up_a_drop_folder_that_appears(tmp_path: Path) -> None:
    """The drop folder is missing at start, is reported, and is watched as soon as it is there."""
    site = Site(tmp_path, scan='"200ms"')
    site.drop.rmdir()
    with site.daemon():
        until("the fault", lambda: "drop" in site.call("status", "--json").row["faults"])
        assert not site.drop.exists()
        site.drop.mkdir()
        site.put(ONE)
        until("the page", lambda: site.filenames("demo"))
        until("no fault", lambda: site.call("status").code == 0)


def test_a_drop_folder_replaced_while_the_daemon_runs_is_watched_anew(tmp_path: Path) -> None:
    """Another folder is moved to the drop's path: what it holds and what comes later is published."""
    site = Site(tmp_path, scan='"200ms"')
    with site.daemon():
        other = tmp_path / "other"
        other.mkdir()
        (other / ONE[0]).write_bytes(ONE[1])
        site.drop.rename(tmp_path / "old")
        other.rename(site.drop)
        until("what it holds", lambda: ONE[0] in site.filenames("demo"))
        site.put(TWO)
        until("what comes later", lambda: TWO[0] in site.filenames("demo"))
        until("an empty drop", lambda: not list(site.drop.glob("*.tar.gz")))


def test_uploads_in_a_vanished_drop_folder_are_not_forgotten(tmp_path: Path) -> None:
    """The drop folder vanishes and returns with its files: nothing is published twice, nothing is lost."""
    site = Site(tmp_path, scan='"200ms"')
    with site.daemon():
        site.put(ONE)
        until("the page", lambda: ONE[0] in site.filenames("demo"))
        site.drop.rename(tmp_path / "away")
        until("the fault", lambda: "drop" in site.call("status", "--json").row["faults"])
        (tmp_path / "away" / TWO[0]).write_bytes(TWO[1])
        (tmp_path / "away").rename(site.drop)
        until("what it holds", lambda: TWO[0] in site.filenames("demo"))
    assert [event["event"] for event in site.events()] == ["admitted", "admitted"]
