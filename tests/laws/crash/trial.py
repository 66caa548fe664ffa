"""Trials: play the history, crash where told or go on from a copy, look as a reader does, recover, and compare."""

from __future__ import annotations

import faulthandler
import gc
import io
import json
import logging
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from eggwatch.archives.inspecting import inspect
from eggwatch.archives.metadata.about import about
from eggwatch.inspection.readmes import Readmes
from eggwatch.linux import syncing
from eggwatch.maintenance import verify
from eggwatch.pipeline import root_pages
from eggwatch.store import durable
from eggwatch.writer import index, page_sources
from tests.laws import readmes_here
from tests.laws.crash.copies import Copies, Keeper
from tests.laws.crash.faults import FAULTS
from tests.laws.crash.history import STEPS, Player, archives
from tests.laws.crash.places import KEPT, LOST, SAVED, Disks, Fates, Place
from tests.laws.crash.reader import problems_of, problems_of_held
from tests.laws.crash.rest import Facts, differences, facts_of, problems_at_rest, tree_of

LEVEL = logging.WARNING
SECONDS = 120
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
    steps: int = len(STEPS)
    """How many steps the last process plays at most; what a crash has interrupted is the first of them."""

    def __str__(self) -> str:
        crashes = ", then ".join(map(str, self.crashes)) or "no crash"
        return crashes + (f", fault {self.fault}" if self.fault else "") + (", with workers" if self.workers else "")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One play of the history that keeps copies, and the recovery of each of them to the end of its step.

    Copies are kept before the kill points with these numbers, or before and after those that match `near`; in the
    middle of what is written there, if `torn`. Without `fates` they are what a kill leaves, else a power cut.
    """

    points: tuple[int, ...] = ()
    near: str | None = None
    torn: bool = False
    fates: int | None = None
    fault: str | None = None
    to_the_end: int = 9
    """Points that this number divides play on to the end of the history."""
    most: int | None = None
    """Recover so many of the copies at most, and only until one turns out red."""

    def __str__(self) -> str:
        fates = "" if self.fates is None else f", power cut {FATES[self.fates]}"
        torn = ", half written" if self.torn else ""
        return f"copy{torn}{fates}" + (f", fault {self.fault}" if self.fault else "")

    def is_wanted(self, passed: list[str]) -> bool:
        """Whether a copy is kept at the last of these points."""
        if self.near is None:
            return len(passed) in self.points
        return any(re.search(self.near, point) for point in passed[-2:])


@dataclass(kw_only=True)
class Report:
    """What a trial has found."""

    plan: str = ""
    point: int = 0
    """Of which point it recovered a copy."""
    is_distinct: bool = True
    """False when the copy before was the same: then it was not tried again."""
    points: list[str] = field(default_factory=list)
    """The kill points that the last process passed."""
    crashed_at: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.plan}, crashed at {self.crashed_at}: " + "\n  ".join(["", *self.problems])


class KillPoints:
    """Counts the operations that change the disk, and does something before some of them."""

    def __init__(self, is_one: Callable[[list[str]], bool], act: Callable[[], None]) -> None:
        self._is_one, self._act = is_one, act
        self.passed: list[str] = []

    def __call__(self, operation: str, subject: str) -> None:
        """One operation is about to happen."""
        self.passed.append(f"{operation} {subject}")
        if self._is_one(self.passed):
            self._act()


Unkilled = list[Facts]
"""What the history comes to without a crash, after each step."""


def unkilled(place: Place) -> Unkilled:
    """Play the history step by step, each with a process of its own that is not killed."""
    place.clear()
    lives = [_life(Plan(steps=1), place, None) for _ in STEPS]
    problems = [problem for life in lives for problem in life["problems"]]
    assert not problems, problems
    return [life["facts"] for life in lives]


def recoveries(series: Series, place: Disks, unkilled: Unkilled) -> Iterator[Report]:
    """Play the history once, and recover the copies of it; the first report is that of the play."""
    place.clear()
    path = place.base / "copies"
    result = _life(Plan(fault=series.fault), place, None, series)
    play = Report(plan=str(series), points=result["points"], problems=_compared(result, unkilled))
    yield play
    if play.problems:
        return
    copies, ends = Copies(place, path), series.to_the_end
    many = 0 if series.most is None else len(list(Copies(place, path)))
    for number, (copy, is_new) in enumerate(copies):
        if series.most is not None and number % max(1, many // series.most):
            continue
        report = Report(plan=str(series), point=copy.point, is_distinct=is_new, crashed_at=[copy.operation])
        plays_on = copy.point % ends == 0
        if is_new or plays_on:
            copies.put_back()
            report.problems = [*problems_of(place.config.public), *_held(place)]
            plan = Plan(fault=series.fault, steps=len(STEPS) if plays_on else 1)
            report.problems += _compared(_life(plan, place, None), unkilled)
        yield report
        if series.most is not None and report.problems:
            return


def copied_and_crashed(crash: Crash, place: Disks) -> list[dict[str, str]]:
    """The tree that a copy at a point has, and that which a real crash there leaves."""
    series = Series(points=(crash.point,), fates=crash.fates, torn=crash.torn)
    trees = []
    for real in (False, True):
        place.clear()
        result = _life(Plan(steps=len(STEPS)), place, crash if real else None, None if real else series)
        assert result["problems"] == [], result
        if not real:
            copies = Copies(place, place.base / "copies")
            assert len(list(copies)) == 1
            copies.put_back()
        elif crash.fates is not None:
            place.restore()
        trees.append({name: line for name in ("drop", "public", "state") for name, line in tree_of(place.folder(name))})
    return trees


def _compared(result: dict[str, Any], unkilled: Unkilled) -> list[str]:
    """What is wrong at the end of a life, and what differs from the end of the same step without a crash."""
    if result["facts"] is None or not unkilled:
        return list(result["problems"])
    return [*result["problems"], *differences(result["facts"], unkilled[result["step"] - 1])]


def _held(place: Place) -> list[str]:
    return problems_of_held(place.config.public, place.outside / "held.json")


def run(plan: Plan, place: Place, unkilled: Unkilled) -> Report:
    """Play the whole trial. Without `unkilled` there is nothing to compare with."""
    began, report = time.monotonic(), Report(plan=str(plan))
    place.clear()
    for crash in (*plan.crashes, None):
        result = _life(plan, place, crash)
        report.problems += _compared(result, unkilled)
        report.points = result["points"]
        if result["crashed_at"] is None:
            break
        report.crashed_at.append(result["crashed_at"])
        if crash is not None and crash.fates is not None:
            place.restore()
        report.problems += [*problems_of(place.config.public), *_held(place)]
    report.seconds = time.monotonic() - began
    return report


def _life(plan: Plan, place: Place, crash: Crash | None, series: Series | None = None) -> dict[str, Any]:
    """One process from its start to its crash, or to the end of what it plays; it keeps the copies of a series."""
    outcome = place.outside / "outcome.json"
    outcome.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        _live(outcome, lambda: _play(plan, place, crash, series))
    _, status = os.waitpid(pid, 0)
    result: dict[str, Any] = {"problems": [], "points": [], "crashed_at": None, "facts": None, "step": 0}
    if outcome.exists():
        return result | json.loads(outcome.read_text())
    log = (place.outside / "log").read_text() if (place.outside / "log").exists() else ""
    return result | {"problems": [f"it ended with status {status}, and said nothing\n{log}"]}


def _live(outcome: Path, play: Callable[[], dict[str, Any]]) -> None:
    """The child's whole life; never returns."""
    status = 1
    try:
        log = (outcome.parent / "log").open("a")
        faulthandler.dump_traceback_later(SECONDS, file=log, exit=True)
        faulthandler.register(signal.SIGALRM, file=log, all_threads=False)
        signal.alarm(SECONDS - 2)
        logging.basicConfig(stream=log, level=LEVEL, force=True)
        _tell(outcome, play())
        status = 0
    except BaseException:
        _tell(outcome, {"problems": [traceback.format_exc()]})
    finally:
        os._exit(status)


def _play(plan: Plan, place: Place, crash: Crash | None, series: Series | None) -> dict[str, Any]:
    if plan.fault is not None:
        FAULTS[plan.fault].plant()
    player = Player(place, workers=plan.workers)
    if series is not None:
        assert isinstance(place, Disks)
        points = _keeping(series, place)
    else:
        points = _crashing(crash, place)
    with durable.observed(points):
        player.play(plan.steps if crash is None else len(STEPS))
    return {
        "points": points.passed,
        "problems": list(_problems(place)),
        "facts": facts_of(place),
        "step": player.number,
    }


def _crashing(crash: Crash | None, place: Place) -> KillPoints:
    if crash is None:
        return KillPoints(lambda _: False, lambda: None)
    power = place.open_power() if isinstance(place, Disks) else {}

    def end() -> None:
        _tell(place.outside / "outcome.json", {"crashed_at": points.passed[-1]})
        if crash.fates is not None:
            assert isinstance(place, Disks)
            place.cut(power, fates_of_disks(place, crash.fates))
        os.kill(os.getpid(), signal.SIGKILL)

    points = KillPoints(lambda passed: len(passed) == crash.point, _in_the_middle(end) if crash.torn else end)
    return points


def _keeping(series: Series, place: Disks) -> KillPoints:
    """Keeps copies, and ends once it has all that were numbered."""
    fates = fates_of_disks(place, series.fates)
    keeper = Keeper(place, (place.base / "copies").open("wb", buffering=0), fates=fates, torn=series.torn)
    last = None if series.torn else max(series.points, default=None)

    def act() -> None:
        if last is not None and len(points.passed) > last:
            _tell(place.outside / "outcome.json", {"points": points.passed})
            os._exit(0)
        keeper.keep(len(points.passed), points.passed[-1])

    points = KillPoints(lambda passed: series.is_wanted(passed) or len(passed) - 1 == last, act)
    return points


def fates_of_disks(place: Disks, fates: int | None) -> Fates:
    """The fate of each disk; everything is saved where no power is cut."""
    return dict.fromkeys(place.disks, SAVED) if fates is None else FATES[fates]


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
    env = index.environment(sources := page_sources.templates())
    for name in sources:
        env.get_template(name)
    index.environment = verify.environment = root_pages.environment = lambda _: env
    Readmes.html = readmes_here.html  # type: ignore[method-assign]
    for filename, data in archives().values():
        if metadata := inspect(io.BytesIO(data), filename).metadata:
            readmes_here.rendered((said := about(metadata)).description, said.description_type)
    gc.freeze()


def sync_nothing() -> None:
    """Where no power is cut, a sync changes nothing; what keeps copies has its own."""
    syncing.sync_all = durable._syncfs = os.fsync = lambda _: None  # type: ignore[assignment]


def serve(kind: str, base: str) -> None:
    """One helper process: a place of its own, and one request a line of standard input."""
    warm_up()
    place = Place(Path(base)) if kind == "plain" else Disks(Path(base), kind)
    if kind != "disks":
        sync_nothing()
    try:
        known: Unkilled = []
        for line in sys.stdin:
            request = json.loads(line)
            if "unkilled" in request:
                known = request["unkilled"] or unkilled(place)
                answer: Any = known
            elif "compare" in request:
                assert isinstance(place, Disks)
                answer = copied_and_crashed(Crash(**request["compare"]), place)
            elif "series" in request:
                assert isinstance(place, Disks)
                answer = [asdict(report) for report in recoveries(Series(**request["series"]), place, known)]
            else:
                crashes = tuple(Crash(**crash) for crash in request.pop("crashes"))
                answer = asdict(run(Plan(crashes=crashes, **request), place, known))
            print(json.dumps(answer), flush=True)
    finally:
        place.close()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
