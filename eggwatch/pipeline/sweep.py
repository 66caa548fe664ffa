"""How long the bytes of removed files are kept for clients with an older page, whatever the clock is set to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import in_words
from eggwatch.intake.uploads import Faults
from eggwatch.model.events import seconds_of
from eggwatch.store.public.pool import Pool
from eggwatch.store.state.catalog import AT_ONCE, Catalog, key_of

log = logging.getLogger("eggwatch")


LIMIT = 64
"""Removed files that are looked at in one round."""
AGAIN = 60.0
"""Seconds after which a file is tried again that could not be deleted."""


class GracePeriod:
    """The grace period of one index. `now` gives seconds since the epoch, and may jump."""

    def __init__(
        self, config: IndexConfig, catalog: Catalog, pool: Pool, now: Callable[[], float], *, faults: Faults
    ) -> None:
        self._seconds, self._has_site = config.grace, bool(config.site)
        self._catalog, self._pool, self._now, self._faults = catalog, pool, now, faults
        self._since: dict[str, float] = {}
        self._failed: dict[str, OSError] = {}
        """Files that could not be deleted, and why."""
        self._again = 0.0

    def left(self, at: str, *, now: float) -> float:
        """Seconds until bytes that were removed `at` a moment (RFC 3339) may be deleted; 0 or less if they may now.

        A removal in the future happened before the clock was set back: its grace period begins when that is noticed.
        """
        since = min(self._since.get(at, seconds_of(at)), now)
        if since < seconds_of(at):
            self._since[at] = since
        return since + self._seconds - now

    def next_due(self) -> float | None:
        """The moment of the monotonic clock at which the oldest removed bytes may go, or be tried again."""
        moments = [self._again] if self._failed else []
        for project, filename, at in self._catalog.unswept(1 + len(self._failed)):
            left = self.left(at, now=self._now())
            if filename not in self._failed and (left > 0 or not self._is_linked(project, at)):
                moments.append(time.monotonic() + left)
        return min(moments, default=None)

    def _is_linked(self, project: str, at: str) -> bool:
        """Whether a page of the site still has the link; what is to go at once does not wait for that."""
        return self._has_site and at != AT_ONCE and self._catalog.site.is_stale(project)

    def sweep_all(self) -> None:
        """Sweep until nothing is left that may go. OSError if something can't be deleted."""
        self._again = 0.0
        while self.sweep():
            pass
        for error in self._failed.values():
            raise error

    def sweep(self) -> int:
        """Take away bytes of removed files after their grace, once their page shows it, unless they have returned.

        Answers with how many of the oldest are done with.
        """
        catalog, now, swept = self._catalog, self._now(), []
        if time.monotonic() >= self._again:
            self._failed.clear()
        for project, filename, at in catalog.unswept(LIMIT + len(self._failed)):
            if filename in self._failed or self.left(at, now=now) > 0 or self._is_linked(project, at):
                continue
            record = catalog.file(key_of(filename))
            if record is not None and not catalog.is_visible(serial=record.serial, project=project):
                continue
            has_returned = record is not None and record.present and record.file.filename == filename
            if has_returned or self._is_deleted(project, filename):
                swept.append(filename)
        if swept:
            catalog.mark_swept(swept)
        if not self._failed:
            self._faults.resolve("removed")
        return len(swept)

    def _is_deleted(self, project: str, filename: str) -> bool:
        """Delete a file; one that can't be deleted stops nothing else, and is tried again later."""
        try:
            self._pool.sweep(project=project, filename=filename)
        except OSError as error:
            self._failed[filename], self._again = error, time.monotonic() + AGAIN
            if self._faults.note("removed", f"the removed file {filename} can't be deleted: {in_words(error)}"):
                log.error("publish  %s", self._faults["removed"])
            return False
        log.info("publish  %s: the removed file is deleted", filename)
        return True
