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
from collections.abc import Callable, Iterable

from eggwatch.errors import FolderError
from eggwatch.model.events import timestamp
from eggwatch.model.names import Filename, parse_filename, shown
from eggwatch.model.sightings import Claim, Sighting
from eggwatch.parts import Parts
from eggwatch.room import Room
from eggwatch.sights import Sights
from eggwatch.store.catalog import key_of
from eggwatch.store.spool import Changed, UnwritableError

log = logging.getLogger("eggwatch")

PORTION = 0.04
"""Seconds for which uploads are copied before those that were are passed on."""
LARGE_TURN = 3
"""Every so many times a large upload is copied,"""
OLDEST_TURN = 16
"""and every so many times the one that waits for longest, whatever it weighs."""
CREDIT = 64 * 1024 * 1024
"""Bytes of large uploads that may be copied before small ones; as many more as were copied of small ones since."""
CHANGED = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ESTALE)
"""What opening a path says when something else lies there by now, as a link or another folder."""

Ready = tuple[Sighting, bool]
"""An upload that may be read, and whether it is unfinished and has had all its time."""
Unreadable = Callable[[Sighting, OSError], None]


class Claiming:
    """The uploads that may be read and have no copy yet."""

    def __init__(self, parts: Parts, sights: Sights, room: Room, *, unreadable: Unreadable) -> None:
        """`unreadable(sighting, error)` is told of each upload that this account may not read."""
        self._parts, self._sights, self._room, self._unreadable = parts, sights, room, unreadable
        self._waiting: dict[str, deque[tuple[int, Ready]]] = {}
        """By project, with the number of their arrival."""
        self._order: list[tuple[int, int, str]] = []
        """(bytes, arrival, project) of the first of each project, sorted."""
        self._arrivals = self._taken = 0
        self._credit = CREDIT

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def paths(self) -> set[str]:
        """The paths of those that wait here."""
        return {sighting.path for waiting in self._waiting.values() for _, (sighting, _) in waiting}

    def add(self, ready: Iterable[Ready]) -> None:
        """More of them."""
        for one in ready:
            self._arrivals += 1
            project = _project(one[0].filename)
            waiting = self._waiting.setdefault(project, deque())
            waiting.append((self._arrivals, one))
            if len(waiting) == 1:
                self._line_up(project)
            self._sights.has_its_turn(one[0].path)

    def _line_up(self, project: str) -> None:
        arrival, (sighting, _) = self._waiting[project][0]
        insort(self._order, (sighting.identity.size, arrival, project))

    def _next(self) -> Ready:
        """The smallest one; every third time the largest that holds up the others not for long; at times the oldest."""
        self._taken += 1
        place, sign = 0, 1
        if self._taken % OLDEST_TURN == 0:
            place = min(range(len(self._order)), key=lambda place: self._order[place][1])
        elif self._taken % LARGE_TURN == 0 and (fitting := bisect_right(self._order, (self._credit + 1,))):
            # Of those that weigh the same the first that was seen.
            place, sign = bisect_left(self._order, (self._order[fitting - 1][0],)), -1
        size, _, project = self._order.pop(place)
        self._credit = min(CREDIT, self._credit + sign * size)
        _, ready = self._waiting[project].popleft()
        if self._waiting[project]:
            self._line_up(project)
        else:
            del self._waiting[project]
        return ready

    def portion(self, most: int, meanwhile: Callable[[], None]) -> list[tuple[Claim, bool]]:
        """Copy as many as there is time for, one at least and `most` at most, and make the copies last.

        `meanwhile()` is called after each.
        """
        claims: list[tuple[Claim, bool]] = []
        deadline = time.monotonic() + PORTION
        while self._waiting and len(claims) < most and (not claims or time.monotonic() < deadline):
            sighting, overdue = self._next()
            claim = self._claim(sighting) if self._room.let_in(sighting) else None
            if claim is not None:
                claims.append((claim, overdue))
            meanwhile()
        self._parts.spool.sync([claim for claim, _ in claims])
        if not self._waiting:
            self._credit = CREDIT
        return claims

    def _claim(self, sighting: Sighting) -> Claim | None:
        """Copy one upload; None if it is gone, is another one by now, or the drop folder is: the next look says so."""
        spool, now = self._parts.spool, timestamp(self._parts.now())
        try:
            claim = spool.claim(self._parts.drop, sighting, at=now)
        except UnwritableError as error:
            self._room.is_closed(sighting, error)
            return None
        except (Changed, FileNotFoundError, FolderError):
            self._sights.later(sighting.path, now=time.monotonic())
            return None
        except PermissionError as error:
            self._unreadable(sighting, error)
            return None
        except OSError as error:
            if error.errno not in CHANGED:
                raise
            self._sights.later(sighting.path, now=time.monotonic())
            return None
        self._room.is_open()
        who = claim.uploader or "nobody in particular"
        log.info("claim    %s: %d bytes from %s, sha256 %s", shown(claim.path), claim.size, who, claim.sha256)
        return claim


def _project(text: str) -> str:
    filename = parse_filename(text)
    return filename.project if isinstance(filename, Filename) else key_of(text)
