"""Two hundred archives at once, and kill -9 in the middle: nothing is lost, and nothing is published twice (law 3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.archive_factory import sdist, wheel
from tests.running import until
from tests.uploaders.running import IndexDaemon, run_tool

HOW_MANY = 100
"""Of wheels, and of sdists."""


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, bytes]:
    """A hundred small wheels and a hundred small sdists of fifty projects, outside the drop folder."""
    folder = tmp_path_factory.mktemp("archives")
    built = {}
    for number in range(HOW_MANY):
        for build in (wheel, sdist):
            name, data = build(f"many-{number % 50}", f"1.{number // 50}")
            (folder / name).write_bytes(data)
            built[folder / name] = data
    return built


def test_two_hundred_at_once_are_all_published(
    start_daemon: Callable[..., IndexDaemon],
    archives: dict[Path, bytes],
    record_property: Callable[[str, object], None],
) -> None:
    """One `cp` of two hundred files, which says nothing."""
    daemon = start_daemon()
    started = time.time()
    run_tool("cp", *archives, daemon.drop)
    until("200 events", lambda: len(daemon.events()) >= len(archives), pause=0.02)
    record_property("seconds for 200", time.time() - started)
    assert_all_published(daemon, archives)


@pytest.mark.long
@pytest.mark.parametrize("kills", [[1], [60], [150], [0, 30, 31, 120, 199]], ids=str)
def test_killed_in_the_middle_and_started_again_it_publishes_each_exactly_once(
    start_daemon: Callable[..., IndexDaemon], archives: dict[Path, bytes], kills: list[int]
) -> None:
    """kill -9 after so many commits; each start continues with the files in the spool and the drop folder."""
    daemon = start_daemon(scan='"1s"')
    uploader = threading.Thread(target=run_tool, args=("cp", *archives, daemon.drop))
    uploader.start()
    for committed in kills:
        until(f"{committed} events", lambda count=committed: len(daemon.events()) >= count)
        daemon.kill()
        daemon.start()
    uploader.join()
    assert_all_published(daemon, archives)


def test_killed_as_originals_leave_it_leaves_nothing_under_a_hidden_name(
    start_daemon: Callable[..., IndexDaemon], archives: dict[Path, bytes]
) -> None:
    """With no linger the drop empties while uploads come in; killed six times on the way."""
    daemon = start_daemon(linger='"0ms"')
    uploader = threading.Thread(target=run_tool, args=("cp", *archives, daemon.drop))
    uploader.start()
    for number in range(6):
        until("some have left", lambda number=number: gone(daemon) > 6 * number)
        daemon.kill()
        daemon.start()
    uploader.join()
    assert_all_published(daemon, archives)


def gone(daemon: IndexDaemon) -> int:
    """How many originals have left."""
    return sum(not (daemon.drop / event["filename"]).exists() for event in daemon.events())


def assert_all_published(daemon: IndexDaemon, archives: dict[Path, bytes]) -> None:
    """Each has one event, its bytes and its link, and the drop folder is empty."""
    daemon.wait_empty()
    assert sorted(event["filename"] for event in daemon.events()) == sorted(path.name for path in archives)
    for path, data in archives.items():
        daemon.assert_published_once(path.name, data)
