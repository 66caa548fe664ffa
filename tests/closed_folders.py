"""Lets other accounts run this Python and eggwatch: both may lie in folders that only their owner may enter."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import eggwatch


def opening(over: Path | str) -> list[str]:
    """Lines of a shell script for a mount namespace of one's own, as root: whoever is in it may enter the closed
    folders. `over` is an empty folder, for what is written in it."""
    lines = [f"mount -t tmpfs none {over}"]
    covered: list[str] = []
    for number, folder in enumerate(closed_folders()):
        if not any(Path(folder).is_relative_to(other) for other in covered):
            upper, work = f"{over}/{number}u", f"{over}/{number}w"
            options = f"lowerdir={folder},upperdir={upper},workdir={work}"
            lines.append(f"mkdir {upper} {work}; mount -t overlay -o {shlex.quote(options)} none {shlex.quote(folder)}")
            covered.append(folder)
        lines.append(f"chmod o+rx {shlex.quote(folder)}")
    return lines


def closed_folders() -> list[str]:
    """Folders on the way to this Python and to eggwatch that other accounts may not enter, outer ones first."""
    targets = [sys.prefix, sys.base_prefix, str(Path(eggwatch.__file__).parent), os.path.realpath(sys.executable)]
    ways = [folder for target in targets for folder in [*reversed(Path(target).parents), Path(target)]]
    return [str(folder) for folder in dict.fromkeys(ways) if folder.is_dir() and folder.stat().st_mode & 0o005 != 0o005]
