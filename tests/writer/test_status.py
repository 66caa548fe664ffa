"""When STATE/status.json and PUBLIC/status.json are written: on news at once, else before they are too old."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.status import Status
from eggwatch.store import durable
from eggwatch.store.durable import Permissions
from eggwatch.writer import status
from eggwatch.writer.status import BUSY_PAUSE, IDLE_PAUSE, StatusFile


class Clock:
    """The module's clock, set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    clock = Clock()
    monkeypatch.setattr(status, "time", clock)
    return clock


@pytest.fixture
def file(tmp_path: Path) -> StatusFile:
    """Both files."""
    for name in ("state", "public/simple"):
        (tmp_path / name).mkdir(parents=True)
    return StatusFile(tmp_path / "state", tmp_path / "public", Permissions())


def state(*, serial: int = 1, oldest: float | None = None, free: int = 100) -> Status:
    """As much of a state as these tests need."""
    return Status(serial=serial, oldest_waiting_seconds=oldest, disk_free={"public": free})


def told(file: StatusFile, tmp_path: Path, at: str, **values: Any) -> str:
    """When it was last written, after it was offered a state at a moment."""
    file.write(state(**values), at=at)
    return str(json.loads((tmp_path / "public" / "status.json").read_bytes())["at"])


def test_news_are_written_at_once_but_not_twice_a_second(file: StatusFile, tmp_path: Path, clock: Clock) -> None:
    """The second change within a second is owed, and written after it."""
    assert told(file, tmp_path, "a", serial=1) == "a"
    assert told(file, tmp_path, "b", serial=2) == "a"
    assert not file.is_due()
    clock.now += 1.0
    assert told(file, tmp_path, "c", serial=2) == "c"


def test_a_disk_that_fills_is_no_news(file: StatusFile, tmp_path: Path, clock: Clock) -> None:
    """What changes by itself is told with what has happened, or in a minute."""
    assert told(file, tmp_path, "a", free=100) == "a"
    clock.now += IDLE_PAUSE - 1
    assert told(file, tmp_path, "b", free=90) == "a"
    clock.now += 1
    assert told(file, tmp_path, "c", free=80) == "c"


def test_while_something_waits_its_age_is_told_every_few_seconds(
    file: StatusFile, tmp_path: Path, clock: Clock
) -> None:
    """A monitor sees the lag grow."""
    assert told(file, tmp_path, "a", oldest=1.0) == "a"
    clock.now += BUSY_PAUSE - 1
    assert told(file, tmp_path, "b", oldest=5.0) == "a"
    clock.now += 1
    assert told(file, tmp_path, "c", oldest=6.0) == "c"


def test_an_idle_daemon_tells_that_it_is_alive(file: StatusFile, tmp_path: Path, clock: Clock) -> None:
    """Nothing has changed for a minute: written nevertheless, both files."""
    assert told(file, tmp_path, "a") == "a"
    clock.now += IDLE_PAUSE
    assert told(file, tmp_path, "b") == "b"
    assert json.loads((tmp_path / "state" / "status.json").read_bytes())["at"] == "b"


def test_a_full_disk_is_told_once_however_long_it_lasts(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each file is tried again every few seconds, and bytes are freed for it as long as there are any."""
    for name in ("state", "simple"):
        (tmp_path / name).mkdir()
    freed: list[float] = []
    file = StatusFile(tmp_path / "state", tmp_path, Permissions(), make_room=lambda: freed.append(clock.now))

    def fail(_: str, subject: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), subject)

    with durable.observed(fail):
        for serial in range(3):
            clock.now += 60.0
            file.write(state(serial=serial), at="a")
    assert len(freed) == 6
    assert [caplog.text.count(f"{path}/status.json: ballast") for path in (tmp_path, tmp_path / "state")] == [1, 1]


def test_nothing_is_written_where_no_disk_is_mounted(file: StatusFile, tmp_path: Path, clock: Clock) -> None:
    """The bare mount point of PUBLIC stays as it is; the other file is written."""
    (tmp_path / "public" / "simple").rmdir()
    file.tell_down("the disk is gone", at="a")
    assert list((tmp_path / "public").iterdir()) == []
    assert json.loads((tmp_path / "state" / "status.json").read_bytes())["at"] == "a"
