"""Law 4: the work for one upload does not grow with the index. Counted, never timed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.laws.stocked import UPLOADS

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = 1_000, 20_000
THREADS = {"futex", "sched_yield", "restart_syscall", "clone", "clone3", "gettid", "rseq", "set_robust_list"}
MEMORY = {"madvise", "brk", "mmap", "munmap", "mprotect", "mremap"}
IDLE = THREADS | MEMORY | {"rt_sigprocmask", "clock_nanosleep", "exit"}
"""Threads meeting each other, and memory of the allocator: neither is work for an upload."""

PAGES = ("pread64", "pwrite64")
"""How SQLite reads and writes pages of its B-trees."""


def run(*arguments: str) -> str:
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def counted(folder: Path, archives: int) -> tuple[list[Counter[str]], list[int]]:
    """(system calls by name, SQLite steps) of each upload into an index of so many archives."""
    program = [sys.executable, "-m", "tests.laws.stocked", str(folder), str(archives)]
    run(*program, "fill")
    log = folder / "strace.log"
    steps = json.loads(run("strace", "-f", "-qq", "-e", "signal=none", "-o", str(log), *program, "work"))
    calls: list[Counter[str]] = []
    counting = False
    for line in log.read_text(errors="replace").splitlines():
        if "/mark/begin/" in line:
            counting = True
            calls.append(Counter())
        elif "/mark/end/" in line:
            counting = False
        elif counting and (match := re.match(r"\d+ +(\w+)\(", line)) and match[1] not in IDLE:
            calls[-1][match[1]] += 1
    return calls, steps


def without_pages(calls: Counter[str]) -> dict[str, int]:
    """The same without what SQLite reads and writes."""
    return {name: count for name, count in calls.items() if name not in PAGES}


@pytest.mark.parts
def test_one_upload_costs_as_many_system_calls_and_sql_steps_in_a_large_index_as_in_a_small_one(
    tmp_path: Path,
) -> None:
    """Counted to the end of the project's pages, at 1 000 and at 20 000 archives."""
    small, small_steps = counted(tmp_path / "small", SMALL)
    large, large_steps = counted(tmp_path / "large", LARGE)
    assert len(small) == len(large) == UPLOADS
    # The first upload opens what stays open; a page of a B-tree that splits costs a write or a read more now and then.
    assert [without_pages(calls) for calls in small[1:]] == [without_pages(calls) for calls in large[1:]]
    assert small_steps == large_steps
    assert sum(calls["pread64"] for calls in large[1:]) <= sum(calls["pread64"] for calls in small[1:]) * 1.1 + 2
    assert sum(calls["pwrite64"] for calls in large) <= sum(calls["pwrite64"] for calls in small) * 1.1 + 2
