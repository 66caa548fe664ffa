"""What `eggwatch publish` had begun to copy into the drop folder when it was killed."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from eggwatch.linux import leases
from eggwatch.model.sightings import Lease
from eggwatch.store import durable
from eggwatch.store.drop.folder import Drop, open_regular
from eggwatch.store.durable import Place

COPY = re.compile(r"\.eggwatch-copy-\d+-[0-9a-f]+")
RENAMING_SECONDS = 60.0
"""A younger copy may be complete, and about to be renamed."""
COPYING_SECONDS = 86400.0
"""The same where it can't be known whether a process has it open."""


def sweep_copies(drop: Drop, *, now: float) -> None:
    """Delete the copies that nobody writes to any longer. `now` since the epoch; FolderError without a drop folder."""
    with drop.opened() as root, os.scandir(root) as entries:
        for entry in entries:
            if COPY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError, PermissionError):
                    age = now - entry.stat(follow_symlinks=False).st_ctime
                    place = Place(root, entry.name, str(drop.root / entry.name))
                    if age > COPYING_SECONDS or (age > RENAMING_SECONDS and _is_closed(place)):
                        durable.unlink_at(place)


def _is_closed(place: Place) -> bool:
    fd = open_regular(place)
    try:
        return leases.probe(fd) is Lease.FREE
    finally:
        os.close(fd)
