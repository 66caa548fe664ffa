"""Waits for changes in folders: events wake the caller, who then scans the folders."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from watchdog.observers.inotify_c import InotifyFD

from eggwatch.config.overlaps import device_and_inode
from eggwatch.linux.mounts import mounts_in
from eggwatch.service.folder_events import FolderEvents
from eggwatch.service.watcher import Bell, is_local

BLIND_SECONDS = 5.0
"""How often to scan where the kernel reports no events."""
GATHER_SECONDS = 0.1
"""How long to wait after an event, so that one scan covers many files that are copied together."""


class FolderWatch:
    """Reports when something has changed in folders, except in `skipped` ones."""

    def __init__(self, folders: Sequence[Path], *, skipped: Collection[Path]) -> None:
        """`skipped` are absolute paths of folders and of files."""
        self._folders = [Path(os.path.realpath(folder)) for folder in folders]
        self._skipped = skipped
        self._bell = Bell()
        self._seen: list[object] | None = None
        self._inotify: InotifyFD | None = None
        self.fault: str | None = None
        """Why events are missing."""
        self.is_stopped = False

    def end_on(self, *signals: signal.Signals) -> None:
        """Raise KeyboardInterrupt on these signals, and let `wait` return: what is raised in a finalizer gets lost."""
        for number in signals:
            signal.signal(number, self._interrupt)
        signal.set_wakeup_fd(self._bell.writable, warn_on_full_buffer=False)

    def _interrupt(self, *_: object) -> None:
        self.is_stopped = True
        raise KeyboardInterrupt

    def renew(self) -> bool:
        """Watch the current folders; True if a folder was replaced, or something was mounted or unmounted."""
        seen: list[object] = [(device_and_inode(folder), mounts_in(folder)) for folder in self._folders]
        if seen == self._seen and self._inotify is not None and self._inotify.is_alive():
            return False
        changed = self._seen is not None and seen != self._seen
        self._end()
        self._seen, self.fault = seen, None
        try:
            self._start()
        except OSError as error:
            self.fault = f"no inotify events ({error.strerror})"
        if not all(map(is_local, self._folders)):
            self.fault = "the kernel does not report changes by other machines"
        return changed

    def _start(self) -> None:
        inotify = self._inotify = InotifyFD()
        inotify.start()
        for folder in self._folders:
            skipped = {str(path.relative_to(folder)) for path in self._skipped if path.is_relative_to(folder)}
            FolderEvents(inotify, folder, partial(self._ring, skipped), skipped=skipped)

    def _ring(self, skipped: Collection[str], path: str | None) -> None:
        if path not in skipped:
            self._bell.ring()

    def wait(self, seconds: float) -> None:
        """Return after a change, or after so many seconds; sooner where there are no events."""
        limit = seconds if self.fault is None else min(seconds, BLIND_SECONDS)
        if select.select([self._bell.readable], [], [], max(limit, 0.0))[0]:
            time.sleep(GATHER_SECONDS)
        self._bell.silence()

    def _end(self) -> None:
        inotify, self._inotify = self._inotify, None
        if inotify is not None:
            inotify.stop()
            inotify.join(2.0)

    def close(self) -> None:
        """Stop watching."""
        self._end()
        signal.set_wakeup_fd(-1)
        self._bell.close()
