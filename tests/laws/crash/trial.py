"""One trial: play the history, crash where told, look as a reader does, go on, and compare."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from eggwatch.maintenance import verify
from eggwatch.store import durable
from eggwatch.writer import index
from tests.laws.crash.faults import FAULTS
from tests.laws.crash.history import Player, archives
from tests.laws.crash.places import KEPT, LOST, SAVED, MountedPlace, Place
from tests.laws.crash.reader import problems_of, problems_of_held
from tests.laws.crash.rest import Facts, differences, facts_of, problems_at_rest

LEVEL = logging.WARNING
SECONDS = 20
"""A process that has not ended by then hangs."""
FATES = [dict(zip(("drop", "public", "state"), each, strict=True)) for each in product((LOST, KEPT, SAVED), repeat=3)]
"""What can become of unsynced changes on three file systems."""


@dataclass(frozen=True, kw_only=True)
class Crash:
    """At which kill point a process ends (the first is 1), and how.

    Killed, or with the power cut (`fates`: an index of FATES); right before the operation, or (`torn`) in the
    middle of it, when half of the bytes are written.
    """

    point: int
    fates: int | None = None
    torn: bool = False

    def __str__(self) -> str:
        fates = "" if self.fates is None else f", power cut {FATES[self.fates]}"
        return f"point {self.point}{', half written' if self.torn else ''}{fates}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One trial: the crashes of one process after the other; the last process lives. `fault` names a planted one."""

    crashes: tuple[Crash, ...] = ()
    fault: str | None = None
    workers: bool = False
    """Whether archives are inspected and front pages rendered in processes of their own, as the daemon does it."""

    def __str__(self) -> str:
        crashes = ", then ".join(map(str, self.crashes)) or "no crash"
        return crashes + (f", fault {self.fault}" if self.fault else "") + (", with workers" if self.workers else "")


@dataclass(kw_only=True)
class Report:
    """What a trial has found."""

    plan: str = ""
    points: list[str] = field(default_factory=list)
    """The kill points that the last process passed."""
    crashed_at: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    facts: Facts | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.plan}, crashed at {self.crashed_at}: " + "\n  ".join(["", *self.problems])


class KillPoints:
    """Counts the operations that change the disk, and ends the process before one of them."""

    def __init__(self, at: int | None, end: Callable[[], None]) -> None:
        self._at, self._end = at, end
        self.passed: list[str] = []

    def __call__(self, operation: str, subject: str) -> None:
        """One operation is about to happen."""
        self.passed.append(f"{operation} {subject}")
        if len(self.passed) == self._at:
            self._end()


def run(plan: Plan, place: Place, unkilled: Facts | None) -> Report:
    """Play the whole trial. Without `unkilled` there is nothing to compare with."""
    began, report = time.monotonic(), Report(plan=str(plan))
    place.clear()
    for crash in (*plan.crashes, None):
        result = _life(plan, place, crash)
        report.problems += result["problems"]
        report.points = result["points"]
        if result["crashed_at"] is None:
            break
        report.crashed_at.append(result["crashed_at"])
        if crash is not None and crash.fates is not None:
            place.restore()
        report.problems += problems_of(place.config.public)
        report.problems += problems_of_held(place.config.public, place.outside / "held.json")
    report.facts = result["facts"]
    if report.facts is not None and unkilled is not None:
        report.problems += differences(report.facts, unkilled)
    report.seconds = time.monotonic() - began
    return report


def _life(plan: Plan, place: Place, crash: Crash | None) -> dict[str, Any]:
    """One process from its start to its crash, or to the end of the history."""
    outcome = place.outside / "outcome.json"
    outcome.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        _live(plan, place, crash, outcome)
    _, status = os.waitpid(pid, 0)
    result: dict[str, Any] = {"problems": [], "points": [], "crashed_at": None, "facts": None}
    if outcome.exists():
        return result | json.loads(outcome.read_text())
    log = (place.outside / "log").read_text() if (place.outside / "log").exists() else ""
    return result | {"problems": [f"it ended with status {status}, and said nothing\n{log}"]}


def _live(plan: Plan, place: Place, crash: Crash | None, outcome: Path) -> None:
    """The child's whole life; never returns."""
    status = 1
    try:
        log = (place.outside / "log").open("a")
        faulthandler.dump_traceback_later(SECONDS, file=log, exit=True)
        faulthandler.register(signal.SIGALRM, file=log, all_threads=False)
        signal.alarm(SECONDS - 2)
        logging.basicConfig(stream=log, level=LEVEL, force=True)
        _play(plan, place, crash, outcome)
        status = 0
    except BaseException:
        _tell(outcome, {"problems": [traceback.format_exc()]})
    finally:
        os._exit(status)


def _play(plan: Plan, place: Place, crash: Crash | None, outcome: Path) -> None:
    power = place.open_power()

    def end() -> None:
        _tell(outcome, {"crashed_at": points.passed[-1]})
        if crash is not None and crash.fates is not None:
            place.cut(power, FATES[crash.fates])
        os.kill(os.getpid(), signal.SIGKILL)

    points = KillPoints(crash.point if crash else None, _in_the_middle(end) if crash and crash.torn else end)
    if plan.fault is not None:
        FAULTS[plan.fault].plant()
    player = Player(place, workers=plan.workers)
    with durable.observed(points):
        player.play()
    problems = list(_problems(place))
    facts = facts_of(place)
    _tell(outcome, {"points": points.passed, "problems": problems, "facts": facts})


def _in_the_middle(end: Callable[[], None]) -> Callable[[], None]:
    """Instead of ending at once, end when half of what is written next is written."""

    def tear() -> None:
        write_all = durable.write_all

        def torn(fd: int, data: bytes | memoryview) -> None:
            write_all(fd, bytes(data)[: len(data) // 2])
            end()

        durable.write_all = torn

    return tear


def _problems(place: Place) -> Iterator[str]:
    yield from problems_of(place.config.public)
    yield from problems_at_rest(place)


def _tell(outcome: Path, what: dict[str, Any]) -> None:
    new = outcome.with_suffix(".new")
    new.write_text(json.dumps(what))
    new.rename(outcome)


def warm_up() -> None:
    """Do once what each child would do again. No thread and no open file of eggwatch may exist before a fork."""
    archives()
    env = index.environment(index.templates())
    for name in env.list_templates():
        env.get_template(name)
    index.environment = verify.environment = lambda _: env


def sync_one_by_one() -> None:
    """Where no power is cut, threads that sync side by side are a waste of time."""

    class Inline:
        map = map

    durable._pool = Inline  # type: ignore[assignment]


def serve(kind: str, base: str) -> None:
    """One helper process: a place of its own, and one trial a line of standard input."""
    warm_up()
    if kind == "mounted":
        place: Place = MountedPlace(Path(base))
    else:
        place = Place(Path(base))
        sync_one_by_one()
    try:
        unkilled: Facts | None = None
        for line in sys.stdin:
            request = json.loads(line)
            if "unkilled" in request:
                unkilled = request["unkilled"]
                continue
            crashes = tuple(Crash(**crash) for crash in request.pop("crashes"))
            report = run(Plan(crashes=crashes, **request), place, unkilled)
            print(json.dumps(asdict(report)), flush=True)
    finally:
        place.close()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
