"""What is known of the files in the drop folder: since when, what became of them, and what they wait for."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from eggwatch.intake.answered import Answered
from eggwatch.model.events import seconds_of
from eggwatch.model.names import shown
from eggwatch.model.queue import FINAL, LEAVING, MOST_SHOWN, Fate, Queue, Queued, Stage
from eggwatch.model.sightings import Claim, Identity, Lease, Sighting
from eggwatch.model.status import WaitingFile
from eggwatch.policy.settling import Patience, Wait, remark_on
from eggwatch.store.drop.folder import EXHAUSTED, Found, Survey
from eggwatch.store.state.catalog import Original

LOOK_AGAIN = 1.0
"""Seconds after which a file that somebody has open is looked at again, should no event tell."""

UNREADABLE_PAUSE = 5.0
"""Seconds after which a file that could not be read is tried again: a chmod rings no bell."""

MOST_DUE = 256
"""Paths that are looked at again in one go."""

CROWD = 500
"""Uploads that lie there at the first look, from which on they are probably a stock and not uploads."""

LEFT = 60.0
"""Seconds after which an original under its hidden name is a leftover."""

LONGEST_AGE = 30 * 86400.0
"""Seconds; a clock that was set right since can't make a file older than that."""


def folder_of(path: str) -> str:
    """The folder of a path in the drop, with its slash; empty for the drop folder itself."""
    return path[: path.rfind("/") + 1]


def in_hand(claim: Claim) -> Queued:
    """An upload whose copy has been made, in the queue."""
    return Queued(path=claim.path, stage=Stage.IN_HAND, since=seconds_of(claim.at), reason="under inspection")


@dataclass(slots=True, kw_only=True)
class _Seen:
    found: Found
    since: float


class Uploads:
    """The memory of the drop folder's paths. Times are of the process's monotonic clock."""

    def __init__(self, originals: Iterable[Original], *, patience: Patience) -> None:
        self._seen: dict[str, _Seen] = {}
        known = tuple(originals)
        self.answered = Answered(known)
        self._originals = {original.path: original for original in known if original.fate is not Fate.TOLD}
        self._timers: dict[str, float] = {}
        self._reasons: dict[str, str] = {}
        self._finished: set[str] = set()
        self._hidden: dict[str, Original] = {}
        self._others: dict[str, str] = {}
        self._unreadable: dict[str, tuple[int, int]] = {}
        self._unfinished: dict[str, Identity] = {}
        self.told_to_wait: dict[str, Identity] = {}
        """Uploads that wait for the disk, and whose uploaders were told."""
        self._retried: set[str] = set()
        self._looked = False
        self._first = True
        self._patience = patience
        self.faults: dict[str, str] = {}
        self.leftovers: list[Found] = []
        """Originals that lie there under their hidden names for longer than it takes to leave."""
        self.unwatched = False
        """Whether folders lie there of which the kernel tells us no events."""
        self.folders: set[int] = set()
        """The inodes of the folders of which the kernel should tell us events."""
        self.unproven = False
        """Whether some upload's end could not be proved by a lease, so that a quiet period stood in."""

    def update(self, survey: Survey, *, now: float, wall: float) -> list[str]:
        """Take in what a look has seen; answers with paths that are gone, and that are remembered or were told of.

        `now` is of the monotonic clock, `wall` in seconds since the epoch.
        """
        for found in survey.uploads:
            before = self._seen.get(found.path)
            if before is None or before.found.identity != found.identity:
                self._seen[found.path] = _Seen(found=found, since=self._since(found, now, wall))
                self._forget_reason(found.path)
        self._hidden |= self._remembered(survey.leftovers)
        self._others |= {found.path: self._remark_on(found) for found in survey.others} | survey.unreadable
        self.unwatched = self.unwatched or survey.unwatched
        return self.conclude(survey, wall=wall) if survey.complete else self._vanished(survey.gone)

    def conclude(self, survey: Survey, *, wall: float) -> list[str]:
        """Take in the whole of a scan, whose parts were taken in; answers with remembered paths that are gone."""
        self.leftovers = [one for one in survey.leftovers if wall - one.identity.ctime_ns / 1e9 > LEFT]
        self._looked, self.unwatched, self.folders = True, survey.unwatched, survey.folders
        others = {found.path for found in survey.others} | survey.elsewhere
        self._others = {path: why for path, why in self._others.items() if path in others} | survey.unreadable
        present = {found.path for found in [*survey.uploads, *survey.leftovers]} | survey.elsewhere
        self._hidden = {path: original for path, original in self._hidden.items() if path in present}
        present |= {original.path for original in self._hidden.values()}
        for path in self._seen.keys() - present:
            self._drop(path)
        gone = sorted(self._originals.keys() - present)
        for path in gone:
            del self._originals[path]
        told = self.answered.prune(present | others | survey.unreadable.keys())
        return [*gone, *(path for path in told if path not in self._originals)]

    def _remark_on(self, found: Found) -> str:
        return self.answered.remark(found) or remark_on(found.name) or ""

    def _remembered(self, leftovers: list[Found]) -> dict[str, Original]:
        """Of files under hidden names, which anybody can give, those that we have hidden: by inode, folder, serial."""
        if not leftovers:
            return {}
        inodes = {(one.identity.dev, one.identity.ino): one for one in self._originals.values() if one.fate in FINAL}
        pairs = [(found, inodes.get((found.identity.dev, found.identity.ino))) for found in leftovers]
        return {
            found.path: original
            for found, original in pairs
            if original is not None
            and folder_of(original.path) == folder_of(found.path)
            and found.name.startswith(f".eggwatch-{original.serial}-")
        }

    def hidden(self, found: Found) -> Original | None:
        """What was judged, if this is the very file that we have hidden under this name."""
        return self._hidden.get(found.path)

    def _vanished(self, paths: Iterable[str]) -> list[str]:
        """Forget what others have deleted or moved away; what leaves because we let it go is remembered until then."""
        fates = {path: getattr(self._originals.get(path), "fate", None) for path in paths}
        gone = [path for path, fate in fates.items() if fate not in LEAVING and path not in self._retried]
        for path in gone:
            self._drop(path)
            self._others.pop(path, None)
        told = {path for path in gone if self.answered.forget(path)}
        return [path for path in gone if self._originals.pop(path, None) or path in told]

    def _since(self, found: Found, now: float, wall: float) -> float:
        """When a file last changed: now, or by its ctime if it lay there before this process began to look."""
        age = 0.0 if self._looked else wall - found.identity.ctime_ns / 1e9
        return now - min(max(age, 0.0), LONGEST_AGE)

    def crowd(self, survey: Survey) -> int:
        """How many uploads the first look at the whole folder has found, if they are too many to be uploads; else 0."""
        first, self._first = self._first and survey.complete, self._first and not survey.complete
        return len(survey.uploads) if first and len(survey.uploads) >= CROWD else 0

    def told(self, found: Found, remark: str) -> Original:
        """The owner was told so, and `status` says it too; answers with what is to be remembered."""
        self._others[found.path] = remark
        return self.answered.told(found, remark)

    def _drop(self, path: str) -> None:
        for memory in (self._seen, self._timers, self._unreadable, self._unfinished, self.told_to_wait):
            memory.pop(path, None)
        self._retried.discard(path)
        self._forget_reason(path)

    def _forget_reason(self, path: str) -> None:
        self._reasons.pop(path, None)
        self._finished.discard(path)

    def candidates(self, survey: Survey) -> list[Sighting]:
        """Uploads of a survey that have no verdict yet, as they are now."""
        return [self.sighting(found.path) for found in survey.uploads if not self.is_settled(found)]

    def is_settled(self, found: Found) -> bool:
        """Whether this very file was judged already, and only waits to leave or to change."""
        original = self._originals.get(found.path)
        if original is None or original.identity != found.identity:
            return False
        is_due = found.path in self._retried and found.path not in self._timers
        return original.fate is Fate.HELD or (original.fate is Fate.STUCK and not is_due)

    def stuck(self) -> dict[str, list[str]]:
        """The paths of originals that we may not remove, by their folders (with its slash), sorted."""
        folders: dict[str, list[str]] = {}
        for path in sorted(path for path, original in self._originals.items() if original.fate is Fate.STUCK):
            folders.setdefault(path[: path.rfind("/") + 1], []).append(path)
        return folders

    def is_stuck(self, path: str) -> bool:
        """Whether an original of this path is one of them."""
        original = self._originals.get(path)
        return original is not None and original.fate is Fate.STUCK

    def try_again(self, path: str, *, at: float) -> None:
        """Try once more to let an original go that we may not remove, at a moment of the monotonic clock."""
        self._retried.add(path)
        self._timers[path] = at

    def is_tried_again(self, path: str) -> bool:
        """Whether it will be."""
        return path in self._retried

    def stays(self, path: str) -> None:
        """It was tried again in vain."""
        self._retried.discard(path)
        self._forget_reason(path)

    def sighting(self, path: str) -> Sighting:
        """The sighting of a path that was seen."""
        seen = self._seen[path]
        return Sighting(
            path=path, filename=seen.found.name, identity=seen.found.identity, uid=seen.found.uid, since=seen.since
        )

    def with_lease(self, sighting: Sighting, lease: Lease) -> Sighting:
        """The sighting with what a lease said about writers."""
        self.unproven = self.unproven or lease is Lease.UNPROVEN
        return replace(sighting, lease=lease)

    def original(self, sighting: Sighting) -> Original | None:
        """What became of this very file, if it was read already."""
        original = self._originals.get(sighting.path)
        return original if original is not None and original.identity == sighting.identity else None

    def is_touched(self, claim: Claim) -> bool:
        """Whether this is the file that was judged good at this path, with nothing changed but its mode or times."""
        original = self._originals.get(claim.path)
        if original is None or original.sha256 != claim.sha256 or original.identity == claim.identity:
            return False
        before, after = original.identity, claim.identity
        if (before.dev, before.ino) != (after.dev, after.ino):
            return False
        # What stays there for long is written over by people who mean it; then it is as old as it says.
        was_left = original.fate is Fate.STUCK and after.mtime_ns <= before.ctime_ns
        return was_left or original.fate in (Fate.ADMITTED, Fate.KNOWN)

    def deferred(self, path: str) -> Identity | None:
        """The identity under which a path was found unfinished."""
        original = self._originals.get(path)
        return original.identity if original is not None and original.fate is Fate.DEFERRED else None

    def newly_unfinished(self, sighting: Sighting) -> str | None:
        """Why a deferred upload is thought unfinished, if it was not asked for before in this state."""
        if self._unfinished.get(sighting.path) == sighting.identity:
            return None
        self._unfinished[sighting.path] = sighting.identity
        original = self.original(sighting)
        return (original.reason if original is not None else None) or "The end of the file is missing"

    def remember(self, original: Original) -> None:
        """Take in what became of a file; it is looked at again soon, to leave or to wait."""
        self._originals[original.path] = original
        self._retried.discard(original.path)
        self._forget_reason(original.path)
        self._timers[original.path] = 0.0

    def left(self, path: str, identity: Identity) -> bool:
        """This very file has left its path; what lies there by now stays known.

        Answers whether nothing of the path is worth remembering any more.
        """
        seen, original = self._seen.get(path), self._originals.get(path)
        if seen is not None and seen.found.identity == identity:
            self._drop(path)
        if original is not None and original.identity != identity:
            return False
        self._originals.pop(path, None)
        return True

    def wait(self, path: str, verdict: Wait, *, now: float) -> None:
        """A file waits, and why; it is looked at again at the given moment, or in a second."""
        original = self._originals.get(path)
        more = f" ({original.reason})" if original is not None and original.fate is Fate.DEFERRED else ""
        self._forget_reason(path)
        self._reasons[path] = verdict.reason + more
        if verdict.finished:
            self._finished.add(path)
        self._timers[path] = now + self._pause(LOOK_AGAIN) if verdict.until is None else verdict.until

    def _pause(self, seconds: float) -> float:
        """The more there are that wait, the longer each one waits."""
        return seconds * (1 + len(self._timers) / MOST_DUE)

    def has_its_turn(self, path: str) -> None:
        """Nothing stands in the way of a file any more but others that are copied before it."""
        self._reasons[path] = "waits for its turn"
        self._finished.add(path)

    def later(self, path: str, *, now: float) -> None:
        """Look at a path again in a moment."""
        self._timers[path] = now + 0.05

    def cannot_read(self, sighting: Sighting, error: OSError, *, advice: str, now: float) -> str | None:
        """A file can't be opened by this account: the reason, if it is to be told now. It is tried again in a while.

        `advice` is what its uploader can do where a right is missing. Raises the error if it is not about the file.
        """
        if error.errno in EXHAUSTED:
            raise error
        more = f": {advice}" if isinstance(error, PermissionError) else ""
        path = sighting.path
        self._reasons[path] = f"can't be read ({error.strerror}){more}"
        self._timers[path] = now + self._pause(UNREADABLE_PAUSE)
        identity = self._seen[path].found.identity if path in self._seen else None
        if identity is None or self._unreadable.get(path) == (identity.dev, identity.ino):
            return None  # the same file, that was told of; what is written into it is no news
        if not self.answered.may_tell(sighting):
            return None
        self._unreadable[path] = (identity.dev, identity.ino)
        return self._reasons[path]

    def due_paths(self, now: float) -> set[str]:
        """Paths whose time has come, those that wait for longest first, and not too many; each is given out once."""
        due = [(moment, path) for path, moment in self._timers.items() if moment <= now]
        paths = {path for _, path in heapq.nsmallest(MOST_DUE, due)}
        for path in paths:
            del self._timers[path]
        return paths

    def next_due(self) -> float | None:
        """When the next path is to be looked at."""
        return min(self._timers.values(), default=None)

    def fault(self, what: str, message: str) -> bool:
        """Note something that the operator must mend; True if it is news."""
        news = self.faults.get(what) != message
        self.faults[what] = message
        return news

    def mend(self, what: str) -> bool:
        """A fault is gone; True if it was there."""
        return self.faults.pop(what, None) is not None

    def waiting(self) -> tuple[WaitingFile, ...]:
        """The files that lie in the drop folder, each with why: for `status`, as far as one page goes."""
        rows = {path: self._why(path) for path in self._seen} | self._others
        first = heapq.nsmallest(MOST_SHOWN, (path for path, reason in rows.items() if reason))
        return tuple(WaitingFile(path=shown(path), reason=shown(rows[path])) for path in first)

    def not_shown(self) -> int:
        """How many more there are."""
        return max(0, len(self._seen) + len(self._others) - MOST_SHOWN)

    def unfinished(self) -> list[str]:
        """Uploads that have no verdict, as people read their paths: waiting, deferred or held."""
        return sorted(
            shown(path) for path in self._seen if path not in self._originals or self._originals[path].fate not in FINAL
        )

    def queue(self, *, now: float, wall: float, taken: Collection[Queued]) -> Queue:
        """The uploads without a verdict: those `taken` in hand, and the others; `now` and `wall` as for `update`."""
        paths = {one.path for one in taken}
        stages = {path: self._stage(path) for path in self._seen if path not in paths and self._fate(path) not in FINAL}
        ready = [self._seen[path].since for path, stage in stages.items() if stage is not Stage.UNFINISHED]
        moments = [one.since for one in taken] + [wall - (now - since) for since in ready]
        waiting = (
            Queued(path=path, stage=stages[path], since=wall - (now - self._seen[path].since), reason=self._why(path))
            for path in heapq.nsmallest(MOST_SHOWN, stages)
        )
        counts = Counter(stages.values()) + Counter(one.stage for one in taken)
        return Queue(counts=counts, oldest=min(moments, default=None), rows=(*taken, *waiting))

    def _fate(self, path: str) -> Fate | None:
        """What became of the very file that lies at a path; None if nobody has judged it."""
        original = self._originals.get(path)
        return original.fate if original is not None and original.identity == self._seen[path].found.identity else None

    def _stage(self, path: str) -> Stage:
        """Unfinished, as long as there is a reason that lies in the file; for what was only just seen there is none."""
        blocked = path in self._reasons or self._fate(path) is not None
        return Stage.UNFINISHED if blocked and path not in self._finished else Stage.WAITING

    def _why(self, path: str) -> str:
        if path in self._reasons:
            return self._reasons[path]
        original = self._originals.get(path)
        if original is None:
            return "just seen"
        if original.fate in (Fate.HELD, Fate.STUCK, Fate.DEFERRED):
            return f"{original.fate}: {(original.reason or '').strip().splitlines()[-1] if original.reason else ''}"
        return f"{original.fate}; leaves the drop folder in a moment"
