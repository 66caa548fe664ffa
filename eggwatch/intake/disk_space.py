"""Free disk space: without it uploads wait in the drop folder, are listed by `status`, and get one receipt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from eggwatch.config.index_config import IndexConfig
from eggwatch.intake.uploads import Uploads
from eggwatch.model.names import shown
from eggwatch.model.sightings import Sighting
from eggwatch.policy.settling import Wait
from eggwatch.store.public.spool import Spool, UnwritableError

log = logging.getLogger("eggwatch")

LOOK_AGAIN = 1.0
"""Seconds after which an upload is looked at again that waits for the disk; many wait for longer."""
LARGE_LOOK_AGAIN = 10.0
"""The same for one that is larger than what the disk has left, which is hardly ever over soon."""


TellUpload = Callable[[str, str], None]


class DiskSpace:
    """What PUBLIC's disk has left beside `min-free`, and who waits for it."""

    def __init__(
        self, config: IndexConfig, spool: Spool, uploads: Uploads, *, told_waits: TellUpload, told_too_large: TellUpload
    ) -> None:
        """`told_waits(path, reason)` and `told_too_large(path, reason)` write the uploader's receipt."""
        self._config, self._spool, self._uploads = config, spool, uploads
        self._told_waits, self._told_too_large = told_waits, told_too_large

    def let_in(self, sighting: Sighting, *, reserved: int = 0) -> bool:
        """True if there is space to copy an upload; if not, it waits and its uploader is told.

        `reserved` are bytes that copies in progress will still need.
        """
        try:
            left = self._spool.free_bytes() - self._config.min_free - reserved
        except UnwritableError as error:
            self.is_closed(sighting, error)
            return False
        if left < 0 or (left == 0 and sighting.identity.size):
            self._wait_for_disk(sighting)
            return False
        self._uploads.faults.resolve("disk")
        if sighting.identity.size > left:
            self._wait_as_too_large(sighting, left)
            return False
        return True

    def _wait_for_disk(self, sighting: Sighting) -> None:
        """Log the full disk once, and tell the uploader of each waiting upload."""
        reason = f"{self._config.public} has less than min-free left; uploads wait until there is more"
        if self._uploads.faults.note("disk", reason):
            log.error("claim    %s", reason)
            self._uploads.answered.forget_all()
        self._wait(sighting, reason, LOOK_AGAIN)
        if self._uploads.answered.is_news(sighting, "waiting", sighting.identity):
            self._told_waits(sighting.path, reason)

    def _wait_as_too_large(self, sighting: Sighting, left: int) -> None:
        """Nothing is wrong with the disk: smaller uploads go on."""
        size = sighting.identity.size
        reason = (
            f"larger than the free space: {readable(size)}, and the index's disk has {readable(left)} above min-free"
        )
        self._wait(sighting, reason, LARGE_LOOK_AGAIN)
        if self._uploads.answered.is_news(sighting, "waiting", sighting.identity):
            log.warning("claim    %s: waiting: %s", shown(sighting.path), reason)
            self._told_too_large(sighting.path, f"The file is {reason}")

    def is_closed(self, sighting: Sighting, error: UnwritableError) -> None:
        """Report that the index itself can't be written to, which is not the fault of an upload."""
        if self._uploads.faults.note("public", f"{error.message} Uploads wait. {error.remedy}"):
            log.error("claim    %s Uploads wait. %s", error.message, error.remedy)
            self._uploads.answered.forget_all()
        self._wait(sighting, f"the index can't be written to ({error.message})", LOOK_AGAIN)
        if self._uploads.answered.is_news(sighting, "waiting", sighting.identity):
            self._told_waits(sighting.path, "The index can't be written to until its administrator has fixed it")

    def is_open(self) -> None:
        """A copy went well."""
        self._uploads.faults.resolve("public")

    def _wait(self, sighting: Sighting, reason: str, seconds: float) -> None:
        now = time.monotonic()
        self._uploads.wait(sighting.path, Wait(reason=reason, finished=True), now=now)
        self._uploads.timers.after(sighting.path, seconds, now=now)


def readable(size: int) -> str:
    """A size as a person says it: 512 bytes, 1.5 GiB."""
    if size < 1024:
        return f"{size} bytes"
    number, unit = size / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB", "PiB", "EiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.1f} {unit}"
