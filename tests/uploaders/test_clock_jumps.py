"""The clock of a running daemon jumps a year ahead and back: uploads go on, in order, with sane times."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, moment, running

pytestmark = pytest.mark.parts

YEAR = 365 * 86400
LIBRARY = next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[tuple[IndexDaemon, Path]]:
    """A daemon that reads its clock from a file; the kernel's clock and the monotonic one are not changed."""
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed")
    offset = tmp_path / "offset"
    offset.write_text("+0")
    environment = {
        "LD_PRELOAD": LIBRARY,
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    prefix = ["env", *(f"{name}={value}" for name, value in environment.items())]
    with running(tmp_path / "index", prefix=prefix, linger='"300ms"', scan='"1s"') as daemon:
        yield daemon, offset


def test_uploads_go_on_while_the_clock_jumps(daemon: tuple[IndexDaemon, Path]) -> None:
    """Each is published in a moment and leaves; upload times are those of the clock of the time; serials rise."""
    index, offset = daemon
    for number, jump in enumerate((0, YEAR, 0, -YEAR, 0)):
        offset.write_text(f"{jump:+d}")
        name, data = wheel_of("jumping", 30_000, version=f"{number}.0")
        (index.drop / f".{name}.part").write_bytes(data)
        os.rename(index.drop / f".{name}.part", index.drop / name)
        index.wait_published(name, time.time())
        (event,) = index.events_of(name)
        assert abs(moment(event) - time.time() - jump) < YEAR / 2
        index.wait_empty()
        until("its receipt", lambda name=name: index.receipt(name).startswith(f"{name}: PUBLISHED"))
    assert [event["serial"] for event in index.events()] == [1, 2, 3, 4, 5]
    times = {file["filename"]: file["upload-time"] for file in index.files("jumping")}
    assert times == {event["filename"]: event["at"] for event in index.events()}
    assert index.status()["faults"] == {}
