"""Helper processes that run trials side by side, one a core, each in a place of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import Queue
from typing import Any

from tests.laws.crash.trial import Crash, Plan, Report, Series

ROOT = Path(__file__).resolve().parents[3]
MEMORY = Path("/dev/shm")


PRIVATELY = {"plain": (), "disk": ("unshare", "--mount"), "disks": ("unshare", "--mount")}
"""Mounts in a namespace of their own: what somebody else's namespace still holds would stay without power for ever."""


class Helper:
    """One process, and a pipe to and from it."""

    def __init__(self, kind: str, base: Path) -> None:
        command = [*PRIVATELY[kind], sys.executable, "-m", "tests.laws.crash.trial", kind, str(base)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, request: object) -> Any:
        """The answer to a request."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the helper died over {request}"
        return json.loads(line)

    def close(self) -> None:
        """End it, once it has cleaned up."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


class Crew:
    """Some helpers who know the outcome without a crash."""

    def __init__(self, helpers: Sequence[Helper]) -> None:
        self._helpers = helpers
        self._free: Queue[Helper] = Queue()
        for helper in helpers:
            self._free.put(helper)
        unkilled = helpers[0].ask({"unkilled": []})
        for helper in helpers[1:]:
            helper.ask({"unkilled": unkilled})
        whole = self.try_one(Plan())
        assert whole.problems == [], whole
        self.points = whole.points
        """The kill points of the history, in order."""

    def run(self, plans: Iterable[Plan]) -> Iterator[Report]:
        """Run trials; reports come in the order of the plans."""
        with ThreadPoolExecutor(len(self._helpers)) as pool:
            yield from pool.map(self.try_one, plans)

    def try_one(self, plan: Plan) -> Report:
        """One trial by whoever is free."""
        with self._somebody() as helper:
            return Report(**helper.ask(asdict(plan)))

    def recover(self, *series: Series) -> list[Report]:
        """Recover the copies of some series, each by one helper; in order, after the report of each play."""
        with ThreadPoolExecutor(len(self._helpers)) as pool:
            return [report for reports in pool.map(self._recover, series) for report in reports]

    def _recover(self, series: Series) -> list[Report]:
        with self._somebody() as helper:
            return [Report(**report) for report in helper.ask({"series": asdict(series)})]

    def compare(self, crash: Crash) -> list[dict[str, str]]:
        """The trees of a copy and of a real crash at the same point."""
        with self._somebody() as helper:
            return [dict(tree) for tree in helper.ask({"compare": asdict(crash)})]

    @contextmanager
    def _somebody(self) -> Iterator[Helper]:
        helper = self._free.get()
        try:
            yield helper
        finally:
            self._free.put(helper)


@contextmanager
def crew_of(kind: str, size: int | None = None) -> Iterator[Crew]:
    """A crew for as long as a block lasts; `kind` is `plain`, or how many disks they have: `disk` or `disks`."""
    base = Path(tempfile.mkdtemp(prefix="eggwatch-crash-", dir=MEMORY if MEMORY.is_dir() else None))
    helpers = [Helper(kind, base / str(number)) for number in range(size or os.cpu_count() or 1)]
    try:
        yield Crew(helpers)
    finally:
        for helper in helpers:
            helper.close()
        base.rmdir()
