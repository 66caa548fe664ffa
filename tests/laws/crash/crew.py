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

from tests.laws.crash.rest import Facts
from tests.laws.crash.trial import Plan, Report

ROOT = Path(__file__).resolve().parents[3]
MEMORY = Path("/dev/shm")


PRIVATELY = {"plain": (), "mounted": ("unshare", "--mount")}
"""Mounts in a namespace of their own: what somebody else's namespace still holds would stay without power for ever."""


class Helper:
    """One process, and a pipe to and from it."""

    def __init__(self, kind: str, base: Path) -> None:
        command = [*PRIVATELY[kind], sys.executable, "-m", "tests.laws.crash.trial", kind, str(base)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def _send(self, request: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def learn(self, unkilled: Facts) -> None:
        """Hand over what the history comes to without a crash."""
        self._send({"unkilled": unkilled})

    def run(self, plan: Plan) -> Report:
        """One trial."""
        assert self._process.stdout is not None
        self._send(asdict(plan))
        line = self._process.stdout.readline()
        assert line, f"the helper died over {plan}"
        return Report(**json.loads(line))

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
        self.unkilled = helpers[0].run(Plan())
        assert self.unkilled.problems == [], self.unkilled
        assert self.unkilled.facts is not None
        for helper in helpers:
            helper.learn(self.unkilled.facts)

    @property
    def points(self) -> list[str]:
        """The kill points of the history, in order."""
        return self.unkilled.points

    def run(self, plans: Iterable[Plan]) -> Iterator[Report]:
        """Run trials; reports come in the order of the plans."""
        with ThreadPoolExecutor(len(self._helpers)) as pool:
            yield from pool.map(self.try_one, plans)

    def try_one(self, plan: Plan) -> Report:
        """One trial by whoever is free."""
        helper = self._free.get()
        try:
            return helper.run(plan)
        finally:
            self._free.put(helper)


@contextmanager
def crew_of(kind: str, size: int | None = None) -> Iterator[Crew]:
    """A crew for as long as a block lasts; `kind` is `plain` or `mounted`."""
    base = Path(tempfile.mkdtemp(prefix="eggwatch-crash-", dir=MEMORY if MEMORY.is_dir() else None))
    helpers = [Helper(kind, base / str(number)) for number in range(size or os.cpu_count() or 1)]
    try:
        yield Crew(helpers)
    finally:
        for helper in helpers:
            helper.close()
        base.rmdir()
