"""Which folders the kernel watches for this process, asked of the kernel itself: libraries may be wrong about it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

_WATCH = re.compile(r"^inotify wd:\S+ ino:([0-9a-f]+) ", re.MULTILINE)


def watched_inodes() -> set[int]:
    """The inode numbers of all that is watched by inotify (proc(5), /proc/PID/fdinfo)."""
    return {int(ino, 16) for text in _infos() for ino in _WATCH.findall(text)}


def _infos() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        try:
            if "inotify" in os.readlink(f"/proc/self/fd/{name}"):
                with open(f"/proc/self/fdinfo/{name}", encoding="ascii") as file:
                    yield file.read()
        except FileNotFoundError:  # closed since
            continue
