"""How far uploads without a verdict have come, and which fates of files are final."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

MOST_SHOWN = 1000
"""Files that `status` names; of more it only counts."""


class Fate(StrEnum):
    """What happened to a file that is still in the drop folder."""

    ADMITTED = "admitted"
    KNOWN = "known"
    """The same bytes were published before."""
    REJECTED = "rejected"
    STUCK = "stuck"
    """It has had its verdict, and we may not remove it."""
    KEPT = "kept"
    """It has had its verdict, and stays: the drop folder is a mirror."""
    DEFERRED = "deferred"
    """Its end is missing: it is judged again when it has changed."""
    HELD = "held"
    """An error in eggwatch, or other bytes in its place, prevented a verdict."""
    TOLD = "told"
    """It is not an upload and gets no verdict; its owner was told."""


LEAVING = (Fate.ADMITTED, Fate.KNOWN, Fate.REJECTED)
"""Fates of files that leave the drop folder by themselves."""
FINAL = (*LEAVING, Fate.STUCK, Fate.KEPT)
"""Fates of files that have had their verdict."""


class Stage(StrEnum):
    """How far an upload without a verdict has come."""

    IN_HAND = "in_hand"
    """Its copy is under inspection, or about to be."""
    WAITING = "waiting"
    """It could be published, and is not in hand yet."""
    UNFINISHED = "unfinished"
    """Something has to happen to it first: it is still written to, its end is missing, or it can't be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """One upload without a verdict: since when (seconds since the epoch) it is as it is, and what it waits for."""

    path: str
    stage: Stage
    since: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The uploads without a verdict: how many have come how far, and the first of them.

    `oldest` is since when the oldest publishable one has been there (seconds since the epoch), None without one.
    """

    counts: Mapping[Stage, int]
    oldest: float | None
    rows: tuple[Queued, ...]

    def __len__(self) -> int:
        return sum(self.counts.values())


def queue_of(uploads: Collection[Queued]) -> Queue:
    """The queue of some uploads."""
    ready = [one.since for one in uploads if one.stage is not Stage.UNFINISHED]
    first = heapq.nsmallest(MOST_SHOWN, uploads, key=lambda one: one.path)
    counts = Counter(one.stage for one in uploads)
    return Queue(counts=counts, oldest=min(ready, default=None), rows=tuple(first))
