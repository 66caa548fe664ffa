"""The second stage: which uploads are finished, and may be read."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable

from eggwatch.config.index_config import IndexConfig
from eggwatch.intake.claim import Candidate
from eggwatch.intake.retire import Retirement
from eggwatch.intake.uploads import Uploads
from eggwatch.linux import leases
from eggwatch.linux.accounts import door_user, others_who_may_write
from eggwatch.model.queue import Fate
from eggwatch.model.sightings import Sighting
from eggwatch.notifiers.receipts import Receipts
from eggwatch.pipeline.remarks import answer_unfinished, tell_not_taken
from eggwatch.policy import settling
from eggwatch.store.drop.folder import Drop
from eggwatch.store.public.spool import LARGE
from eggwatch.store.state.catalog import Catalog, Original

log = logging.getLogger("eggwatch")


class Settling:
    """Checks whether an upload is still being written, and whether it may be read."""

    def __init__(
        self,
        config: IndexConfig,
        uploads: Uploads,
        retirement: Retirement,
        *,
        drop: Drop,
        catalog: Catalog,
        receipts: Receipts,
    ) -> None:
        self._config, self._uploads, self._retirement = config, uploads, retirement
        self._drop, self._catalog, self._receipts = drop, catalog, receipts

    def settle(self, sightings: Iterable[Sighting], *, is_taken: Callable[[str], bool]) -> list[Candidate]:
        """The uploads that may be read now, and whether an unfinished one has had all its time.

        `is_taken(path)` of those that are under way already.
        """
        ready, now = [], time.monotonic()
        for sighting in sightings:
            probed = None if is_taken(sighting.path) else self._probe(sighting)
            if probed is None or self._retirement.takes(probed, now=now):
                continue
            deferred = self._uploads.originals.deferred(probed.path)
            verdict = settling.settle(probed, deferred=deferred, now=now, patience=self._config.patience)
            if isinstance(verdict, settling.Ready):
                if verdict.overdue or not self._is_unwritten(probed):
                    ready.append((probed, verdict.overdue))
            else:
                log.debug("settle   %s: %s", probed.path, verdict.reason)
                self._uploads.wait(probed.path, verdict, now=now)
                if verdict.answered:
                    answer_unfinished(probed, self._uploads, self._receipts, self._config.patience)
        return ready

    def _probe(self, sighting: Sighting) -> Sighting | None:
        try:
            with self._drop.reading(sighting.path) as fd:
                writers = others_who_may_write(os.fstat(fd))
                is_whole = self._config.uploads is not None and door_user(sighting.path) is not None
                return self._uploads.with_lease(sighting, leases.probe(fd), open_to=writers, is_whole=is_whole)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.cannot_read(sighting, error)
            return None

    def _is_unwritten(self, sighting: Sighting) -> bool:
        """A large file whose head was never written waits for it: the inspector would say the same of a copy."""
        if sighting.identity.size < LARGE or not self._drop.starts_with_zeros(sighting):
            return False
        why = "The file starts with zeros."
        unfinished = Original(path=sighting.path, identity=sighting.identity, fate=Fate.DEFERRED, reason=why)
        self._catalog.remember([unfinished])
        self._uploads.remember(unfinished)
        return True

    def cannot_read(self, sighting: Sighting, error: OSError) -> None:
        """Tell the uploader and log it once; `status` shows it as long as it lasts."""
        advice = self._drop.advice(sighting.path)
        reason = self._uploads.cannot_read(sighting, error, advice=advice, now=time.monotonic())
        if reason is not None:
            tell_not_taken(sighting.path, reason, self._receipts)
