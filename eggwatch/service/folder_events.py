"""Reads inotify events of a folder and its subfolders, and passes on each at once.

It uses only watchdog's reader of the kernel's queue: watchdog's observers delay the first half of every rename by half
a second, to find the other half, and all later events with it. A scan needs no such pairs.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from pathlib import Path

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from eggwatch.store.drop.folder import ANSWER_FOLDERS

EVERYTHING = None
"""The hint if the changed path is not known."""

MASK = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
    | InotifyConstants.IN_EXCL_UNLINK
)
"""Not opening and writing: a file then takes two events of the kernel's queue, not five, and its removal one."""

_GONE = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF | InotifyConstants.IN_UNMOUNT


class FolderEvents:
    """Watches a folder and its subfolders, except dot-folders and `skipped` ones; calls `hint` with changed paths."""

    def __init__(
        self,
        inotify: InotifyFD,
        root: Path,
        hint: Callable[[str | None], None],
        *,
        skipped: Collection[str] = ANSWER_FOLDERS,
    ) -> None:
        """OSError if the kernel has no watch left for the folder itself, or it does not exist.

        `skipped` are paths relative to the folder.
        """
        self._inotify, self._root, self._hint, self._skipped = inotify, os.fsencode(root), hint, skipped
        self._id = CallbackId(id(self))
        self._lock = threading.Lock()
        self._paths: dict[WatchDescriptor, bytes] = {}
        self._watched: dict[bytes, WatchDescriptor] = {}
        self._watch(b"")
        self._watch_all(b"")

    def on_event(self, event: InotifyEvent) -> None:
        """Pass on the changed path: of a file, or of a new folder, with a slash at its end."""
        with self._lock:
            folder = self._paths.get(event.wd)
        if folder is None:
            return
        if not event.name:
            # Events of a subfolder itself are also reported by its parent, with more detail.
            if event.mask & (InotifyConstants.IN_UNMOUNT if folder else _GONE):
                self._hint(EVERYTHING)
            return
        path = os.path.join(folder, event.name)
        if not event.mask & InotifyConstants.IN_ISDIR:
            self._hint(os.fsdecode(path))
        elif self._is_entered(path):
            self._hint(self._follow(path, event))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """The folder was deleted or moved."""
        with self._lock:
            self._forget(wd)

    def on_queue_overflow(self) -> None:
        """Watch all folders again after lost events, which may have been those of new folders."""
        self._leave(b"")
        self._watch_all(b"")
        self._hint(EVERYTHING)

    def _follow(self, path: bytes, event: InotifyEvent) -> str | None:
        """Watch a new folder; a moved one is watched under its new name if it is still inside, else no longer.

        Returns the hint. A folder can only be deleted when it is empty, and its files had events of their own. What was
        moved with a folder, or is in a folder that can't be watched, is only found by a scan.
        """
        if event.is_moved_from:
            self._leave(path)
            return EVERYTHING
        if not event.is_create and not event.is_moved_to:
            return os.fsdecode(path)
        return os.fsdecode(path + b"/") if self._watch_all(path) else EVERYTHING

    def _leave(self, path: bytes) -> None:
        below = path + b"/" if path else b""
        with self._lock:
            left = [wd for wd, one in self._paths.items() if one == path or one.startswith(below)]
            for wd in left:
                self._forget(wd)
        self._inotify.remove_callbacks([(wd, self._id) for wd in left])

    def _forget(self, wd: WatchDescriptor) -> None:
        path = self._paths.pop(wd, None)
        if path is not None and self._watched.get(path) == wd:
            del self._watched[path]

    def _watch_all(self, path: bytes) -> bool:
        """Watch a folder, and then list its subfolders; returns whether the kernel had watches for all of them."""
        has_all = True
        for folder in chain([path], self._folders_below(path)):
            try:
                self._watch(folder)
            except OSError as error:  # no watch is left: the scan reports it
                has_all = has_all and error.errno == errno.ENOENT
        return has_all

    def _folders_below(self, path: bytes) -> Iterator[bytes]:
        for folder, names, _ in os.walk(os.path.join(self._root, path)):
            below = os.path.relpath(folder, self._root)
            paths = [name if below == b"." else os.path.join(below, name) for name in names]
            names[:] = [os.path.basename(one) for one in paths if self._is_entered(one)]
            yield from (one for one in paths if self._is_entered(one))

    def _watch(self, path: bytes) -> None:
        if path in self._watched:  # it was listed in its parent before its own event came
            return
        wd = self._inotify.add_callback(os.path.join(self._root, path), MASK, self, self._id)
        if wd < 0:  # this account may not read it, which watchdog does not report as an error
            self._inotify.remove_callbacks([(wd, self._id)])
            return
        with self._lock:
            self._paths[wd], self._watched[path] = path, wd

    def _is_entered(self, path: bytes) -> bool:
        """Whether a scan enters this folder, whose parent it has entered."""
        return not os.path.basename(path).startswith(b".") and os.fsdecode(path) not in self._skipped
