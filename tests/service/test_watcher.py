"""The watcher of the drop folder: what it does when the kernel or its own threads leave it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from watchdog.events import FileClosedEvent
from watchdog.observers import inotify_c

from eggwatch.service.watcher import EVERYTHING, MEND_SECONDS, Bell, Watcher, _Handler
from tests.laws.at_work import until


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """DROP and STATE/orders."""
    for name in ("drop", "orders"):
        (tmp_path / name).mkdir()
    return tmp_path / "drop", tmp_path / "orders"


@pytest.fixture
def watcher(folders: tuple[Path, Path]) -> Iterator[Watcher]:
    """A watcher that has not begun."""
    bell = Bell()
    watcher = Watcher(*folders, bell)
    yield watcher
    watcher.stop()
    bell.close()


def inodes(drop: Path) -> set[int]:
    """The drop folder and all folders in it, as a scan enters them."""
    return {os.stat(folder).st_ino for folder, _, _ in os.walk(drop)}


def failing(number: int) -> int:
    """As a system call fails."""
    ctypes.set_errno(number)
    return -1


def limited(monkeypatch: pytest.MonkeyPatch, *names: bytes) -> None:
    """The kernel has no watch left for folders of these names (inotify(7): ENOSPC)."""
    original = inotify_c.inotify_add_watch

    def add_watch(fd: int, path: bytes, mask: int) -> int:
        return failing(errno.ENOSPC) if path.endswith(names) else int(original(fd, path, mask))

    monkeypatch.setattr(inotify_c, "inotify_add_watch", add_watch)


def assert_hints(watcher: Watcher, name: str, drop: Path) -> None:
    """A file that is made now is hinted at by its name."""
    rest(watcher)
    (drop / name).write_bytes(b"x")
    until("a hint", lambda: name in (watcher.take() or ()))


def rest(watcher: Watcher) -> None:
    """Wait until nothing is hinted at any more."""
    while watcher.take() != set():
        time.sleep(0.2)


@pytest.mark.parametrize("number", range(4))
def test_a_dead_thread_is_noticed_and_replaced(watcher: Watcher, folders: tuple[Path, Path], number: int) -> None:
    """Each thread of the observer, whichever ends: `check` starts anew, everything is looked at, hints come again."""
    before = set(threading.enumerate())
    assert watcher.check()
    threads = sorted(set(threading.enumerate()) - before, key=lambda thread: type(thread).__name__)
    assert len(threads) == 4, "observer, one emitter for each folder, and the reader of the kernel's queue"
    with mock.patch.object(threading, "excepthook"):
        end(threads[number])
    assert watcher.has_died()
    watcher.take()
    assert watcher.check()
    assert not watcher.has_died()
    assert watcher.take() is EVERYTHING
    assert_hints(watcher, "a.whl", folders[0])
    assert not watcher.check()


def end(thread: threading.Thread) -> None:
    """Let a thread of the observer end as by an error of its own."""
    thread.stop()  # type: ignore[attr-defined]
    thread.join(5)
    assert not thread.is_alive()


def test_no_watch_is_left_for_the_drop_folder(
    watcher: Watcher, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault is told; to try again leaves neither threads nor descriptors behind; it is mended when there is room."""
    with monkeypatch.context() as patched:
        limited(patched, b"drop", b"orders")
        watcher.check()
        assert watcher.fault is not None and "watch limit reached" in watcher.fault
        threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            watcher.check()
        assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == (threads, descriptors)
        assert watcher.is_blind()
    watcher.check()
    assert watcher.fault is None
    assert not watcher.is_blind()
    assert_hints(watcher, "a.whl", folders[0])


def test_no_inotify_instance_is_left(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of instances, or of descriptors, is a fault too and no error of the index."""
    with monkeypatch.context() as patched:
        patched.setattr(inotify_c, "inotify_init", lambda: failing(errno.EMFILE))
        watcher.check()
    assert watcher.fault is not None and "instance limit reached" in watcher.fault
    watcher.check()
    assert watcher.fault is None


def test_a_subfolder_that_can_not_be_watched_is_told_and_watched_when_there_is_room(
    watcher: Watcher, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The library says nothing of it; what the scan has entered is compared with what the kernel watches."""
    drop, now = folders[0], [1000.0]
    monkeypatch.setattr("eggwatch.service.watcher.time.monotonic", lambda: now[0])
    (drop / "team").mkdir()
    with monkeypatch.context() as patched:
        limited(patched, b"team")
        watcher.check()
        watcher.compare(inodes(drop))
        assert watcher.fault is None, "it may have been made just now"
        assert watcher.is_blind()
        for _ in range(3):
            watcher.compare(inodes(drop))
            assert watcher.fault is not None and "1 folders can't be watched" in watcher.fault
            assert not watcher.check(), "not tried all the time"
        now[0] += MEND_SECONDS
        assert watcher.check()
        watcher.compare(inodes(drop))
        assert watcher.fault is not None
    now[0] += MEND_SECONDS
    assert watcher.check()
    watcher.compare(inodes(drop))
    assert watcher.fault is None
    assert not watcher.is_blind()
    assert_hints(watcher, "team/a.whl", drop)
    assert caplog.text.count("can't be watched") == 1


def test_folders_that_come_and_go_are_watched_in_the_end(watcher: Watcher, folders: tuple[Path, Path]) -> None:
    """Made, renamed and removed at once: what was missed is watched at the second scan, without a fault."""
    drop = folders[0]
    watcher.check()
    for number in range(3):
        (drop / f"team{number}" / "deep").mkdir(parents=True)
        (drop / f"team{number}").rename(drop / f"renamed{number}")
    shutil.rmtree(drop / "renamed0")
    with mock.patch("eggwatch.service.watcher.MEND_SECONDS", 0.0):
        for _ in range(2):
            watcher.check()
            watcher.compare(inodes(drop))
    until("watched", lambda: (watcher.check(), watcher.compare(inodes(drop)), not watcher.is_blind())[-1])
    assert watcher.fault is None
    rest(watcher)
    (drop / "renamed1" / "deep" / "a.whl").write_bytes(b"x")
    until("a hint", lambda: (hints := watcher.take()) is EVERYTHING or "renamed1/deep/a.whl" in hints)


def test_a_hint_by_a_path_that_is_no_more_means_everything(watcher: Watcher, folders: tuple[Path, Path]) -> None:
    """watchdog may know a renamed folder by its old path only: looking there would find nothing."""
    handler = _Handler(folders[0], watcher._hint)
    (folders[0] / "there").mkdir()
    for folder, expected in (("there", {"there/a.whl"}), ("gone", EVERYTHING)):
        handler.on_any_event(FileClosedEvent(str(folders[0] / folder / "a.whl")))
        assert watcher.take() == expected
