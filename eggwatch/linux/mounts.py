"""What is mounted where, and how the kernel reports a change (proc(5), /proc/PID/mountinfo)."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

MOUNTINFO = "/proc/self/mountinfo"


class Mounts:
    """A descriptor for which poll(2) reports POLLPRI after each change of the mounts; None without /proc."""

    def __init__(self) -> None:
        self.descriptor: int | None = None
        with suppress(OSError):
            self.descriptor = os.open(MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the descriptor."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def mounts_in(folder: Path) -> frozenset[tuple[str, str]]:
    """The mounts at a folder or below it, as (mount ID, mount point); empty without /proc."""
    place = os.path.realpath(folder)
    with suppress(OSError), open(MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.split(" ", 5) for line in file]
        points = [(row[0], re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), row[4])) for row in rows]
        return frozenset((one, point) for one, point in points if point == place or point.startswith(place + "/"))
    return frozenset()
