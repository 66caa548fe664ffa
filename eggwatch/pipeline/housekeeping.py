"""What is kept for a while is deleted when its time is over: receipts, refused files, what was set aside as damaged."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from eggwatch.errors import FolderError, in_words
from eggwatch.policy.retention import Keeping, Leaving
from eggwatch.store import durable
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.copies import sweep_copies
from eggwatch.store.drop.folder import Drop
from eggwatch.store.drop.leftovers import Leftovers, tidied

log = logging.getLogger("eggwatch")

RECEIPTS = Keeping(age=7 * 86400.0, size=64 << 20)


FOREVER = Keeping()


TIDY_SECONDS = 3600.0


JUMP = 3600.0
"""Seconds by which the clock is set ahead before it is doubted."""


UNSURE_SECONDS = 86400.0
"""For so long after it was, nothing is deleted for its age: it may be set back."""


def uptime() -> float:
    """Seconds of a clock that can't be set, and that runs while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def limits(keeping: Keeping, *, sure: bool) -> Keeping:
    """What holds of a limit while the time of day is doubted: nothing is deleted for its age."""
    return keeping if sure else Keeping(size=keeping.size)


class Housekeeping:
    """Deletes, once an hour and after refusals, what was kept for long enough."""

    def __init__(self, answers: Answers, drop: Drop, quarantine: Path, catalog: Path) -> None:
        """`catalog` is the catalog's path: damaged ones were set aside beside it."""
        self._answers, self._drop, self._quarantine, self._catalog = answers, drop, quarantine, catalog
        self._tidy_at = self._sure_at = 0.0
        self._started: float | None = None
        self.kept: dict[str, Leftovers] = {}
        """What was in eggwatch's folders in the drop folder when they were last tidied."""

    def soon(self) -> None:
        """Something was added to what is kept: it is counted with the next round."""
        self._tidy_at = 0.0

    def tidy(self, refused: Keeping, aside: Keeping = FOREVER, *, now: float) -> None:
        """Once an hour, and after refusals, delete receipts whose week is over, and what is not kept any longer.

        `refused` is for rejected/, `aside` for what was damaged; `now` in seconds since the epoch.
        """
        if uptime() < self._tidy_at:
            return
        self._tidy_at = uptime() + TIDY_SECONDS
        answers, quarantine, catalog, sure = self._answers, self._quarantine, self._catalog, self._is_sure_of(now)
        receipts, refused, aside = (limits(keeping, sure=sure) for keeping in (RECEIPTS, refused, aside))
        try:
            self.kept = {
                "receipts": answers.tidy("receipts", receipts, now=now),
                "rejected": answers.tidy("rejected", refused, now=now),
                "quarantine": tidy_aside(quarantine, "*", aside, now=now),
                "damaged": tidy_aside(catalog.parent, f"{catalog.name}.damaged-*", aside, now=now),
            }
            with suppress(FolderError):  # every look at the drop folder says that it is not there
                sweep_copies(self._drop, now=now if sure else 0.0)
        except (OSError, FolderError) as error:
            log.error("announce old receipts and reasons can't be deleted: %s", in_words(error))
            return
        if deleted := self.kept["rejected"].deleted:
            log.info("announce rejected/: %d rejected files deleted (keep-rejected)", deleted)

    def _is_sure_of(self, now: float) -> bool:
        """Whether the time of day has not been set ahead within the last day."""
        started, before = now - uptime(), self._started
        self._started = started
        if before is not None and started > before + JUMP:
            self._sure_at = uptime() + UNSURE_SECONDS
            log.warning("announce the clock was set ahead by %.0f s: answers are kept a day longer", started - before)
        return uptime() >= self._sure_at


def tidy_aside(folder: Path, pattern: str, keeping: Keeping, *, now: float) -> Leftovers:
    """Delete the files of a folder that have had their time; say what is left. `now` in seconds since the epoch."""
    leavings = [_leaving(path) for path in folder.glob(pattern) if path.is_file() and not path.is_symlink()]
    return tidied(leavings, keeping, now=now, delete=lambda name: durable.unlink(folder / name))


def _leaving(path: Path) -> Leaving:
    """It has been there since it was renamed, which sets the ctime."""
    status = os.stat(path, follow_symlinks=False)
    return Leaving(names=(path.name,), since=status.st_ctime, size=status.st_size)
