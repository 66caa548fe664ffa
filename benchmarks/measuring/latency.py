"""One more upload: how soon its page lists it, and what that costs, in peace, beside busy processes, beside a giant."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring.archives import uploads
from benchmarks.measuring.processes import cpu_of, daemon, eggwatch, yardstick
from benchmarks.measuring.table import Row, quantile
from tests.archive_factory import wheel
from tests.laws.stocked import fill

PROJECTS = 7
POLL = 0.0003
PAUSE = 0.03
LONGEST = 120.0


@dataclass(slots=True, kw_only=True)
class Subject:
    """A daemon over a drop folder, where its pages lie, and what its uploads have taken."""

    pid: int
    base: Path
    simple: Path
    times: list[float] = field(default_factory=list)

    def publish(self, project: str, name: str, data: bytes) -> float:
        """Seconds from the rename into the drop folder until the project's page names the archive."""
        waiting = self.base / name
        waiting.write_bytes(data)
        begun = time.perf_counter()
        os.rename(waiting, self.base / "drop" / name)
        return self.wait_for(project, name, begun)

    def wait_for(self, project: str, name: str, begun: float) -> float:
        """Seconds since `begun` when the page names it; it is read only where it has changed."""
        page, seen = self.simple / project / "index.v1_json", None
        while (now := time.perf_counter()) - begun < LONGEST:
            found = inode_of(page)
            if found != seen and found is not None and name.encode() in page.read_bytes():
                return time.perf_counter() - begun
            seen = found
            time.sleep(POLL)
        raise SystemExit(f"{name} was not published within {now - begun:.0f} s")


def inode_of(page: Path) -> tuple[int, int] | None:
    """What changes when a page is replaced."""
    try:
        status = page.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


@contextmanager
def ours(base: Path, archives: int) -> Iterator[Subject]:
    """The daemon over an index of so many archives."""
    base.mkdir()
    fill(base, archives)
    with daemon(eggwatch(base, "run")) as pid:
        yield Subject(pid=pid, base=base, simple=base / "public/simple")


@contextmanager
def ideal(base: Path, *options: str) -> Iterator[Subject]:
    """The ideal daemon."""
    (base / "drop").mkdir(parents=True)
    with daemon(yardstick("ideal", "daemon", base / "drop", base / "out", *options)) as pid:
        yield Subject(pid=pid, base=base, simple=base / "out/simple")


def alternately(subjects: list[Subject], count: int) -> list[float]:
    """Publish as many uploads at each, in turn; answers with the CPU time of one at each of them.

    The first of each project are not counted: later ones find the page there.
    """
    before = [0.0 for _ in subjects]
    for number, upload in enumerate(uploads(PROJECTS, count + PROJECTS)):
        if number == PROJECTS:
            before = [cpu_of(subject.pid) for subject in subjects]
        for subject in subjects:
            seconds = subject.publish(*upload)
            if number >= PROJECTS:
                subject.times.append(seconds)
        time.sleep(PAUSE)
    for subject in subjects:
        wait_until_empty(subject)
    return [(cpu_of(subject.pid) - cpu) / count for subject, cpu in zip(subjects, before, strict=True)]


def wait_until_empty(subject: Subject) -> None:
    """Originals leave our drop folder in the end, which is a part of what an upload costs; the ideal one keeps them."""
    end = time.monotonic() + (10 if subject.simple.parent.name == "public" else 0)
    while time.monotonic() < end and any(one.suffix in (".whl", ".gz") for one in (subject.base / "drop").iterdir()):
        time.sleep(0.1)


def one_more(work: Path, *, archives: int, count: int) -> Iterator[Row]:
    """Beside the ideal daemon, and beside one that syncs three files."""
    base = work / f"one-more-{archives}"
    base.mkdir()
    with ours(base / "ours", archives) as mine, ideal(base / "ideal") as bare, ideal(base / "sync", "--sync") as synced:
        cpu = alternately([mine, bare, synced], count)
    medians = [statistics.median(subject.times) * 1e3 for subject in (mine, bare, synced)]
    what = f"one more at {archives}"
    yield Row(what=f"{what}: median, ideal daemon", ours=medians[0], beside=medians[1], unit="ms", wanted="at most 5")
    yield Row(what=f"{what}: median, ideal with 3 fsync", ours=medians[0], beside=medians[2], unit="ms")
    yield tail(f"{what}: p98, its own median", mine.times, 2)
    yield Row(what=f"{what}: CPU, ideal daemon", ours=cpu[0] * 1e3, beside=cpu[1] * 1e3, unit="ms", wanted="12 ms")


def tail(what: str, times: list[float], most: int) -> Row:
    """How much longer than usual the slow ones take."""
    median, slow = statistics.median(times) * 1e3, quantile(times, 0.98) * 1e3
    return Row(what=what, ours=slow, beside=median, unit="ms", wanted=f"at most {most}")


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    with ExitStack() as stack:
        for _ in range(processes):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        yield


def under_load(work: Path, *, archives: int, count: int, processes: int = 4) -> Iterator[Row]:
    """While other processes take all cores."""
    (work / "load").mkdir()
    with ours(work / "load/ours", archives) as mine, ideal(work / "load/ideal") as bare, load(processes):
        alternately([mine, bare], count)
    medians = [statistics.median(subject.times) * 1e3 for subject in (mine, bare)]
    what = f"beside {processes} busy processes"
    yield Row(what=f"{what}: median, ideal daemon", ours=medians[0], beside=medians[1], unit="ms")
    yield tail(f"{what}: p98, its own median", mine.times, 4)
    yield Row(what=f"{what}: worst", ours=max(mine.times) * 1e3, unit="ms", wanted="below 500 ms")


def giant(work: Path, *, mebibytes: int, count: int) -> Iterator[Row]:
    """While a wheel of so many MiB is copied, inspected and published."""
    noise = random.Random(1).randbytes(1 << 20)
    files = {f"giant/{number}": number.to_bytes(4, "big") + noise for number in range(mebibytes)}
    name, data = wheel("giant", files=files)
    with ours(work / "giant", 100) as mine:
        alternately([mine], count)
        alone = statistics.median(mine.times)
        (mine.base / name).write_bytes(data)
        begun = time.perf_counter()
        os.rename(mine.base / name, mine.base / "drop" / name)
        beside = [mine.publish(*upload) for upload in uploads_beside(count)]
        whole = mine.wait_for("giant", name, begun)
    what = f"beside a wheel of {mebibytes} MiB"
    yield Row(what=f"{what}: median, alone", ours=statistics.median(beside) * 1e3, beside=alone * 1e3, unit="ms")
    yield Row(what=f"{what}: worst", ours=max(beside) * 1e3, unit="ms")
    yield Row(what=f"{what}: that wheel itself", ours=whole, unit="s")


def uploads_beside(count: int) -> Iterator[tuple[str, str, bytes]]:
    """More uploads, of other projects."""
    for number in range(count):
        time.sleep(PAUSE)
        yield f"beside-{number}", *wheel(f"beside-{number}")
