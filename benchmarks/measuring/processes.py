"""Programs whose time, CPU and memory are taken: run to their end, or daemons at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
YARDSTICKS = ROOT / "benchmarks/yardsticks"
Words = Sequence[str | Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds by the clock and of CPU of a process and all below it, MiB of the largest of them, the last line said."""

    seconds: float
    cpu: float
    memory: float
    last: str


def environment() -> dict[str, str]:
    """Ours, and where this eggwatch lies."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def eggwatch(base: Path, *words: str | Path) -> list[str | Path]:
    """A command line of eggwatch on the index below `base`."""
    folders = [f"--{name}={base / name}" for name in ("drop", "public", "state")]
    return [sys.executable, "-m", "eggwatch", *folders, *words]


def yardstick(name: str, *words: str | Path) -> list[str | Path]:
    """A command line of one of the yardsticks."""
    return [sys.executable, YARDSTICKS / f"{name}.py", *words]


def run(command: Words, *, may_reject: bool = False) -> Cost:
    """Run a command to its end. SystemExit with what it said last if it fails; real archives it `may_reject`."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        said.seek(0)
        lines = said.read().splitlines()
    if process.returncode not in ((0, 1) if may_reject else (0,)):
        raise SystemExit("\n".join([f"{' '.join(map(str, command))}: exit status {process.returncode}", *lines[-20:]]))
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return Cost(seconds=seconds, cpu=cpu, memory=memory, last=lines[-1] if lines else "")


@contextmanager
def daemon(command: Words) -> Iterator[int]:
    """A daemon that has said `ready`, by its process id; it is told to stop at the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
    assert process.stderr is not None
    try:
        while not (line := process.stderr.readline()).startswith(b"ready"):
            if not line:
                raise SystemExit(f"{command[1]}: it ended before it was ready")
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stderr.close()
    drain.wait(10)


def below(pid: int) -> list[int]:
    """A process and all below it."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            todo += map(int, task.read_text().split())
    return found


def cpu_of(pid: int) -> float:
    """Seconds of CPU of a process and all below it, those that have ended included."""
    ticks = 0
    for one in below(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> float:
    """The largest resident memory that a process has had, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {pid} has no VmHWM")
