"""A stock of archives to import."""

from __future__ import annotations

import os
from pathlib import Path

OLD = 1_500_000_000


def add(folder: Path, archive: tuple[str, bytes], below: str = "") -> Path:
    """One more archive, as a file of 2017 with mode 0644."""
    path = folder / below / archive[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive[1])
    path.chmod(0o644)
    os.utime(path, (OLD, OLD))
    return path


def state_of(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """Bytes, mode, mtime and number of names of every file."""
    files = {path: path.stat() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {str(p): (p.read_bytes(), s.st_mode, s.st_mtime_ns, s.st_nlink) for p, s in files.items()}
