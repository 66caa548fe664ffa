"""The daemon outlives what goes wrong with its disks and its processes, also while it is reloaded."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
from pathlib import Path
from unittest import mock

import pytest

from eggwatch.config.loading import load
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.service import courier_process
from eggwatch.service.courier_process import CourierProcess
from eggwatch.service.index_runner import IndexRunner
from eggwatch.service.watcher import Bell
from eggwatch.store import durable
from tests.archive_factory import sdist
from tests.cli.program import Site, clean_environment
from tests.running import Daemon, until

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

FILLS = """
import errno, os, sys
from eggwatch.cli import main
from eggwatch.pipeline.pipeline import Pipeline

finish = Pipeline.finish

def fails(pipeline, **options):
    if os.path.exists("the-disk-is-full"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finish(pipeline, **options)

Pipeline.finish = fails
sys.argv[1:] = ["run"]
main()
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty index with a configuration."""
    return Site(tmp_path / "index")


def runner_of(site: Site) -> IndexRunner:
    """The index of a site, not open yet."""
    return IndexRunner(load(site.config).indexes["main"], Bell(), lambda: None)


def test_a_reload_on_a_full_disk_does_not_end_the_daemon(site: Site) -> None:
    """Front pages that wait for room can't be finished then; the index is opened again as after a crash."""
    full = site.base / "the-disk-is-full"
    with Daemon([sys.executable, "-c", FILLS], cwd=site.base, env=clean_environment({})) as daemon:
        full.touch()
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_for("could not stop cleanly")
        daemon.wait_for("reload: the configuration was read again")
        full.unlink()
        site.put(sdist())
        until("uploads go on", lambda: site.filenames("demo"))


def test_an_index_that_can_not_be_finished_is_let_go(site: Site) -> None:
    """Else its own process would hold the lock until it ends."""
    runner = runner_of(site)
    runner.open()
    with mock.patch.object(Pipeline, "finish", side_effect=FULL), pytest.raises(OSError, match="No space left"):
        runner.close()
    again = runner_of(site)
    again.open()
    again.close()


def test_a_reload_makes_no_new_index_where_the_disk_of_the_old_one_is_gone(site: Site) -> None:
    """What was there since the daemon has started is missed, as without a reload; it comes back with its disk."""
    site.put(sdist())
    with site.daemon() as daemon:
        until("published", lambda: site.filenames("demo"))
        for folder in (site.public, site.state):
            folder.rename(site.base / f"{folder.name}-on-its-disk")
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_for("read again")
        until("an answer", lambda: "Is its disk mounted?" in daemon.log or (site.state / "ledger.jsonl").exists())
        assert not site.state.exists()
        assert not (site.public / "files").exists()
        for folder in (site.public, site.state):
            (site.base / f"{folder.name}-on-its-disk").rename(folder)
        site.put(sdist("other"))
        until("uploads go on", lambda: site.filenames("other"))
    assert site.filenames("demo")


def test_a_damaged_catalog_on_a_disk_that_has_become_read_only_ends_nothing(site: Site) -> None:
    """A kernel mounts a damaged file system so; other indexes, on other disks, go on."""

    def read_only(operation: str, _: str) -> None:
        if operation in ("rename", "write"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    runner = runner_of(site)
    runner.open()
    damage = sqlite3.DatabaseError("database disk image is malformed")
    with mock.patch.object(runner, "_work", side_effect=damage), durable.observed(read_only):
        runner.beat()
    assert runner.index is None
    runner.open()
    runner.close()


def test_a_disk_that_fails_while_it_is_asked_when_to_go_on_ends_nothing(site: Site) -> None:
    """The catalog is asked then, too."""
    runner = runner_of(site)
    runner.open()
    with mock.patch.object(Pipeline, "next_due", side_effect=sqlite3.OperationalError("disk I/O error")):
        runner.beat()
        assert runner.next_due() > 0.0
    assert runner.index is None
    runner.open()
    runner.close()


def test_an_index_whose_disk_fails_also_when_it_is_let_go_ends_nothing(site: Site) -> None:
    """Network file systems report at close(2) what could not be written; the lock is free all the same."""
    runner = runner_of(site)
    runner.open()
    broken = OSError(errno.EIO, os.strerror(errno.EIO))
    with (
        mock.patch.object(Pipeline, "round", side_effect=broken),
        mock.patch.object(Pipeline, "let_go", side_effect=broken),
    ):
        runner.beat()
    assert runner.index is None
    runner.open()
    runner.close()


def test_a_public_folder_whose_server_is_gone_ends_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """stat(2) itself fails there: not even that the index is down can be written, and the daemon goes on."""
    runner, stat = runner_of(site), os.stat

    def stale(path: str | Path, **options: object) -> os.stat_result:
        if not isinstance(path, int) and Path(path).is_relative_to(site.public):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return stat(path, **options)  # type: ignore[arg-type]

    runner.open()
    monkeypatch.setattr(os, "stat", stale)
    with mock.patch.object(Pipeline, "round", side_effect=OSError(errno.ESTALE, os.strerror(errno.ESTALE))):
        runner.beat()
    runner.beat()
    monkeypatch.undo()
    assert runner.index is None
    runner.open()
    runner.close()


def test_a_courier_that_can_not_be_started_ends_no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process or descriptor is left: that is a fault, and it is tried again."""
    monkeypatch.setattr(courier_process, "PAUSE", 0.0)
    courier = CourierProcess(["--help"])
    again = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    with mock.patch.object(courier_process, "Process", side_effect=again):
        courier.check(wanted=True)
    assert "can't be started (Resource temporarily unavailable)" in str(courier.fault)
    courier.check(wanted=True)
    assert courier.fault is None
    courier.stop()
