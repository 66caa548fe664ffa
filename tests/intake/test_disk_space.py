"""Uploads that wait for room on the disk."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from eggwatch.intake.disk_space import LOOK_AGAIN, DiskSpace
from eggwatch.intake.timers import MOST_DUE
from eggwatch.intake.uploads import Uploads
from eggwatch.model.sightings import Identity, Sighting


def test_many_that_wait_for_a_full_disk_are_not_all_looked_at_each_second() -> None:
    """Ten thousand of them took a whole processor for as long as the disk was full."""
    uploads, config = Uploads(()), cast(Any, SimpleNamespace(min_free=1, public=Path("public")))
    spool = cast(Any, SimpleNamespace(free_bytes=lambda: 0))
    space = DiskSpace(config, spool, uploads, told_waits=lambda *_: None, told_too_large=lambda *_: None)
    for number in range(4 * MOST_DUE):
        assert not space.let_in(sighting(f"demo-{number}.tar.gz"))
    later = time.monotonic() + LOOK_AGAIN
    first, more = uploads.timers.due(later), uploads.timers.due(later)
    assert 0 < len(first) <= MOST_DUE and not more


def sighting(path: str) -> Sighting:
    """An upload of one byte."""
    identity = Identity(dev=1, ino=1, size=1, mtime_ns=0, ctime_ns=0)
    return Sighting(path=path, filename=path, identity=identity, uid=0, since=0.0)
