"""What is known of the files in the drop folder: since when they are unchanged, and what they are waiting for.

Verdicts, timers, answers to uploaders and faults have classes of their own, which are attributes here.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from eggwatch.intake.answered import Answered
from eggwatch.intake.originals import Originals
from eggwatch.intake.timers import Timers
from eggwatch.model.events import seconds_of
from eggwatch.model.names import shown
from eggwatch.model.queue import FINAL, MOST_SHOWN, Fate, Queue, Queued, Stage
from eggwatch.model.sightings import Claim, Identity, Lease, Sighting
from eggwatch.model.status import WaitingFile
from eggwatch.policy.settling import Wait, remark_on
from eggwatch.store.drop.folder import EXHAUSTED, Found, Survey
from eggwatch.store.state.catalog import Original


class Faults(dict[str, str]):
    """Messages, by what they are about."""

    def note(self, what: str, message: str) -> bool:
        """Record a fault; True if it is new or has another message."""
        news = self.get(what) != message
        self[what] = message
        return news

    def resolve(self, what: str) -> bool:
        """Clear a fault; True if there was one."""
        return self.pop(what, None) is not None


LOOK_AGAIN = 1.0
"""Seconds after which a file that is open for writing is checked again, unless an event comes first."""

UNREADABLE_PAUSE = 5.0
"""Seconds after which a file that could not be read is tried again, because a chmod causes no event."""

CROWD = 500
"""From so many files at the first scan on, they are probably existing archives and not uploads."""

LEFT = 60.0
"""Seconds after which an original under its hidden name is a leftover."""

LONGEST_AGE = 30 * 86400.0
"""Seconds; a clock that was set right since can't make a file older than that."""


def in_hand(claim: Claim) -> Queued:
    """An upload whose copy has been made, in the queue."""
    return Queued(path=claim.path, stage=Stage.IN_HAND, since=seconds_of(claim.at), reason="being checked")


@dataclass(slots=True, kw_only=True)
class _Seen:
    found: Found
    since: float


class Uploads:
    """The memory of the drop folder's paths. Times are of the process's monotonic clock."""

    def __init__(self, originals: Iterable[Original]) -> None:
        known = tuple(originals)
        self.answered = Answered(known)
        self.timers = Timers()
        self.originals = Originals(known, self.timers)
        self.faults = Faults()
        self._seen: dict[str, _Seen] = {}
        self._reasons: dict[str, str] = {}
        self._finished: set[str] = set()
        """Paths that wait for something other than the file itself."""
        self._others: dict[str, str] = {}
        self._looked = False
        self._first = True
        self.leftovers: list[Found] = []
        """Originals that are hidden for longer than it takes to remove them."""
        self.unwatched = False
        """True if there are folders without events."""
        self.folders: set[int] = set()
        """The inodes of the folders that should have events."""
        self.unproven = False
        """True if a quiet period was used for some upload because a lease was not available."""

    def update(self, survey: Survey, *, now: float, wall: float) -> list[str]:
        """Process the results of a scan; returns paths that are gone, and that were stored or whose owners were told.

        `now` is of the monotonic clock, `wall` in seconds since the epoch.
        """
        for found in survey.uploads:
            before = self._seen.get(found.path)
            if before is None or before.found.identity != found.identity:
                # When a file last changed: now, or by its ctime if it was there before the first scan of this process.
                age = 0.0 if self._looked else wall - found.identity.ctime_ns / 1e9
                self._seen[found.path] = _Seen(found=found, since=now - min(max(age, 0.0), LONGEST_AGE))
                self._forget_reason(found.path)
        self.originals.recognise(survey.leftovers)
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
        present |= self.originals.still_hidden(present)
        for path in self._seen.keys() - present:
            self._drop(path)
        gone = self.originals.prune(present)
        told = self.answered.prune(present | others | survey.unreadable.keys())
        return [*gone, *(path for path in told if path not in self.originals)]

    def _remark_on(self, found: Found) -> str:
        return self.answered.remark(found) or remark_on(found.name) or ""

    def _vanished(self, paths: Iterable[str]) -> list[str]:
        """Forget what others have deleted or moved away; what leaves because we let it go is remembered until then."""
        gone = [path for path in paths if not self.originals.is_leaving(path)]
        for path in gone:
            self._drop(path)
            self._others.pop(path, None)
        told = {path for path in gone if self.answered.forget(path)}
        return [path for path in gone if self.originals.forget(path) or path in told]

    def crowd(self, survey: Survey) -> int:
        """How many uploads the first look at the whole folder has found, if they are too many to be uploads; else 0."""
        first, self._first = self._first and survey.complete, self._first and not survey.complete
        return len(survey.uploads) if first and len(survey.uploads) >= CROWD else 0

    def told(self, found: Found, remark: str) -> Original:
        """Mark that the owner was told, and show it in `status`; returns what is to be stored."""
        self._others[found.path] = remark
        return self.answered.told(found, remark)

    def _drop(self, path: str) -> None:
        self._seen.pop(path, None)
        self.timers.forget(path)
        self.answered.forget_waiting(path)
        self.originals.was_tried(path)
        self._forget_reason(path)

    def _forget_reason(self, path: str) -> None:
        self._reasons.pop(path, None)
        self._finished.discard(path)

    def candidates(self, survey: Survey) -> list[Sighting]:
        """Uploads of a survey that have no verdict yet, as they are now."""
        return [self.sighting(found.path) for found in survey.uploads if not self.originals.is_settled(found)]

    def stays(self, path: str) -> None:
        """It was tried again in vain."""
        self.originals.was_tried(path)
        self._forget_reason(path)

    def sighting(self, path: str) -> Sighting:
        """The sighting of a path that was seen."""
        seen = self._seen[path]
        return Sighting(
            path=path, filename=seen.found.name, identity=seen.found.identity, uid=seen.found.uid, since=seen.since
        )

    def with_lease(self, sighting: Sighting, lease: Lease, *, open_to: str | None, is_whole: bool) -> Sighting:
        """The sighting with what a lease said about writers, and who may be one."""
        self.unproven = self.unproven or lease is Lease.UNPROVEN
        return replace(sighting, lease=lease, open_to=open_to, is_whole=is_whole)

    def newly_unfinished(self, sighting: Sighting) -> str | None:
        """Why a deferred upload seems incomplete, if its uploader is to be told now."""
        if not self.answered.is_news(sighting, "unfinished", sighting.identity):
            return None
        original = self.originals.of(sighting)
        return (original.reason if original is not None else None) or "The end of the file is missing"

    def remember(self, original: Original) -> None:
        """Take in what became of a file; it is looked at again soon, to leave or to wait."""
        self.originals.remember(original)
        self._forget_reason(original.path)
        self.timers.at(original.path, 0.0)

    def left(self, path: str, identity: Identity) -> bool:
        """Forget exactly this file, but not another one that is at its path by now.

        Returns whether nothing about the path has to be stored any more.
        """
        seen, original = self._seen.get(path), self.originals.at(path)
        if seen is not None and seen.found.identity == identity:
            self._drop(path)
        if original is not None and original.identity != identity:
            return False
        self.originals.forget(path)
        return True

    def wait(self, path: str, verdict: Wait, *, now: float) -> None:
        """A file waits, and why; it is looked at again at the given moment, or in a second."""
        original = self.originals.at(path)
        more = f" ({original.reason})" if original is not None and original.fate is Fate.DEFERRED else ""
        self._forget_reason(path)
        self._reasons[path] = verdict.reason + more
        if verdict.finished:
            self._finished.add(path)
        if verdict.until is None:
            self.timers.after(path, LOOK_AGAIN, now=now)
        else:
            self.timers.at(path, verdict.until)

    def has_its_turn(self, path: str) -> None:
        """Mark a file that only waits for others to be copied first."""
        self._reasons[path] = "waiting for its turn"
        self._finished.add(path)

    def cannot_read(self, sighting: Sighting, error: OSError, *, advice: str, now: float) -> str | None:
        """Mark a file that can't be opened, to be tried again later; returns the reason if its owner is to be told now.

        `advice` is what its uploader can do where a right is missing. Raises the error if it is not about the file.
        """
        if error.errno in EXHAUSTED:
            raise error
        more = f": {advice}" if isinstance(error, PermissionError) else ""
        path = sighting.path
        self._reasons[path] = f"can't be read ({error.strerror}){more}"
        self.timers.after(path, UNREADABLE_PAUSE, now=now)
        if path not in self._seen:
            return None
        seen = self._seen[path].found.identity  # what is written into the file is no news
        return self._reasons[path] if self.answered.is_news(sighting, "unreadable", (seen.dev, seen.ino)) else None

    def waiting(self) -> tuple[WaitingFile, ...]:
        """The files in the drop folder with their reasons, for `status`, up to a limit."""
        rows = self._rows()
        first = heapq.nsmallest(MOST_SHOWN, rows)
        return tuple(WaitingFile(path=shown(path), reason=shown(rows[path])) for path in first)

    def not_shown(self) -> int:
        """How many more there are."""
        return max(0, len(self._rows()) - MOST_SHOWN)

    def _rows(self) -> dict[str, str]:
        rows = {path: self._why(path) for path in self._seen} | self._others
        return {path: reason for path, reason in rows.items() if reason}

    def unfinished(self) -> list[str]:
        """Uploads that have no verdict, as people read their paths: waiting, deferred or held."""
        originals = ((path, self.originals.at(path)) for path in self._seen)
        return sorted(shown(path) for path, original in originals if original is None or original.fate not in FINAL)

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
        """The fate of exactly the file at a path; None if it has no verdict."""
        original = self.originals.of(self._seen[path].found)
        return None if original is None else original.fate

    def _stage(self, path: str) -> Stage:
        """True while the reason for waiting is in the file itself; a new file has none yet."""
        blocked = path in self._reasons or self._fate(path) is not None
        return Stage.UNFINISHED if blocked and path not in self._finished else Stage.WAITING

    def _why(self, path: str) -> str:
        if path in self._reasons:
            return self._reasons[path]
        original = self.originals.at(path)
        if original is None:
            return "new"
        if original.fate is Fate.KEPT:
            return original.reason or ""
        if original.fate in (Fate.HELD, Fate.STUCK, Fate.DEFERRED):
            reason = (original.reason or "").strip().splitlines()[-1:]
            again = ["to have it checked again, touch it"] if original.fate is Fate.HELD else []
            return f"{original.fate}: {'; '.join(reason + again)}"
        return f"{original.fate}; will be removed from the drop folder in a moment"
