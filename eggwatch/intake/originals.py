"""What became of the files in the drop folder that have been read: their fates, as the catalog remembers them."""

from __future__ import annotations

from collections.abc import Iterable

from eggwatch.intake.timers import Timers
from eggwatch.model.queue import FINAL, LEAVING, Fate
from eggwatch.model.sightings import Claim, Identity, Sighting
from eggwatch.store.drop.folder import Found
from eggwatch.store.state.catalog import Original


def folder_of(path: str) -> str:
    """The folder of a path in the drop, with its slash; empty for the drop folder itself."""
    return path[: path.rfind("/") + 1]


class Originals:
    """The originals by their paths, those that are hidden, and those that may not be removed."""

    def __init__(self, known: Iterable[Original], timers: Timers) -> None:
        self._known = {original.path: original for original in known if original.fate is not Fate.TOLD}
        self._hidden: dict[str, Original] = {}
        self._retried: set[str] = set()
        self._timers = timers
        self.missing: dict[str, Original] = {}
        """Originals that are to stay in the drop folder, and that the last scan has not seen."""

    def __contains__(self, path: str) -> bool:
        return path in self._known

    def at(self, path: str) -> Original | None:
        """What was read last at a path."""
        return self._known.get(path)

    def of(self, file: Found | Sighting) -> Original | None:
        """What became of this very file, if it was read already."""
        original = self._known.get(file.path)
        return original if original is not None and original.identity == file.identity else None

    def hidden(self, found: Found) -> Original | None:
        """What was judged, if this is the very file that we have hidden under this name."""
        return self._hidden.get(found.path)

    def remember(self, original: Original) -> None:
        """Take in what became of a file."""
        self._known[original.path] = original
        self._retried.discard(original.path)

    def forget(self, path: str) -> Original | None:
        """Nothing of a path is worth remembering any more; answers with what was known of it."""
        return self._known.pop(path, None)

    def still_hidden(self, present: set[str]) -> set[str]:
        """After a scan, the paths of hidden originals that still exist; the others are forgotten."""
        self._hidden = {path: original for path, original in self._hidden.items() if path in present}
        return {original.path for original in self._hidden.values()}

    def prune(self, present: set[str]) -> list[str]:
        """After a scan, forget files that are gone, but for those that are to stay; returns their paths, sorted."""
        absent = self._known.keys() - present
        self.missing = {path: self._known[path] for path in absent if self._known[path].fate is Fate.KEPT}
        gone = sorted(absent - self.missing.keys())
        for path in gone:
            del self._known[path]
        return gone

    def recognise(self, leftovers: list[Found]) -> None:
        """Of files under hidden names, which anybody can give, those that we have hidden: by inode, folder, serial."""
        if not leftovers:
            return
        inodes = {(one.identity.dev, one.identity.ino): one for one in self._known.values() if one.fate in FINAL}
        for found in leftovers:
            original = inodes.get((found.identity.dev, found.identity.ino))
            if (
                original is not None
                and folder_of(original.path) == folder_of(found.path)
                and found.name.startswith(f".eggwatch-{original.serial}-")
            ):
                self._hidden[found.path] = original

    def is_leaving(self, path: str) -> bool:
        """Whether a file that is not there any more may be one that we let go, or try to; what is to stay is missed."""
        original = self._known.get(path)
        return path in self._retried or (original is not None and original.fate in (*LEAVING, Fate.KEPT))

    def is_settled(self, found: Found) -> bool:
        """Whether this very file was judged already, and only waits to leave or to change."""
        original = self._known.get(found.path)
        if original is None or original.identity != found.identity:
            return False
        is_due = found.path in self._retried and found.path not in self._timers
        return original.fate in (Fate.HELD, Fate.KEPT) or (original.fate is Fate.STUCK and not is_due)

    def is_touched(self, claim: Claim) -> bool:
        """Whether this is the file that was judged good at this path, with nothing changed but its mode or times."""
        original = self._known.get(claim.path)
        if original is None or original.sha256 != claim.sha256 or original.identity == claim.identity:
            return False
        before, after = original.identity, claim.identity
        if (before.dev, before.ino) != (after.dev, after.ino):
            return False
        # A file that is there for long is only overwritten on purpose; then it is as old as its mtime says.
        was_left = original.fate in (Fate.STUCK, Fate.KEPT) and after.mtime_ns <= before.ctime_ns
        return was_left or original.fate in (Fate.ADMITTED, Fate.KNOWN)

    def deferred(self, path: str) -> Identity | None:
        """The identity under which a path was found unfinished."""
        original = self._known.get(path)
        return original.identity if original is not None and original.fate is Fate.DEFERRED else None

    def stuck(self) -> dict[str, list[str]]:
        """The paths of originals that we may not remove, by their folders (with its slash), sorted."""
        folders: dict[str, list[str]] = {}
        for path in sorted(path for path, original in self._known.items() if original.fate is Fate.STUCK):
            folders.setdefault(folder_of(path), []).append(path)
        return folders

    def is_stuck(self, path: str) -> bool:
        """Whether an original of this path is one of them."""
        original = self._known.get(path)
        return original is not None and original.fate is Fate.STUCK

    def try_again(self, path: str, *, at: float) -> None:
        """Try once more to let an original go that we may not remove, at a moment of the monotonic clock."""
        self._retried.add(path)
        self._timers.at(path, at)

    def is_tried_again(self, path: str) -> bool:
        """Whether it will be."""
        return path in self._retried

    def was_tried(self, path: str) -> None:
        """Forget that it failed: it was tried again, or something else is there."""
        self._retried.discard(path)
