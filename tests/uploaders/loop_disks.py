"""Small disks in files. Needs root."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def loop(path: Path, size: str = "8M") -> Iterator[Path]:
    """A small ext4 with no bytes kept for root, mounted for the length of a block."""
    image = path.with_suffix(".loop")
    subprocess.run(["truncate", "-s", size, image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    path.mkdir()
    subprocess.run(["mount", "-o", "loop", image, path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)
