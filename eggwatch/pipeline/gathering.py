"""What inspectors have found: taken beside other work, or waited for, so that many uploads share a commit."""

from __future__ import annotations

import time

from eggwatch.inspection.inspectors import Inspectors
from eggwatch.inspection.worker import Result

PAUSE = 0.002
"""Seconds between two looks beside other work: an inspector has so much in hand where many wait."""
FEW, A_MOMENT = 4, 0.03
"""Where more archives than that are under inspection, answers are gathered for so many seconds."""
MANY, LONGER = 128, 0.2
"""Where so many are, it may take longer: syncs cost as much for one as for all of them."""


class Gathering:
    """The answers of the inspectors."""

    def __init__(self, inspectors: Inspectors) -> None:
        self._inspectors = inspectors
        self._looked = 0.0

    def meanwhile(self) -> list[Result]:
        """What has come by now, looked for every few milliseconds at most; waits for nothing."""
        if time.monotonic() < self._looked + PAUSE:
            return []
        results = self._inspectors.poll(0.0)
        self._looked = time.monotonic()
        return results

    def gathered(self, wait: float, *, may_claim: bool) -> list[Result]:
        """What has come, waiting up to `wait` seconds for the first, and then for more as long as many are under way.

        While there are uploads to copy, that takes the moment that would be spent on a few more.
        """
        begun = time.monotonic()
        results = self._inspectors.poll(wait)
        few = bool(results) and not may_claim
        while (left := begun + self._patience(few=few) - time.monotonic()) > 0:
            results += self._inspectors.poll(min(left, A_MOMENT))
        return results

    def _patience(self, *, few: bool) -> float:
        busy = self._inspectors.busy()
        return LONGER if busy > MANY else A_MOMENT if few and busy > FEW else 0.0
