"""What the pages for people cost: an upload with and without them, and to write those of an index that had none."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measuring.archives import prose
from benchmarks.measuring.latency import Subject, alternately
from benchmarks.measuring.processes import Words, below, cpu_of, daemon, memory_of
from benchmarks.measuring.table import Row
from tests.laws.stocked import fill, synthetic

CALM = 3.0
"""Seconds without CPU time after which nothing is left to do."""
README = 3_000
"""Words: 20 kB, as long READMEs are."""


def one_more(work: Path, *, projects: int, count: int) -> Iterator[Row]:
    """How soon an upload can be installed, and what it costs until the site shows it, with the site and without."""
    base = work / f"site-{projects}"
    base.mkdir()
    with ours(base / "on", projects) as shown, ours(base / "off", projects, 'site = "off"\n') as bare:
        wait_for_site(shown)
        before = [settled(one) for one in (shown, bare)]
        alternately([shown, bare], count)
        cpu = [(settled(one) - spent) / count * 1e3 for one, spent in zip((shown, bare), before, strict=True)]
    medians = [statistics.median(one.times) * 1e3 for one in (shown, bare)]
    what = f"{projects} projects, with the site"
    yield Row(what=f"{what}: median, without", ours=medians[0], beside=medians[1], unit="ms", wanted="1")
    yield Row(what=f"{what}: CPU, without", ours=cpu[0], beside=cpu[1], unit="ms")


def written(work: Path, *, projects: int) -> Iterator[Row]:
    """The site of an index that had none, with a long README in each project."""
    with ours(work / "written", projects, readme=True) as subject:
        largest = wait_for_site(subject)
        cpu = settled(subject)
    what = f"the site of {projects} long READMEs"
    yield Row(what=f"{what}: CPU of each", ours=cpu / projects * 1e3, unit="ms")
    for process, memory in zip(("the daemon", "its renderer"), largest, strict=True):
        yield Row(what=f"{what}: memory of {process}", ours=memory, unit="MiB")


@contextmanager
def ours(base: Path, projects: int, settings: str = "", *, readme: bool = False) -> Iterator[Subject]:
    """The daemon over an index of so many projects, of one release each."""
    base.mkdir()
    fill(base, projects, in_project=1)
    for number in range(projects if readme else 0):
        write_readme(base / "public/files", number)
    (base / "eggwatch.toml").write_text(f'[index.main]\ndrop = "drop"\npublic = "public"\nstate = "state"\n{settings}')
    command: Words = [sys.executable, "-m", "eggwatch", "--config", base / "eggwatch.toml", "run"]
    with daemon(command) as pid:
        yield Subject(pid=pid, base=base, simple=base / "public/simple")


def write_readme(files: Path, number: int) -> None:
    """The metadata beside a file of the index."""
    event, source = synthetic(number, 1), random.Random(number)
    parts = "\n\n".join(
        f"## Part {part}\n\n{prose(source, README // 10)}\n\n```python\nprint({part})\n```" for part in range(10)
    )
    head = f"Metadata-Version: 2.1\nName: {event.project}\nVersion: {event.version}\n"
    (files / event.project).mkdir(parents=True)
    (files / event.project / f"{event.filename}.metadata").write_text(
        f"{head}Description-Content-Type: text/markdown\n\n{parts}\n"
    )


def wait_for_site(subject: Subject) -> tuple[float, float]:
    """Until all pages of the site are there; the memory of the daemon and of its largest other process, in MiB."""
    most = 0.0
    while not (subject.base / "public/projects/index.html").exists():
        most = max(
            most, *(memory for pid in below(subject.pid)[1:] if (memory := memory_or_none(pid)) is not None), 0.0
        )
        time.sleep(0.1)
    return memory_of(subject.pid), most


def memory_or_none(pid: int) -> float | None:
    """The memory of a process, if it has not ended."""
    try:
        return memory_of(pid)
    except (FileNotFoundError, ProcessLookupError, SystemExit):
        return None


def settled(subject: Subject) -> float:
    """Seconds of CPU that it has used when nothing is left to do."""
    spent = cpu_of(subject.pid)
    while True:
        time.sleep(CALM)
        if (now := cpu_of(subject.pid)) - spent < 0.05:
            return now
        spent = now
