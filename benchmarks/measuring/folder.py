"""`eggwatch index`: a folder of archives the first time, once more without a change, and with one archive more."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measuring.archives import write_small
from benchmarks.measuring.bulk import turns
from benchmarks.measuring.processes import Words, run, yardstick
from benchmarks.measuring.table import Row


def index(folder: Path) -> Words:
    """The command on a folder."""
    return [sys.executable, "-m", "eggwatch", "index", folder]


def small(work: Path, *, archives: int, rounds: int, peers: Path | None) -> Iterator[Row]:
    """Small archives, beside the ideal loop and dumb-pypi with a script that hashes."""
    folder = work / "folder"
    write_small(folder, archives)
    commands: dict[str, Callable[[Path], Words]] = {
        "ours": lambda base: index(base / "drop"),
        "loop": lambda base: yardstick("ideal", "loop", base / "drop", base / "out"),
    }
    if peers is not None:
        program = peers / "bin/dumb-pypi"
        commands["peer"] = lambda base: yardstick("dumb_pypi", base / "drop", base / "out", program)
        commands["simple"] = lambda base: [*index(base / "drop"), "--simple-only"]
    costs = turns(folder, work, commands, rounds)
    what = f"index: {archives} archives"
    for unit, measure in (("s", "seconds"), ("s CPU", "cpu")):
        mean = {name: statistics.median(getattr(cost, measure) for cost in costs[name]) for name in costs}
        yield Row(what=f"{what}, ideal loop", ours=mean["ours"], beside=mean["loop"], unit=unit)
        if peers is not None:
            yield Row(what=f"{what}, dumb-pypi", ours=mean["ours"], beside=mean["peer"], unit=unit, wanted="below 2")
            label = f"{what}, --simple-only, dumb-pypi"
            yield Row(what=label, ours=mean["simple"], beside=mean["peer"], unit=unit, wanted="below 2")
    yield Row(what=f"{what}, memory", ours=max(cost.memory for cost in costs["ours"]), unit="MiB", wanted="100 MiB")
    yield from _again(folder, what)


def _again(folder: Path, what: str) -> Iterator[Row]:
    run(index(folder))
    for change in ("unchanged", "one more"):
        if change == "one more":
            write_small(folder, 1, stem="another")
        cost = run(index(folder))
        yield Row(what=f"{what}, {change}", ours=cost.seconds, unit="s", wanted="below 1")
        yield Row(what=f"{what}, {change}", ours=cost.cpu, unit="s CPU", wanted="below 1")
