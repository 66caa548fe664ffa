"""Watches folders by inotify, and wakes the loop. Events are hints that may be lost; the scan decides."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from watchdog.observers.inotify_c import InotifyFD

from eggwatch.config.overlaps import device_and_inode
from eggwatch.linux import leases
from eggwatch.linux.mounts import mounts_in
from eggwatch.model.counting import counted
from eggwatch.service.folder_events import EVERYTHING, FolderEvents

log = logging.getLogger("eggwatch")

MOST_HINTS = 2000
REMOTE = "the kernel does not report what other machines do on the file system of the drop folder"
RETRY_SECONDS = 10.0
"""Seconds before the next attempt to watch folders that could not be watched."""


class Bell:
    """A pipe that wakes the loop, from any thread or signal."""

    def __init__(self) -> None:
        self.readable, self.writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        """Wake the loop."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.writable, b"!")

    def silence(self) -> None:
        """Empty the pipe."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.readable, 4096):
                pass

    def close(self) -> None:
        """Close both ends."""
        os.close(self.readable)
        os.close(self.writable)


class Watcher:
    """Watches one drop folder and one folder of orders; rings the bell and collects the hints."""

    def __init__(self, drop: Path, orders: Path, bell: Bell) -> None:
        self._drop, self._orders, self._bell = drop, orders, bell
        self._lock = threading.Lock()
        self._hints: set[str] = set()
        self._everything = False
        self._inotify: InotifyFD | None = None
        self._root: tuple[int, int] | None = None
        self._mounts = mounts_in(drop)
        self._kernel_tells = False
        self._remote = False
        self._missing: set[int] = set()
        self._retry_at = 0.0
        self.fault: str | None = None
        """Why there are no events, so that only scans find uploads."""

    def _hint(self, path: str | None) -> None:
        with self._lock:
            if path is EVERYTHING or len(self._hints) >= MOST_HINTS:
                self._everything = True
            elif not path.rpartition("/")[2].startswith(".eggwatch-"):
                self._hints.add(path)
            else:
                return
        self._bell.ring()

    def take(self) -> set[str] | None:
        """The changed paths since the last call; None: scan everything."""
        with self._lock:
            hints, everything = self._hints, self._everything
            self._hints, self._everything = set(), False
        return EVERYTHING if everything else hints

    def take_paths(self) -> set[str]:
        """The changed paths only; a pending scan of everything is kept for `take`."""
        with self._lock:
            hints, self._hints = self._hints, set()
        return hints

    def asks_for_everything(self) -> bool:
        """Whether the next `take` returns None."""
        return self._everything

    def is_blind(self) -> bool:
        """Whether events of some folder are missing."""
        return self._inotify is None or self.fault is not None or bool(self._missing)

    def is_to_check(self) -> bool:
        """Whether the path of the drop folder is now another folder than the watched one."""
        return self.has_died() or device_and_inode(self._drop) != self._root

    def mounts_changed(self) -> None:
        """After a mount or unmount: if it was in the drop folder, watch everything again."""
        mounts = mounts_in(self._drop)
        if mounts != self._mounts:
            self._mounts = mounts
            self._root = None

    def check(self) -> bool:
        """Start watching, or start again if the thread has died or the folder was replaced; True if it has started."""
        root = device_and_inode(self._drop)
        if self.has_died():
            log.warning("sight    the thread that watches %s has died and is restarted", self._drop)
        elif self._inotify is not None and root == self._root and not self._is_to_retry():
            return False
        self.stop()
        self._root = root
        if root is None:
            self.fault, self._missing = f"{self._drop} is not there", set()
            return False
        self._start(root)
        return True

    def compare(self, folders: set[int]) -> None:
        """Compare the folders that a scan has entered, by their inodes, with those that are watched.

        A folder that is missing for the first time may be new, so it is only reported after the next scan.
        """
        if self._inotify is None or not self._kernel_tells:
            return
        missing = folders - watched_inodes()
        lasting = missing & self._missing
        self._missing = missing
        if lasting:
            self._tell(f"{counted(len(lasting), 'folder')} can't be watched (is fs.inotify.max_user_watches too low?)")
        else:
            self._retry()

    def _start(self, root: tuple[int, int]) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS
        try:
            self._inotify = self._watched()
        except OSError as error:
            self._tell(f"no inotify events ({error.strerror})")
            return
        self._kernel_tells, self._remote = root[1] in watched_inodes(), not is_local(self._drop)
        if not self._missing:
            self._retry()
        self._hint(EVERYTHING)

    def _watched(self) -> InotifyFD:
        """Start the reader of events. Raises OSError, and releases everything, if no watch or descriptor is left."""
        inotify = InotifyFD()
        inotify.start()
        try:
            FolderEvents(inotify, self._drop, self._hint)
            FolderEvents(inotify, self._orders, lambda _: self._bell.ring())
        except OSError:
            _end(inotify)
            raise
        return inotify

    def _tell(self, what: str) -> None:
        fault = f"{what}: uploads are found by scanning"
        if fault != self.fault:
            log.warning("sight    %s", fault)
        self.fault = fault

    def _retry(self) -> None:
        if self._remote:
            self._tell(REMOTE)
            return
        if self.fault is not None:
            log.info("sight    every folder is watched again")
        self.fault = None

    def has_died(self) -> bool:
        """Whether the thread that reads events has ended by itself, so that none arrive."""
        return self._inotify is not None and not self._inotify.is_alive()

    def _is_to_retry(self) -> bool:
        return bool(self._missing) and time.monotonic() >= self._retry_at

    def stop(self) -> None:
        """Stop watching."""
        inotify, self._inotify = self._inotify, None
        if inotify is not None:
            _end(inotify)


def _end(inotify: InotifyFD) -> None:
    inotify.stop()
    inotify.join(2.0)


def is_local(path: Path) -> bool:
    """True if all changes of this folder go through this machine's kernel; also if the folder is missing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return leases.proves_something(fd)
    finally:
        os.close(fd)


_WATCH = re.compile(r"^inotify wd:\S+ ino:([0-9a-f]+) ", re.MULTILINE)


def watched_inodes() -> set[int]:
    """The inode numbers of all watched folders, from the kernel (proc(5), fdinfo): libraries may be wrong."""
    return {int(ino, 16) for text in _infos() for ino in _WATCH.findall(text)}


def _infos() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        try:
            if "inotify" in os.readlink(f"/proc/self/fd/{name}"):
                with open(f"/proc/self/fdinfo/{name}", encoding="ascii") as file:
                    yield file.read()
        except FileNotFoundError:  # closed since
            continue
