"""What eggwatch costs where nothing happens: wake-ups, scans over files that are none of its business, and a start."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring.processes import below, cpu_of, daemon, eggwatch, memory_of
from benchmarks.measuring.table import Row
from tests.laws.stocked import fill

CALM = 8.0
"""Seconds until nothing of a start is left to do."""


def idle(work: Path, *, ignored: int, seconds: float) -> Iterator[Row]:
    """Over a drop folder with files that are no uploads, scanned every few seconds."""
    base = work / "idle"
    (base / "drop").mkdir(parents=True)
    for number in range(ignored):
        (base / "drop" / f"notes-{number}.txt").touch()
    with daemon(eggwatch(base, "run")) as pid:
        time.sleep(CALM)
        if shutil.which("strace"):
            calls, polls = traced(pid, seconds)
            yield Row(what=f"idle for {seconds:g} s: wake-ups", ours=polls, unit="")
            yield Row(what=f"idle for {seconds:g} s: system calls", ours=calls, unit="")
        before, marks = cpu_of(pid), 5
        for number in range(marks):
            (base / f"drop/folder-{number}").mkdir()
            (base / f"drop/folder-{number}").rename(base / "gone")  # what is moved away asks for a scan of everything
            (base / "gone").rmdir()
            time.sleep(3)
        cost = (cpu_of(pid) - before) / marks * 1e3
        yield Row(what=f"a scan over {ignored} ignored files: CPU", ours=cost, unit="ms", wanted="50 ms")


def traced(pid: int, seconds: float) -> tuple[int, int]:
    """System calls of a process and all below it in so many seconds, and how many of them waited for something."""
    attach = [word for one in below(pid) for word in ("-p", str(one))]
    strace = subprocess.Popen(["strace", "-f", "-c", *attach], stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    strace.send_signal(signal.SIGINT)
    _, said = strace.communicate()
    counts = {
        name: int(calls) for calls, name in re.findall(r"^\s*\S+\s+\S+\s+\d+\s+(\d+)\s(?:.*\s)?(\w+)$", said, re.M)
    }
    waits = sum(
        counts.get(name, 0) for name in ("poll", "select", "pselect6", "epoll_wait", "futex", "clock_nanosleep")
    )
    return counts.get("total", 0), waits


def start(work: Path, *, archives: int) -> Iterator[Row]:
    """The daemon over an index of so many archives, from its start to `ready`."""
    base = work / f"start-{archives}"
    base.mkdir()
    fill(base, archives)
    with daemon(eggwatch(base, "run")):  # it publishes the root page
        pass
    begun = time.perf_counter()
    with daemon(eggwatch(base, "run")) as pid:
        seconds = time.perf_counter() - begun
        time.sleep(2)
        largest = max(map(memory_of, below(pid)))
    yield Row(what=f"start over {archives} archives: until ready", ours=seconds, unit="s", wanted="1 s")
    yield Row(what=f"start over {archives} archives: memory", ours=largest, unit="MiB", wanted="100 MiB")
