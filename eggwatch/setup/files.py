"""Files and links of an installation: steps only for those that are not yet as they should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from eggwatch.setup.machine import Step


def written(path: Path, data: bytes) -> Iterator[Step]:
    """A file with these bytes, for everybody to read."""
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
    """A link to `target`."""
    if not path.is_symlink() or os.readlink(path) != target:
        yield Step(what=f"link {path} to {target}", do=lambda: link(path, target))


def link(path: Path, target: str) -> None:
    """Make a link, or turn it, in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)


def removed(path: Path) -> Iterator[Step]:
    """No such file; the folder of a drop-in goes with the last one in it."""
    if path.is_symlink() or path.exists():
        yield Step(what=f"remove {path}", do=lambda: remove(path))


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink(missing_ok=True)
    if path.parent.name.endswith(".d") and path.parent.name.startswith("eggwatch"):
        with suppress(OSError):  # it has lines of others
            path.parent.rmdir()
