"""The first stage: finds files in the drop folder, by events and by the scan, which decides.

A scan runs in portions, so that not even a hundred thousand files without a verdict delay an upload that has an event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import FolderError
from eggwatch.intake.mirror import Mirror
from eggwatch.intake.retire import Retirement
from eggwatch.intake.scan import Scan
from eggwatch.intake.uploads import Uploads
from eggwatch.model.sightings import Sighting
from eggwatch.notifiers.receipts import Receipts
from eggwatch.pipeline.log_lines import crowded
from eggwatch.pipeline.remarks import answer_strangers
from eggwatch.pipeline.withdraw import removals
from eggwatch.policy.orders import Remove
from eggwatch.store.drop.folder import Drop, Survey
from eggwatch.store.state.catalog import Catalog

log = logging.getLogger("eggwatch")


class DropWatch:
    """Looks at what is named or due, and at the rest in portions; true while a scan is under way."""

    def __init__(
        self,
        config: IndexConfig,
        uploads: Uploads,
        retirement: Retirement,
        *,
        drop: Drop,
        catalog: Catalog,
        receipts: Receipts,
        now: Callable[[], float],
        progress: Callable[[], object],
    ) -> None:
        """`now` is in seconds since the epoch; `progress` is called when a part of the work is done."""
        self._config, self._uploads, self._retirement = config, uploads, retirement
        self._drop, self._catalog, self._receipts = drop, catalog, receipts
        self._now, self._progress = now, progress
        self.mirror = Mirror(config.drop, config.removed_after) if config.is_mirror else None
        self.deleted: list[str] = []
        """Paths of what was deleted from a mirror, until they are forgotten."""
        self.scan = Scan(drop)
        """Whether one is under way, and what they cost."""

    def __bool__(self) -> bool:
        return bool(self.scan)

    def look(self, paths: set[str] | None) -> list[Sighting]:
        """Uploads without a verdict, as they are now; None begins a scan, a path that ends in a slash one below it."""
        with self.scan.counted():
            return self._look(paths)

    def _look(self, paths: set[str] | None) -> list[Sighting]:
        now = time.monotonic()
        self._forget_deleted()
        try:
            surveys = self._surveys(paths, now)
        except FolderError as error:
            if self.mirror is not None:
                self.mirror.disturb()
            if self._uploads.faults.note("drop", str(error)):
                log.error("sight    %s", error)
            return []
        sightings = [sighting for survey in surveys for sighting in self._take_in(survey, now)]
        if whole := self.scan.whole():
            # A scan has seen everything: what it has not seen is gone.
            if (crowd := self._uploads.crowd(whole)) and self.mirror is None:
                log.warning("sight    %s", crowded(crowd, str(self._config.drop)))
            self._forget(self._uploads.conclude(whole, wall=self._now()))
            self._retirement.forget_troubles(whole)
            if self.mirror is not None:
                self._compare(self.mirror, whole, now)
        return list({sighting.path: sighting for sighting in sightings}.values())

    def _compare(self, mirror: Mirror, whole: Survey, now: float) -> None:
        """Find what was deleted. A fault says so where nothing is removed because nothing at all is left."""
        missing = self._uploads.originals.missing
        self.deleted = mirror.deleted(missing, whole, now=now)
        if missing and not whole.uploads:
            if self._uploads.faults.note(
                "mirror", f"{self._config.drop} holds no archive any more; nothing is removed"
            ):
                log.warning("sight    %s", self._uploads.faults["mirror"])
        else:
            self._uploads.faults.resolve("mirror")

    def removals(self) -> list[Remove]:
        """The orders that take what was deleted from a mirror out of the index."""
        if self.mirror is None or not self.deleted:
            return []
        return list(removals(self.deleted, self.mirror, self._uploads.originals, self._catalog))

    def _forget_deleted(self) -> None:
        """What was deleted is out of the index by now. After a crash before this, it is tried again in vain."""
        deleted, self.deleted = self.deleted, []
        for path in deleted:
            self._uploads.originals.forget(path)
        self._forget(deleted)

    def _surveys(self, paths: set[str] | None, now: float) -> list[Survey]:
        folders = {path for path in paths or () if path.endswith("/")}
        named = set() if paths is None else (paths - folders) | self._uploads.timers.due(now)
        self.scan.meanwhile(named)
        seen = self._drop.look(named)
        is_back = self._uploads.faults.resolve("drop")
        if is_back:
            log.info("sight    %s is there again", self._config.drop)
        if paths is None or is_back:
            self.scan.begin()
        for folder in sorted(folders):
            self.scan.begin_below(folder.rstrip("/"))
        return [seen, self.scan.portion()] if self.scan else [seen]

    def _take_in(self, survey: Survey, now: float) -> list[Sighting]:
        self._forget(self._uploads.update(survey, now=now, wall=self._now()))
        answer_strangers(survey, self._uploads, drop=self._drop, catalog=self._catalog, receipts=self._receipts)
        self._retirement.keep_in_mind(survey)
        older = [self._retirement.resume(found) for found in survey.leftovers]
        self._progress()
        return [*(sighting for sighting in older if sighting), *self._uploads.candidates(survey)]

    def _forget(self, gone: list[str]) -> None:
        if gone:
            self._catalog.forget(gone)
        for path in gone:
            self._receipts.tell_gone(path)

    def end(self) -> None:
        """Let go of the folders that are open."""
        self.scan.end()
