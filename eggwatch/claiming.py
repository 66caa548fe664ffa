"""The third stage: uploads that may be read are copied into the spool, a portion at a time, small and large in turn.

Many that come at once are not all copied before the first is looked at: what a few milliseconds suffice for is on its
way to the inspectors while the others still wait here. Neither a hundred small ones nor a hundred large ones are in the
way of one that is larger, or smaller.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from eggwatch.model.events import timestamp
from eggwatch.model.names import shown
from eggwatch.model.sightings import Claim, Sighting
from eggwatch.parts import Parts
from eggwatch.room import Room
from eggwatch.sights import Sights
from eggwatch.store.catalog import key_of
from eggwatch.store.spool import Changed

log = logging.getLogger("eggwatch")

PORTION = 0.04
"""Seconds for which uploads are copied before those that were are passed on."""

CREDIT = 64 * 1024 * 1024
"""Bytes of large uploads that may be copied before small ones; as many more as were copied of small ones since."""

Unreadable = Callable[[Sighting, OSError], None]
Ready = tuple[Sighting, bool]
"""An upload that may be read, and whether it is unfinished and has had all its time."""


class Claiming:
    """The uploads that may be read and have no copy yet."""

    def __init__(self, parts: Parts, sights: Sights, room: Room, *, unreadable: Unreadable) -> None:
        """`unreadable(sighting, error)` is told of each upload that this account may not read."""
        self._parts, self._sights, self._room, self._unreadable = parts, sights, room, unreadable
        self._waiting: dict[str, list[Ready]] = {}
        """By normalised filename. Of one the first that was seen stays the first, whatever it weighs."""
        self._order: list[str] = []
        """Those filenames, the smallest upload first."""
        self._taken = 0
        self._credit = CREDIT

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def paths(self) -> set[str]:
        """The paths of those that wait here."""
        return {sighting.path for waiting in self._waiting.values() for sighting, _ in waiting}

    def add(self, ready: Iterable[Ready]) -> None:
        """More of them."""
        known = len(self._waiting)
        for one in ready:
            self._waiting.setdefault(key_of(one[0].filename), []).append(one)
        if len(self._waiting) > known:
            self._order = sorted(self._waiting, key=self._weight)

    def _weight(self, key: str) -> int:
        return self._waiting[key][0][0].identity.size

    def _next(self) -> Ready:
        """The smallest one; every third time the largest one, unless that would hold up the others for long."""
        self._taken += 1
        place = 0
        if self._taken % 3 == 0 and self._weight(self._order[-1]) <= self._credit:
            place = -1
        key = self._order[place]
        ready = self._waiting[key].pop(0)
        self._credit += ready[0].identity.size * (1 if place == 0 else -1)
        if not self._waiting[key]:
            del self._waiting[key], self._order[place]
        if not self._waiting:
            self._credit = CREDIT
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
        return claims

    def _claim(self, sighting: Sighting) -> Claim | None:
        spool, now = self._parts.spool, timestamp(self._parts.now())
        try:
            claim = spool.claim(self._parts.drop, sighting, at=now)
        except (Changed, FileNotFoundError):
            self._sights.later(sighting.path, now=time.monotonic())
            return None
        except PermissionError as error:
            self._unreadable(sighting, error)
            return None
        who = claim.uploader or "nobody in particular"
        log.info("claim    %s: %d bytes from %s, sha256 %s", shown(claim.path), claim.size, who, claim.sha256)
        return claim
