"""The published tree on this file system."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from eggwatch.store import durable
from eggwatch.store.durable import OURS, Permissions
from eggwatch.store.public.pool import DAMAGED

SECOND = 1_000_000_000
NEW = ".new"
"""How the names of pages end that are being written."""


class FolderTarget:
    """Pages as files below a folder; new ones are written in `scratch` (same file system) and renamed.

    `now_ns` gives the time in nanoseconds since the epoch. A page's mtime is at least a second after its
    last one: nginx and Caddy make ETags of the mtime in whole seconds, and would answer 304 for another page.
    """

    def __init__(
        self, root: Path, *, scratch: Path, now_ns: Callable[[], int], permissions: Permissions = OURS
    ) -> None:
        self.root = root
        self._scratch = scratch
        self._now_ns = now_ns
        self._permissions = permissions

    def __repr__(self) -> str:
        return f"FolderTarget({str(self.root)!r})"

    def read(self, path: str) -> bytes | None:
        """The page that is published at this path, None if there is none, or its disk can't read it: it is replaced."""
        try:
            return read_page(self.root / path)
        except OSError as error:
            if error.errno not in DAMAGED:
                raise
            return None

    def publish(self, pages: Mapping[str, bytes]) -> tuple[str, ...]:
        """Publish pages in their order, each atomically; durable when this returns. Answers with the changed paths.

        A page that is there with the same content is not touched (twins in `.gz` are compared unpacked). What changed
        is written, synced once, renamed in order, and synced once more (a rename of synced data is cheap).
        """
        changed = self._changed(pages)
        if not changed:
            durable.sync(self._folders_of(pages))  # a crash may have come between the renames and their sync
            return ()
        # First of all into `scratch`: where that is gone, so is the disk, and no folders are made in its place.
        self._clear()
        written = self._write(changed)
        folders = self._make_folders(changed)
        durable.sync({data: written[path] for path, data in changed.items()}.values())  # each file once
        for path in changed:
            durable.rename(written[path], self.root / path)
        durable.sync([*folders, *self._folders_of(changed)])
        return tuple(changed)

    def _changed(self, pages: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those that differ from the published ones; the twin of a changed page has changed, too, and is not unpacked
        to be compared, but where somebody altered the page alone."""
        changed: dict[str, bytes] = {}
        for path, data in pages.items():
            published = self.read(path)
            is_same = published == data or (
                path.removesuffix(".gz") not in changed and same_page(path, published, data)
            )
            if not is_same:
                changed[path] = data
        return changed

    def _folders_of(self, pages: Iterable[str]) -> list[Path]:
        return [self.root / folder for folder in sorted({os.path.dirname(path) for path in pages})]

    def _make_folders(self, pages: Iterable[str]) -> list[Path]:
        made = []
        os.stat(self.root)  # should it be gone by now, it is not made anew
        for folder in self._folders_of(pages):
            if not folder.parent.is_dir():
                durable.make_folders(folder.parent, self._permissions)
            # The public folder itself may be a link to another disk; none below it may.
            if durable.make_folder(folder.resolve() if folder == self.root else folder, self._permissions):
                made.append(folder.parent)
        return made

    def _clear(self) -> None:
        """Remove what a failed publication has left: it may be a second name of a page, which writing would change."""
        for name in os.listdir(self._scratch):
            if name.endswith(NEW):
                durable.unlink(self._scratch / name)

    def _write(self, pages: Mapping[str, bytes]) -> dict[str, Path]:
        """Each page under a name in `scratch`; pages of the same bytes, as the two of HTML, are one file."""
        same: dict[bytes, list[str]] = {}
        for path, data in pages.items():
            same.setdefault(data, []).append(path)
        # One moment for a page and its compressed twin, also where the clock ticks between them.
        stamps = {plain: self._stamp(plain) for plain in {path.removesuffix(".gz") for path in pages}}
        written: dict[str, Path] = {}
        for data, paths in same.items():
            stamp = max(stamps[path.removesuffix(".gz")] for path in paths)
            for path in paths:
                written[path] = self._scratch / f"{len(written)}{NEW}"
                if path == paths[0]:
                    durable.write(written[path], data, permissions=self._permissions, mtime_ns=stamp)
                else:
                    durable.link(written[paths[0]], written[path])
        return written

    def _stamp(self, path: str) -> int:
        try:
            last = os.stat(self.root / path).st_mtime_ns
        except FileNotFoundError:
            return self._now_ns()
        return max(self._now_ns(), last + SECOND)


def read_page(path: Path, size: int = -1) -> bytes | None:
    """The first `size` bytes of a page, None if there is none; a FIFO in its place is empty, and not waited for."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return file.read(size)
    except (FileNotFoundError, NotADirectoryError):
        return None


def same_page(path: str, one: bytes | None, other: bytes) -> bool:
    """Whether two versions of a page have the same content."""
    if one is None or one == other:
        return one is not None
    return path.endswith(".gz") and _unpacked(one) == gzip.decompress(other)


def _unpacked(data: bytes) -> bytes | None:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, ValueError):
        return None
