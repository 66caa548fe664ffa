"""The watcher of the drop folder: what it does when the kernel or its own threads leave it."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from watchdog.observers import inotify_c

from eggwatch.service.folder_events import EVERYTHING
from eggwatch.service.watcher import RETRY_SECONDS, Bell, Watcher, watched_inodes
from tests.running import until


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
        return failing(errno.ENOSPC) if path.rstrip(b"/").endswith(names) else int(original(fd, path, mask))

    monkeypatch.setattr(inotify_c, "inotify_add_watch", add_watch)


def assert_hints(watcher: Watcher, name: str, drop: Path) -> None:
    """A file that is made now is hinted at by its name."""
    rest(watcher)
    (drop / name).write_bytes(b"x")
    until("a hint", lambda: name in (watcher.take() or ()))


def hints_at(watcher: Watcher, file: Path, name: str) -> bool:
    """Whether a file that is written now has been hinted at by its name."""
    file.write_bytes(b"x")
    return name in (watcher.take() or ())


def rest(watcher: Watcher) -> None:
    """Wait until nothing is hinted at any more."""
    until("no more hints", lambda: watcher.take() == set(), pause=0.2)


def test_a_dead_thread_is_noticed_and_replaced(watcher: Watcher, folders: tuple[Path, Path]) -> None:
    """The reader of the kernel's queue: `check` starts anew, everything is looked at, hints come again."""
    before = set(threading.enumerate())
    assert watcher.check()
    (thread,) = set(threading.enumerate()) - before
    thread.stop()  # type: ignore[attr-defined]
    thread.join(5)
    assert watcher.has_died() and watcher.is_to_check()
    watcher.take()
    assert watcher.check()
    assert not watcher.has_died()
    assert watcher.take() is EVERYTHING
    assert_hints(watcher, "a.whl", folders[0])
    assert not watcher.check()


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
            assert watcher.fault is not None and "1 folder can't be watched" in watcher.fault
            assert not watcher.check(), "not tried all the time"
        now[0] += RETRY_SECONDS
        assert watcher.check()
        watcher.compare(inodes(drop))
        assert watcher.fault is not None
    now[0] += RETRY_SECONDS
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
    with mock.patch("eggwatch.service.watcher.RETRY_SECONDS", 0.0):
        for _ in range(2):
            watcher.check()
            watcher.compare(inodes(drop))
    until("watched", lambda: (watcher.check(), watcher.compare(inodes(drop)), not watcher.is_blind())[-1])
    assert watcher.fault is None
    rest(watcher)
    (drop / "renamed1" / "deep" / "a.whl").write_bytes(b"x")
    until("a hint", lambda: (hints := watcher.take()) is EVERYTHING or "renamed1/deep/a.whl" in hints)


def test_a_folder_that_comes_or_is_deleted_is_hinted_at_alone(watcher: Watcher, folders: tuple[Path, Path]) -> None:
    """Nothing else is looked at for its sake; what went with one that was moved away is known to a scan alone."""
    drop = folders[0]
    watcher.check()
    watcher.take()
    (drop / "team").mkdir()
    until("made", lambda: watcher.take() == {"team/"})
    (drop / "team").rmdir()
    until("deleted", lambda: watcher.take() == {"team"})
    (drop / "old").mkdir()
    until("made", lambda: watcher.take() == {"old/"})
    (drop / "old").rename(drop / "new")
    until("moved", lambda: watcher.asks_for_everything() and "new/" in watcher._hints)
    assert watcher.take_paths() == {"new/"}
    assert watcher.take() is EVERYTHING


def test_a_folder_that_can_not_be_watched_is_found_by_a_scan(
    watcher: Watcher, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which compares the folders, and so begins to look more often."""
    limited(monkeypatch, b"team")
    watcher.check()
    watcher.take()
    (folders[0] / "team").mkdir()
    until("asked for", lambda: watcher.take() is EVERYTHING)


def test_what_is_moved_out_of_the_drop_folder_holds_nothing_back(
    watcher: Watcher, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """A neighbour's `mv` has no second half: it is hinted at as soon as its event is read, and so is what follows."""
    drop, handle = folders[0], inotify_c.InotifyFD.handle_event
    told: dict[bytes, set[str]] = {}

    def noted(inotify: inotify_c.InotifyFD, event: inotify_c.InotifyEvent) -> None:
        handle(inotify, event)
        told.setdefault(event.name, set(watcher._hints))

    (drop / "old.txt").write_bytes(b"x")
    with mock.patch.object(inotify_c.InotifyFD, "handle_event", noted):
        watcher.check()
        watcher.take()
        (drop / "old.txt").rename(tmp_path / "old.txt")
        (drop / "demo.whl").write_bytes(b"x")
        until("both were read", lambda: {b"old.txt", b"demo.whl"} <= told.keys())
    assert told[b"old.txt"] == {"old.txt"}
    assert told[b"demo.whl"] == {"old.txt", "demo.whl"}


def test_folders_of_answers_and_dot_folders_are_not_watched(watcher: Watcher, folders: tuple[Path, Path]) -> None:
    """Nor what is made there later; a folder of such a name further down is somebody's own."""
    drop = folders[0]
    for name in ("rejected/earlier", "team/rejected", ".cache/deep"):
        (drop / name).mkdir(parents=True)
    watcher.check()
    for name in ("receipts", ".hidden", "rejected/more"):
        (drop / name).mkdir()
    expected = {os.stat(drop / name).st_ino for name in (".", "team", "team/rejected")}
    assert_hints(watcher, "a.whl", drop)
    watched = watched_inodes() & inodes(drop)
    assert watched == expected
    watcher.take()
    for name in ("rejected/demo.whl", "receipts/demo.whl.txt", ".cache/deep/x", ".eggwatch-7-0123abcd"):
        (drop / name).write_bytes(b"x")
    (drop / "last.whl").write_bytes(b"x")
    seen: set[str] = set()
    until("the last", lambda: seen.update(watcher.take() or ()) or "last.whl" in seen)
    assert seen - {"a.whl"} == {"last.whl"}  # an event of the first one may come late


@pytest.mark.filterwarnings("error")
def test_a_folder_is_watched_by_the_name_that_it_has_now(
    watcher: Watcher, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """Renamed, moved out, moved in, made anew under an old name, and after an overflow."""
    drop = folders[0]
    (drop / "a" / "deep").mkdir(parents=True)
    watcher.check()
    steps = [
        lambda: (drop / "a").rename(drop / "b"),
        lambda: (drop / "a").mkdir(),
        lambda: (drop / "b").rename(tmp_path / "out"),
        lambda: (tmp_path / "out").rename(drop / "c"),
        lambda: [watcher._inotify.handle_event(overflow) for overflow in OVERFLOW],  # type: ignore[union-attr]
        lambda: (shutil.rmtree(drop / "c"), (drop / "c" / "deep").mkdir(parents=True)),
    ]
    for step, folder in zip(steps, ["b/deep", "a", "a", "c/deep", "c/deep", "c/deep"], strict=True):
        step()
        until(folder, functools.partial(hints_at, watcher, drop / folder / "x.whl", f"{folder}/x.whl"))
    until("all are watched", lambda: watched_inodes() >= inodes(drop))
    (drop / "c").rename(tmp_path / "gone")
    until("not watched", lambda: os.stat(tmp_path / "gone").st_ino not in watched_inodes())


OVERFLOW = [inotify_c.InotifyEvent(inotify_c.WatchDescriptor(-1), inotify_c.InotifyConstants.IN_Q_OVERFLOW, 0, b"")]


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_drop_folder_that_is_gone_rings_at_once(
    watcher: Watcher, folders: tuple[Path, Path], tmp_path: Path, how: str
) -> None:
    """It is to be looked for, `fault` tells it, and the folder that comes in its place is watched."""
    drop = folders[0]
    watcher.check()
    rest(watcher)
    assert not watcher.is_to_check()
    drop.rmdir() if how == "removed" else drop.rename(tmp_path / "elsewhere")
    until("rung", lambda: watcher.take() is EVERYTHING)
    if how == "replaced":
        drop.mkdir()
    assert watcher.is_to_check()
    assert watcher.check() is (how == "replaced")
    assert (watcher.fault is None) is (how == "replaced")
    drop.mkdir(exist_ok=True)
    watcher.check()
    assert watcher.fault is None
    assert_hints(watcher, "a.whl", drop)
