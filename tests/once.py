"""What takes long is not done more often than needed: what tests only read is made once a run, by whoever is first."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest


def once_a_run(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of that name, filled by `make(folder)`; the run's other processes wait, and find it filled."""
    own = factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, is_made = run / name, run / f"{name}.made"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one who failed
            folder.mkdir()
            make(folder)
            is_made.touch()
    return folder


def mostly_long(cases: Iterable[Any], *, of: int = 4) -> list[Any]:
    """Cases for `parametrize`: the first, and each `of`-th after it, run always, the others with the long tests."""
    return [case if at % of == 0 else pytest.param(case, marks=pytest.mark.long) for at, case in enumerate(cases)]
