"""What other accounts may put at the names that eggwatch writes to."""

from __future__ import annotations

import os
from pathlib import Path


def put_link(path: Path) -> None:
    """A link to somewhere else."""
    (path.parent.parent / "elsewhere").mkdir(exist_ok=True)
    path.symlink_to(path.parent.parent / "elsewhere")


def put_fifo(path: Path) -> None:
    """A FIFO without a writer."""
    os.mkfifo(path)


def put_full_fifo(path: Path) -> None:
    """A FIFO whose writer says nothing, as long as this process lives."""
    os.mkfifo(path)
    os.open(path, os.O_RDWR)


def put_folder(path: Path) -> None:
    """A folder that is not empty."""
    (path / "mine").mkdir(parents=True)


def put_file(path: Path) -> None:
    """A file."""
    path.write_text("mine")
