"""How long the bytes of removed files are kept for clients with an older page, whatever the clock is set to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from eggwatch.model.events import seconds_of
from eggwatch.store.public.pool import Pool
from eggwatch.store.state.catalog import AT_ONCE, Catalog, key_of

log = logging.getLogger("eggwatch")


LIMIT = 64
"""Removed files that are looked at in one round."""


class GracePeriod:
    """The grace period of one index. `now` gives seconds since the epoch, and may jump."""

    def __init__(
        self, seconds: float, catalog: Catalog, pool: Pool, now: Callable[[], float], *, has_site: bool
    ) -> None:
        self._seconds, self._catalog, self._pool, self._now = seconds, catalog, pool, now
        self._has_site = has_site
        self._since: dict[str, float] = {}

    def left(self, at: str, *, now: float) -> float:
        """Seconds until bytes that were removed `at` a moment (RFC 3339) may be deleted; 0 or less if they may now.

        A removal in the future happened before the clock was set back: its grace period begins when that is noticed.
        """
        since = min(self._since.get(at, seconds_of(at)), now)
        if since < seconds_of(at):
            self._since[at] = since
        return since + self._seconds - now

    def next_due(self) -> float | None:
        """The moment of the monotonic clock at which the oldest removed bytes may go."""
        for project, _, at in self._catalog.unswept(1):
            left = self.left(at, now=self._now())
            return time.monotonic() + left if left > 0 or not self._is_linked(project, at) else None
        return None

    def _is_linked(self, project: str, at: str) -> bool:
        """Whether a page of the site still has the link; what is to go at once does not wait for that."""
        return self._has_site and at != AT_ONCE and self._catalog.site.is_stale(project)

    def sweep_all(self) -> None:
        """Sweep until nothing is left that may go."""
        while self.sweep():
            pass

    def sweep(self) -> int:
        """Take away bytes of removed files after their grace, once their page shows it, unless they have returned.

        Answers with how many of the oldest are done with.
        """
        catalog, now, swept = self._catalog, self._now(), []
        for project, filename, at in catalog.unswept(LIMIT):
            if self.left(at, now=now) > 0 or self._is_linked(project, at):
                continue
            record = catalog.file(key_of(filename))
            if record is not None and not catalog.is_visible(serial=record.serial, project=project):
                continue
            if record is None or not record.present or record.file.filename != filename:
                self._pool.sweep(project=project, filename=filename)
                log.info("publish  %s: the removed file is deleted", filename)
            swept.append(filename)
        if swept:
            catalog.mark_swept(swept)
        return len(swept)
