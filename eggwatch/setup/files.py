"""Files and links of an installation: yields steps only for those that have to be changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from eggwatch.setup.machine import Step


def written(path: Path, data: bytes) -> Iterator[Step]:
    """Write a file with these bytes, readable for all."""
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        yield Step(what=f"write {path}", do=lambda: write(path, data))
        return
    if there != data:
        yield Step(what=f"change {path}", do=lambda: write(path, data))


def write(path: Path, data: bytes) -> None:
    """Replace a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(data)
    beside.chmod(0o644)
    beside.replace(path)


def linked(path: Path, target: str) -> Iterator[Step]:
    """Link to `target`."""
    if not path.is_symlink() or os.readlink(path) != target:
        yield Step(what=f"link {path} to {target}", do=lambda: link(path, target))


def link(path: Path, target: str) -> None:
    """Create or replace a link atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)


def removed(path: Path) -> Iterator[Step]:
    """Remove a file, and the folder of a drop-in when it is empty."""
    if path.is_symlink() or path.exists():
        yield Step(what=f"remove {path}", do=lambda: remove(path))


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink(missing_ok=True)
    if path.parent.name.endswith(".d") and path.parent.name.startswith("eggwatch"):
        with suppress(OSError):  # the folder has other files
            path.parent.rmdir()
