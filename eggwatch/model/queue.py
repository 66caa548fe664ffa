"""How far uploads without a verdict have come, and which fates of files are final."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LEAVING = ("admitted", "known", "rejected")
"""Fates of files that leave the drop folder by themselves."""


FINAL = (*LEAVING, "stuck")
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
