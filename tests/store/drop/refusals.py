"""Refusals, as the pipeline leaves them among the answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from eggwatch.store.drop.answers import Answers
from eggwatch.store.durable import Place
from tests.running import until_files_get_later_times

NAME = "demo-1.0.tar.gz"


def reason(serial: int, sha256: str = "a") -> dict[str, Any]:
    """What is written beside a refused file."""
    return {"serial": serial, "sha256": sha256, "flaws": []}


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def keep(answers: Answers, tmp_path: Path, data: bytes, serial: int, name: str = NAME) -> None:
    """Give a refused original its place."""
    hidden = tmp_path / "drop" / f".eggwatch-{serial}-00000000"
    hidden.write_bytes(data)
    folder = os.open(tmp_path / "drop", os.O_RDONLY)
    try:
        answers.keep_refused(Place(folder, hidden.name), name, serial)
    finally:
        os.close(folder)
        hidden.unlink(missing_ok=True)


def came(path: Path) -> float:
    """When a file came, or was last written or moved."""
    return path.stat().st_ctime


def refuse(answers: Answers, tmp_path: Path, serial: int, name: str = NAME, data: bytes = b"bytes") -> None:
    """A refusal, with its reason, and its original where it belongs."""
    answers.explain_refusal(name, reason(serial, str(serial)), "no\n")
    keep(answers, tmp_path, data, serial, name)
    until_files_get_later_times(tmp_path / "drop/rejected" / name)
