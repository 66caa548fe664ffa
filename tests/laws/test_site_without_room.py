"""Front pages and the site on a full disk: they wait, and nothing else does."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from pathlib import Path

import pytest

from eggwatch.pipeline import root_pages
from eggwatch.pipeline.root_pages import RootPages
from eggwatch.store import durable
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render, quick_folder


class FullDisk:
    """Has no room for three changes of the disk by front pages and site, the first their `number`-th (from 1)."""

    def __init__(self, number: int) -> None:
        self.changes, self._number, self._is_rendering = 0, number, False

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tell apart what front pages and site do, and what others do."""
        step = RootPages.step

        def stepping(pages: RootPages, *, is_quiet: bool) -> tuple[str, ...]:
            self._is_rendering = True
            try:
                return step(pages, is_quiet=is_quiet)
            finally:
                self._is_rendering = False

        monkeypatch.setattr(RootPages, "step", stepping)

    def __call__(self, operation: str, subject: str) -> None:
        self.changes += self._is_rendering
        if not self._is_rendering or not self._number <= self.changes < self._number + 3:
            return
        if not operation.startswith("sqlite-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), subject)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


def upload(work: IndexAtWork) -> None:
    """Work in rounds, as a daemon does, until all pages show the upload."""
    assert work.index is not None
    pipeline = work.index.pipeline
    work.put(*wheel("demo", metadata_extra="Summary: short\n"))
    pipeline.round()
    while pipeline.is_working() or ((due := pipeline.next_due()) is not None and due <= time.monotonic()):
        pipeline.round(set(), wait=0.05)


def test_whatever_finds_no_room_waits_and_stops_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, and in the end all pages are there."""
    for pause in ("SHORTEST_PAUSE", "PAUSE_FACTOR", "ROOM_PAUSE"):
        monkeypatch.setattr(root_pages, pause, 0.0)
    number, was_full = 0, True
    while was_full:
        number += 1
        caplog.clear()
        with monkeypatch.context() as patch, quick_folder() as base:
            disk = FullDisk(number)
            disk.watch(patch)
            with IndexAtWork(Path(base)) as work:
                work.work()
                with durable.observed(disk):
                    upload(work)
                was_full = disk.changes >= number
                assert caplog.text.count("wait for room") == was_full
                assert_equals_fresh_render(work.config)
    assert number > 20
