"""The third stage: uploads that may be read are copied into the spool, a portion at a time, small and large in turn.

Many that come at once are not all copied before the first is looked at: what a few milliseconds suffice for is on its
way to the inspectors while the others still wait here. Neither a hundred small ones nor a hundred large ones are in the
way of one that is larger, or smaller. Those of one project are copied in the order in which they were seen, since the
order may decide which of them is published: the filename, the release and the project belong to the first.
"""

from __future__ import annotations

import errno
import logging
import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

from eggwatch.errors import FolderError
from eggwatch.intake.disk_space import DiskSpace
from eggwatch.intake.uploads import Uploads
from eggwatch.model.events import timestamp
from eggwatch.model.names import Filename, parse_filename, shown
from eggwatch.model.sightings import Claim, Sighting
from eggwatch.store.drop.folder import Drop
from eggwatch.store.public.spool import CHUNK, Changed, Spool, Steps, UnreadableError, UnwritableError
from eggwatch.store.state.catalog import key_of

log = logging.getLogger("eggwatch")

PORTION = 0.04
"""Seconds for which uploads are copied before those that were are passed on,"""
BULK_PORTION = 0.4
"""and so many where small ones of more than `BULK` projects wait: what is copied together is committed together."""
BULK = 16
LARGE_TURN = 3
"""Every so many times a large upload is copied,"""
OLDEST_TURN = 16
"""and every so many times the one that waits for longest, whatever it weighs."""
CREDIT = 64 * 1024 * 1024
"""Bytes of large uploads that may be copied before small ones; as many more as were copied of small ones since."""
IN_A_ROW = 16
"""So many small uploads of one project are copied one after the other,"""
SMALL = 256 * 1024
"""which have so many bytes at most."""
GIVEN_UP = -1
CHANGED = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ESTALE)
"""Errors of opening a path at which there is something else by now, such as a link or another folder."""

SLICE = 0.02
"""Seconds for which one upload is copied before others go on."""
MOST_BEGUN = 8
"""Copies under way, each with two descriptors open."""
BEGUN_TURN = 4
"""Every so many times the copy goes on that was begun first, however much is left of it."""

Candidate = tuple[Sighting, bool]
"""An upload that may be read, and whether it is unfinished and has had all its time."""
Unreadable = Callable[[Sighting, OSError], None]


@dataclass(slots=True, kw_only=True)
class _Copy:
    """A copy under way."""

    sighting: Sighting
    overdue: bool
    steps: Steps[Claim]
    done: int = 0

    @property
    def left(self) -> int:
        """Bytes that are still to be copied, about."""
        return self.sighting.identity.size - self.done


class ClaimQueue:
    """The uploads that may be read and have no copy yet."""

    def __init__(
        self,
        drop: Drop,
        spool: Spool,
        uploads: Uploads,
        space: DiskSpace,
        *,
        now: Callable[[], float],
        unreadable: Unreadable,
    ) -> None:
        """`unreadable(sighting, error)` is called for each upload that this account may not read."""
        self._drop, self._spool, self._uploads, self._space = drop, spool, uploads, space
        self._now, self._unreadable = now, unreadable
        self._waiting: dict[str, deque[tuple[int, Candidate]]] = {}
        """By project, with the number of their arrival."""
        self._order: list[tuple[int, int, str]] = []
        """(bytes, arrival, project) of the first of each project, sorted."""
        self._begun: list[_Copy] = []
        self._paths: set[str] = set()
        self._arrivals = self._taken = self._turns = 0
        self._credit = CREDIT
        self._last, self._in_a_row = "", 0

    def __bool__(self) -> bool:
        return bool(self._waiting or self._begun)

    def __contains__(self, project: str) -> bool:
        """Whether an upload of a project waits here, or is being copied."""
        return project in self._waiting or self._is_begun(project)

    def paths(self) -> Set[str]:
        """The paths of those that wait here, or are being copied."""
        return self._paths

    def add(self, ready: Iterable[Candidate]) -> None:
        """More of them."""
        for one in ready:
            self._arrivals += 1
            self._paths.add(one[0].path)
            project = project_of(one[0].filename)
            waiting = self._waiting.setdefault(project, deque())
            waiting.append((self._arrivals, one))
            if len(waiting) == 1 and not self._is_begun(project):
                self._line_up(project)
            self._uploads.has_its_turn(one[0].path)

    def _line_up(self, project: str) -> None:
        arrival, (sighting, _) = self._waiting[project][0]
        insort(self._order, (sighting.identity.size, arrival, project))

    def _next(self) -> Candidate:
        """The smallest one; every third time the largest that holds up the others not for long; at times the oldest.

        Small ones of one project follow each other: its page is rendered once for them.
        """
        place = self._place_of_sibling()
        if place is not None:
            self._in_a_row += 1
            return self._take(place, 1)
        self._in_a_row = 1
        self._taken += 1
        place, sign = 0, 1
        if self._taken % OLDEST_TURN == 0:
            place = min(range(len(self._order)), key=lambda place: self._order[place][1])
        elif self._taken % LARGE_TURN == 0 and (fitting := bisect_right(self._order, (self._credit + 1,))):
            # Of those that weigh the same the first that was seen.
            place, sign = bisect_left(self._order, (self._order[fitting - 1][0],)), -1
        return self._take(place, sign)

    def _place_of_sibling(self) -> int | None:
        """The position of the next small upload of the last project; None if others come first."""
        waiting = self._waiting.get(self._last)
        if waiting is None or self._in_a_row >= IN_A_ROW:
            return None
        arrival, (sighting, _) = waiting[0]
        if sighting.identity.size > SMALL:
            return None
        place = bisect_left(self._order, (sighting.identity.size, arrival, self._last))
        return place if self._order[place : place + 1] == [(sighting.identity.size, arrival, self._last)] else None

    def _take(self, place: int, sign: int) -> Candidate:
        size, _, self._last = self._order.pop(place)
        self._credit = min(CREDIT, self._credit + sign * size)
        _, ready = self._waiting[self._last].popleft()
        if not self._waiting[self._last]:
            del self._waiting[self._last]
        return ready

    def _is_begun(self, project: str) -> bool:
        return any(project_of(copy.sighting.filename) == project for copy in self._begun)

    def _over(self, sighting: Sighting) -> None:
        """It is copied, or will not be: the next one of its project may be."""
        self._paths.discard(sighting.path)
        project = project_of(sighting.filename)
        if project in self._waiting:
            self._line_up(project)

    def portion(self, most: int, meanwhile: Callable[[], None]) -> list[tuple[Claim, bool]]:
        """Copy as many as there is time for and `most` at most, a large one in part.

        `meanwhile()` is called after each. The copies do not last before `Spool.sync`, but may be read at once.
        """
        claims: list[tuple[Claim, bool]] = []
        deadline, first = time.monotonic() + self._seconds(), True
        while self and len(claims) < most and (first or time.monotonic() < deadline):
            copy = self._turn()
            if copy is not None and (claim := self._go_on(copy)) is not None:
                claims.append((claim, copy.overdue))
            first = False
            meanwhile()
        if not self._waiting:
            self._credit = CREDIT
        return claims

    def _seconds(self) -> float:
        """How long a portion takes: longer where many small ones wait."""
        is_bulk = len(self._order) > BULK and self._order[BULK][0] <= SMALL
        return BULK_PORTION if is_bulk else PORTION

    def _turn(self) -> _Copy | None:
        """Which copy goes on: a new one, or of those under way that of which the least is left; at times the oldest."""
        self._turns += 1
        least = min(self._begun, key=lambda copy: copy.left, default=None)
        if self._begun and (not self._order or self._turns % BEGUN_TURN == 0):
            return self._begun[0] if self._turns % BEGUN_TURN == 0 else least
        if least is not None and (len(self._begun) >= MOST_BEGUN or self._order[0][0] >= least.left):
            return least
        return self._begin(self._next())

    def _begin(self, ready: Candidate) -> _Copy | None:
        sighting, overdue = ready
        if not self._space.let_in(sighting, reserved=sum(copy.left for copy in self._begun)):
            self._over(sighting)
            return None
        now = timestamp(self._now())
        steps = self._spool.claiming(self._drop, sighting, at=now)
        self._begun.append(copy := _Copy(sighting=sighting, overdue=overdue, steps=steps))
        return copy

    def _go_on(self, copy: _Copy) -> Claim | None:
        """Copy for a moment; the claim when that was the last part of it."""
        deadline = time.monotonic() + SLICE
        try:
            claim = self._stepped(copy, deadline)
        except BaseException:
            self._begun.remove(copy)
            self._over(copy.sighting)
            raise
        if claim is None and copy.done >= 0:
            return None
        self._begun.remove(copy)
        self._over(copy.sighting)
        if claim is not None:
            self._space.is_open()
            who = claim.uploader or "nobody in particular"
            log.info("claim    %s: %d bytes from %s, sha256 %s", shown(claim.path), claim.size, who, claim.sha256)
        return claim

    def _stepped(self, copy: _Copy, deadline: float) -> Claim | None:
        """The claim; None if there is more to copy, or nothing any more (`done` is below 0 then).

        It may be gone, another one by now, or the drop folder is gone: the next look says so.
        """
        path = copy.sighting.path
        try:
            while time.monotonic() < deadline:
                next(copy.steps)
                copy.done += CHUNK
                self._spool.progress()
            return None
        except StopIteration as end:
            claim: Claim = end.value
            return claim
        except UnwritableError as error:
            self._space.is_closed(copy.sighting, error)
        except (PermissionError, UnreadableError) as error:
            self._unreadable(copy.sighting, error)
        except (Changed, FileNotFoundError, FolderError):
            self._uploads.timers.later(path, now=time.monotonic())
        except OSError as error:
            if error.errno not in CHANGED:
                raise
            self._uploads.timers.later(path, now=time.monotonic())
        copy.done = GIVEN_UP
        return None

    def let_go(self) -> None:
        """Give up the copies under way: their uploads are found again."""
        for copy in self._begun:
            copy.steps.close()
            self._paths.discard(copy.sighting.path)
        self._begun.clear()


def project_of(text: str) -> str:
    """The normalised project of a filename; the normalised filename itself if it is not that of an archive."""
    filename = parse_filename(text)
    return filename.project if isinstance(filename, Filename) else key_of(text)
