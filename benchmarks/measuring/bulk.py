"""Many archives at once: all that lie in a drop folder are published by `run --once`."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measuring.archives import write_small
from benchmarks.measuring.processes import Cost, Words, eggwatch, run, yardstick
from benchmarks.measuring.table import Row


def turns(
    drop: Path, work: Path, commands: dict[str, Callable[[Path], Words]], rounds: int, *, may_reject: bool = False
) -> dict[str, list[Cost]]:
    """Costs of commands that take turns, each time in a folder of its own with a copy of the drop folder.

    Nothing is deleted meanwhile: ext4 does not reuse what was deleted in the last half a minute, and looks for others,
    so that a program that makes many files would take twice as long after one that had made some.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            base = work / f"{name}-{number}"
            shutil.copytree(drop, base / "drop")
            costs[name].append(run(command(base), may_reject=may_reject))
    for name in commands:
        for number in range(rounds):
            shutil.rmtree(work / f"{name}-{number}")
    return costs


def once(base: Path) -> Words:
    """The command that is measured."""
    return eggwatch(base, "run", "--once")


def small(work: Path, *, archives: int, rounds: int, peers: Path | None) -> Iterator[Row]:
    """Small archives, beside the ideal loop and dumb-pypi with a script that hashes."""
    write_small(work / "small", archives)
    commands: dict[str, Callable[[Path], Words]] = {
        "ours": once,
        "loop": lambda base: yardstick("ideal", "loop", base / "drop", base / "out"),
    }
    if peers is not None:
        program = peers / "bin/dumb-pypi"
        commands["peer"] = lambda base: yardstick("dumb_pypi", base / "drop", base / "out", program)
    costs = turns(work / "small", work, commands, rounds)
    mean = {name: statistics.median(cost.seconds for cost in costs[name]) for name in costs}
    what = f"bulk: {archives} small archives"
    yield Row(what=f"{what}, ideal loop", ours=mean["ours"], beside=mean["loop"], unit="s", wanted="at most 4")
    if peers is not None:
        yield Row(what=f"{what}, dumb-pypi", ours=mean["ours"], beside=mean["peer"], unit="s", wanted="below 2")
    cpu = statistics.median(cost.cpu for cost in costs["ours"])
    yield Row(what=f"{what}, CPU of one", ours=cpu / archives * 1e3, unit="ms")
    yield Row(what=f"{what}, memory", ours=max(cost.memory for cost in costs["ours"]), unit="MiB", wanted="100 MiB")


def wheels(folder: Path, work: Path, *, rounds: int) -> Iterator[Row]:
    """Real wheels, beside the bare loop that inflates, checks and hashes their members on all cores."""
    commands = {"ours": once, "bare": lambda base: yardstick("bare", base / "drop")}
    costs = turns(folder, work, commands, rounds, may_reject=True)
    for what in ("seconds", "cpu"):
        mean = {name: statistics.median(getattr(cost, what) for cost in costs[name]) for name in costs}
        label = "bulk: real wheels, bare loop" + (", CPU" if what == "cpu" else "")
        yield Row(what=label, ours=mean["ours"], beside=mean["bare"], unit="s", wanted="at most 1.1")
    yield Row(what="bulk: real wheels, memory", ours=max(cost.memory for cost in costs["ours"]), unit="MiB")
