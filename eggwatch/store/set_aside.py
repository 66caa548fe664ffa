"""What was set aside because it was damaged: archives in quarantine, and catalogs (`keep-aside`)."""

from __future__ import annotations

import os
from pathlib import Path

from eggwatch.policy.retention import Keeping, Leaving, outlived
from eggwatch.store import durable
from eggwatch.store.drop.leftovers import Leftovers


def tidy_aside(folder: Path, pattern: str, keeping: Keeping, *, now: float) -> Leftovers:
    """Delete the files of a folder that have had their time; say what is left. `now` in seconds since the epoch."""
    leavings = [_leaving(path) for path in folder.glob(pattern) if path.is_file() and not path.is_symlink()]
    gone = outlived(leavings, keeping, now=now)
    for leaving in gone:
        for name in leaving.names:
            durable.unlink(folder / name)
    size = sum(leaving.size for leaving in leavings) - sum(leaving.size for leaving in gone)
    return Leftovers(kept=len(leavings) - len(gone), size=size, deleted=len(gone))


def _leaving(path: Path) -> Leaving:
    """It lies there since its name was changed, which sets the ctime."""
    status = os.stat(path, follow_symlinks=False)
    return Leaving(names=(path.name,), since=status.st_ctime, size=status.st_size)
