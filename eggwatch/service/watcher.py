"""watchdog → a bell. Events are hints that may be lost; the scan is the truth."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from eggwatch.service.watches import watched_inodes
from eggwatch.store import lease

log = logging.getLogger("eggwatch")

EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
"""Only these: a plain file then costs two events of the kernel's queue, not five."""

MOST_HINTS = 2000
EVERYTHING = None
"""What `take` answers when hints can't say where to look."""
REMOTE = "the kernel can't tell what other machines do on the file system of the drop folder"
MEND_SECONDS = 10.0
"""Seconds after which folders that could not be watched are tried again."""


class Bell:
    """A pipe that wakes the loop, from any thread or signal."""

    def __init__(self) -> None:
        self.readable, self.writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        """Wake the loop."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.writable, b"!")

    def silence(self) -> None:
        """Take in what was rung."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.readable, 4096):
                pass

    def close(self) -> None:
        """Close both ends."""
        os.close(self.readable)
        os.close(self.writable)


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, hint: Callable[[str | None], None]) -> None:
        self._root, self._hint = os.fsencode(root), hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Pass the path of a file on; anything about a folder means that everything is to be looked at."""
        if event.is_directory:
            self._hint(EVERYTHING)
            return
        for path in (event.dest_path, event.src_path):
            if path:
                self._hint(self._relative(os.fsencode(path)))

    def _relative(self, path: bytes) -> str | None:
        if not path.startswith(self._root + b"/"):
            return EVERYTHING
        # A folder that was renamed before watchdog had seen all of it keeps its old path there.
        if not os.path.isdir(os.path.dirname(path)):
            return EVERYTHING
        return os.fsdecode(path[len(self._root) + 1 :])


class _OverflowHandler(logging.Handler):
    """watchdog tells of a full inotify queue by a warning only."""

    def __init__(self, hint: Callable[[str | None], None]) -> None:
        super().__init__(logging.WARNING)
        self._hint = hint

    def emit(self, record: logging.LogRecord) -> None:
        """Any warning of the observer means that events may be lost."""
        self._hint(EVERYTHING)


class Watcher:
    """Watches one drop folder and one folder of orders; rings the bell and keeps the hints."""

    def __init__(self, drop: Path, orders: Path, bell: Bell) -> None:
        self._drop, self._orders, self._bell = drop, orders, bell
        self._lock = threading.Lock()
        self._hints: set[str] = set()
        self._everything = False
        self._observer: object | None = None
        self._threads: set[threading.Thread] = set()
        self._root: tuple[int, int] | None = None
        self._overflow = _OverflowHandler(self._hint)
        self._kernel_tells = False
        self._remote = False
        self._missing: set[int] = set()
        self._mend_at = 0.0
        self.fault: str | None = None
        """Why there are no events, so that the scan alone finds uploads."""

    def _hint(self, path: str | None) -> None:
        with self._lock:
            if path is EVERYTHING or len(self._hints) >= MOST_HINTS:
                self._everything = True
            elif not _is_ours(path):
                self._hints.add(path)
            else:
                return
        self._bell.ring()

    def take(self) -> set[str] | None:
        """The paths to look at since the last call; None for everything."""
        with self._lock:
            hints, everything = self._hints, self._everything
            self._hints, self._everything = set(), False
        return EVERYTHING if everything else hints

    def is_blind(self) -> bool:
        """Whether events of some folder do not arrive."""
        return self._observer is None or self.fault is not None or bool(self._missing)

    def check(self) -> bool:
        """Start the observer, or start it anew when a thread of it died or the folder was replaced; True if it was."""
        root = _device_and_inode(self._drop)
        if self.has_died():
            log.warning("sight    the thread that watches %s has died: started anew", self._drop)
        elif self._observer is not None and root == self._root and not self._is_to_mend():
            return False
        self.stop()
        if root is not None:
            self._start(root)
        return root is not None

    def compare(self, folders: set[int]) -> None:
        """Hold the folders that a scan has entered, by their inodes, against those of which the kernel tells us.

        One that is missed for the first time may have been made just now: it is not told of before the next scan.
        """
        if self._observer is None or not self._kernel_tells:
            return
        missing = folders - watched_inodes()
        lasting = missing & self._missing
        self._missing = missing
        if lasting:
            self._tell(f"{len(lasting)} folders can't be watched (is fs.inotify.max_user_watches too low?)")
        else:
            self._mend()

    def _start(self, root: tuple[int, int]) -> None:
        before = set(threading.enumerate())
        self._mend_at = time.monotonic() + MEND_SECONDS
        try:
            observer = self._observe()
        except OSError as error:
            self._tell(f"no inotify events ({error.strerror})")
            return
        self._threads = set(threading.enumerate()) - before
        logging.getLogger("watchdog.observers").addHandler(self._overflow)
        self._observer, self._root = observer, root
        self._kernel_tells, self._remote = root[1] in watched_inodes(), not _is_local(self._drop)
        if not self._missing:
            self._mend()
        self._hint(EVERYTHING)

    def _observe(self) -> object:
        """An observer at work. OSError if the kernel has no watch or no descriptor left; then nothing stays of it."""
        observer = Observer()
        handler = _Handler(self._drop, self._hint)
        bell = _Handler(self._orders, lambda _: self._bell.ring())
        try:
            observer.schedule(handler, str(self._drop), recursive=True, event_filter=EVENTS)
            observer.schedule(bell, str(self._orders), recursive=False, event_filter=EVENTS)
            observer.start()
        except OSError:
            _end(observer)
            raise
        return observer

    def _tell(self, what: str) -> None:
        fault = f"{what}: uploads are found by scanning"
        if fault != self.fault:
            log.warning("sight    %s", fault)
        self.fault = fault

    def _mend(self) -> None:
        if self._remote:
            self._tell(REMOTE)
            return
        if self.fault is not None:
            log.info("sight    every folder is watched again")
        self.fault = None

    def has_died(self) -> bool:
        """Whether a thread of the observer has ended by itself, so that no events arrive."""
        return self._observer is not None and not all(thread.is_alive() for thread in self._threads)

    def _is_to_mend(self) -> bool:
        return bool(self._missing) and time.monotonic() >= self._mend_at

    def stop(self) -> None:
        """End the observer."""
        logging.getLogger("watchdog.observers").removeHandler(self._overflow)
        observer, self._observer = self._observer, None
        if observer is not None:
            _end(observer)


def _end(observer: object) -> None:
    with contextlib.suppress(RuntimeError):
        observer.stop()  # type: ignore[attr-defined]
        observer.join(2.0)  # type: ignore[attr-defined]


def _is_ours(path: str) -> bool:
    first, _, rest = path.partition("/")
    return (bool(rest) and first in ("rejected", "receipts")) or path.rpartition("/")[2].startswith(".eggwatch-")


def _is_local(path: Path) -> bool:
    """Whether all who change this folder do so through this machine's kernel; also if it is gone, which others tell."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return lease.proves_something(fd)
    finally:
        os.close(fd)


def _device_and_inode(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
