"""Inspection in processes of their own: a death there costs one file.

A worker is spawned, never forked, so it holds no descriptor of lock, ledger or catalog. It gets one
read-only descriptor and never a path, has limits on memory and CPU, dies with the daemon, and answers over
a socket with values that are checked here as if they came from the archive itself. It can reach neither files
nor network (`sandbox`). The same kind of process renders the root and landing pages apart.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from eggwatch.errors import EggwatchError
from eggwatch.inspector import GIVEN_UP, MEMORY_LIMIT
from eggwatch.model.archives import CoreMetadata, Inspection
from eggwatch.model.verdicts import Flaw, Level

LONGEST_ANSWER = 32 * 1024 * 1024
MOST_FLAWS = 64
MOST_STILLBORN = 3
BIG = 32 * 1024 * 1024
"""Archives from this size on go to the slow lane at once."""

_ROOT = str(Path(__file__).resolve().parent.parent)


class Lane(StrEnum):
    """Which workers a job waits for: big or stubborn archives never hold up small ones.

    A job begins in the fast lane, where the smallest archive comes first; one that needs more than a moment there is
    begun again in the middle lane, and one that needs long there in the slow one.
    """

    FAST = "fast"
    MIDDLE = "middle"
    SLOW = "slow"


FAST_CPU = 0.01
"""CPU time that a job may have in the fast lane: enough for two MiB of contents, and a hundredth of a bomb."""

FAST_SECONDS = 2.0
"""Wall-clock time after which a job is taken from the fast or middle lane and begun again in the slow one."""

_NICE = {Lane.FAST: 5, Lane.MIDDLE: 10, Lane.SLOW: 10}


def slow_seconds(size: int) -> float:
    """The time that the slow lane gives an archive of `size` bytes: a minute, and one more for each 32 MiB."""
    return 60.0 * (1 + size / BIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One archive to look at: the claim's number, a path to open for the worker, its filename and size."""

    number: int
    path: Path
    filename: str
    size: int
    readme: bool = False
    """Whether its README is to be rendered too, which takes milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a job: an inspection, or what went wrong with the inspector itself."""

    number: int
    inspection: Inspection | None = None
    trouble: str | None = None
    """A traceback: a bug of ours, so the file is held."""


class Worker:
    """One inspecting process and the job in its hands."""

    def __init__(self, lane: Lane = Lane.FAST, *, readme: bool = False) -> None:
        self._lane = lane
        ours, theirs = socket.socketpair()
        arguments = [_ROOT, str(theirs.fileno()), str(_NICE[lane]), "readme" if readme else ""]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOTSTRAP, *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
                cwd="/",
                close_fds=True,
                restore_signals=True,
            )
        self.socket = ours
        self.ready = False
        self.open: tuple[str, ...] = ()
        """What its sandbox leaves open on this machine."""
        self.job: Job | None = None
        self.deadline = 0.0
        self._received = bytearray()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def give(self, job: Job, *, seconds: float) -> bool:
        """Hand a job over; False if the worker is dead. OSError if the copy can't be opened, which is not its fault."""
        fd = os.open(job.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.job, self.deadline = job, time.monotonic() + seconds
        self._received.clear()
        try:
            request = {"filename": job.filename, "cpu": seconds, "readme": job.readme, "quick": self._quick()}
            socket.send_fds(self.socket, [json.dumps(request).encode() + b"\n"], [fd])
        except OSError:
            return False
        finally:
            os.close(fd)
        return True

    def _quick(self) -> float | None:
        return FAST_CPU if self._lane is Lane.FAST else None

    def receive(self) -> bytes | None:
        """Take what has arrived; the whole answer when it is there, b"" when the worker is gone."""
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError:
            return b""
        self._received += data
        if not data or len(self._received) > LONGEST_ANSWER:
            return b""
        if not self._received.endswith(b"\n"):
            return None
        if self.ready:
            return bytes(self._received)
        self.ready, self.open = True, tuple(json.loads(self._received))
        self._received.clear()
        return None

    def kill(self) -> str:
        """End the process; says how it ended."""
        self.socket.close()
        if self._process.poll() is None:
            self._process.kill()
        code = self._process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def rest(self) -> None:
        """Ready for the next job."""
        self.job = None
        self._received.clear()


_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[1]); from eggwatch.inspector import serve; "
    "serve(int(sys.argv[2]), niceness=int(sys.argv[3]), readme=bool(sys.argv[4]))"
)


@dataclass(slots=True)
class _Queue:
    lane: Lane
    size: int
    workers: list[Worker] = field(default_factory=list)
    jobs: deque[Job] = field(default_factory=deque)

    def seconds(self, job: Job) -> float:
        return slow_seconds(job.size) if self.lane is Lane.SLOW else FAST_SECONDS

    def next(self) -> Job:
        """Take the job whose turn it is: the first, in the fast lane the smallest, which can cost the least."""
        job = min(self.jobs, key=lambda job: job.size) if self.lane is Lane.FAST else self.jobs[0]
        self.jobs.remove(job)
        return job


class Inspectors:
    """The three lanes. Not for use by several threads."""

    def __init__(self, *, fast: int | None = None, slow: int = 1, readme: bool = False) -> None:
        """So many workers in each lane; `readme` where they are to render READMEs too."""
        cores, self._readme = os.cpu_count() or 1, readme
        self._queues = {
            Lane.FAST: _Queue(Lane.FAST, fast or cores),
            Lane.MIDDLE: _Queue(Lane.MIDDLE, fast or cores),
            Lane.SLOW: _Queue(Lane.SLOW, slow),
        }
        self._deaths: dict[int, str] = {}
        self._stillborn = 0
        self._results: list[Result] = []

    def __enter__(self) -> Inspectors:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, job: Job) -> None:
        """Queue a job; `poll` gives its result."""
        lane = Lane.SLOW if job.size >= BIG else Lane.FAST
        self._queues[lane].jobs.append(job)
        self._start_waiting()

    def warm_up(self) -> None:
        """Start one worker before the first upload comes: it takes a fifth of a second to import what it needs."""
        queue = self._queues[Lane.FAST]
        if not queue.workers:
            queue.workers.append(Worker(readme=self._readme))

    def busy(self) -> int:
        """How many jobs are queued or in hand."""
        return len(self._results) + sum(
            len(queue.jobs) + sum(worker.job is not None for worker in queue.workers) for queue in self._queues.values()
        )

    def left_open(self) -> list[str]:
        """What the sandboxes leave open on this machine, in words; empty where they are whole."""
        return sorted({what for worker in self._workers() for what in worker.open})

    def sockets(self) -> list[socket.socket]:
        """What becomes readable when a result has arrived."""
        return [worker.socket for worker in self._workers() if worker.job is not None or not worker.ready]

    def next_deadline(self) -> float | None:
        """The moment of the monotonic clock at which a job's time is up."""
        return min((worker.deadline for worker in self._workers() if worker.job is not None), default=None)

    def _workers(self) -> Iterable[Worker]:
        return [worker for queue in self._queues.values() for worker in queue.workers]

    def poll(self, timeout: float) -> list[Result]:
        """Results that have arrived; waits for the first one up to `timeout` seconds."""
        self._start_waiting()
        if not self._results and self.sockets():
            deadline = self.next_deadline()
            limit = timeout if deadline is None else max(0.0, min(timeout, deadline - time.monotonic()))
            readable, _, _ = select.select(self.sockets(), [], [], limit)
            self._collect(set(readable))
        self._enforce_deadlines()
        self._start_waiting()
        results, self._results = self._results, []
        return results

    def _start_waiting(self) -> None:
        for queue in self._queues.values():
            while queue.jobs and (worker := self._idle(queue)) is not None:
                self._begin(queue, worker, queue.next())

    def _idle(self, queue: _Queue) -> Worker | None:
        for worker in queue.workers:
            if worker.job is None and worker.ready:
                return worker
        starting = sum(not worker.ready for worker in queue.workers)
        if len(queue.workers) < queue.size and starting < len(queue.jobs):
            queue.workers.append(Worker(queue.lane, readme=self._readme))
        return None

    def _begin(self, queue: _Queue, worker: Worker, job: Job) -> None:
        if not worker.give(job, seconds=queue.seconds(job)):
            self._bury(queue, worker)

    def _collect(self, readable: set[socket.socket]) -> None:
        for queue in self._queues.values():
            for worker in [worker for worker in queue.workers if worker.socket in readable]:
                answer = worker.receive()
                if answer == b"":
                    self._bury(queue, worker)
                elif answer is not None and worker.job is not None:
                    self._take_answer(queue.lane, worker.job, answer)
                    worker.rest()

    def _take_answer(self, lane: Lane, job: Job, answer: bytes) -> None:
        if lane is Lane.FAST and answer == GIVEN_UP:
            self._queues[Lane.MIDDLE].jobs.append(job)
            return
        self._results.append(read_answer(job.number, answer))
        self._deaths.pop(job.number, None)

    def _enforce_deadlines(self) -> None:
        now = time.monotonic()
        for queue in self._queues.values():
            for worker in list(queue.workers):
                if worker.job is not None and worker.deadline <= now:
                    self._bury(queue, worker)

    def _bury(self, queue: _Queue, worker: Worker) -> None:
        """A worker died or took too long: its file gets one more chance in the slow lane, then it is refused."""
        job, late = worker.job, worker.deadline <= time.monotonic()
        how = worker.kill()
        queue.workers.remove(worker)
        if not worker.ready:
            self._count_stillborn(how)
        if job is None:
            return
        self._stillborn = 0
        what = "took too long" if late else f"died ({how})"
        if queue.lane is Lane.SLOW and (late or job.number in self._deaths):
            self._deaths.pop(job.number, None)
            self._results.append(_given_up(job, what, killed=not late and how == "signal SIGKILL"))
            return
        self._deaths[job.number] = what
        self._queues[Lane.SLOW].jobs.append(job)

    def _count_stillborn(self, how: str) -> None:
        """A worker that never began says nothing about any archive: after a few of them the operator has to look."""
        self._stillborn += 1
        if self._stillborn >= MOST_STILLBORN:
            self._stillborn = 0
            raise EggwatchError(
                f"Inspectors can't be started ({how}).", remedy="Look above for their own message; uploads wait."
            )

    def close(self) -> None:
        """End all workers."""
        for queue in self._queues.values():
            for worker in queue.workers:
                worker.kill()
            queue.workers.clear()
            queue.jobs.clear()


def _given_up(job: Job, what: str, *, killed: bool) -> Result:
    """Refused if the archive was too much for its inspector; held if somebody else killed that (no memory left?)."""
    if killed:
        trouble = f"the inspector {what} twice, by somebody else: is the machine out of memory?"
        return Result(number=job.number, trouble=trouble)
    return Result(number=job.number, inspection=_too_much(job, what))


def _too_much(job: Job, what: str) -> Inspection:
    message = (
        f"The inspection {what}: the archive needs more time or memory than an honest one "
        f"(limits: {slow_seconds(job.size):.0f} s, {MEMORY_LIMIT >> 20} MiB). Build it again, or ask the administrator."
    )
    return Inspection(flaws=(Flaw(code="inspection-limit", subject=job.filename, message=message),))


def read_answer(number: int, data: bytes) -> Result:
    """Check a worker's answer as if the archive had written it."""
    try:
        answer = json.loads(data)
        if "trouble" in answer:
            return Result(number=number, trouble=_text(answer["trouble"], 20_000))
        return Result(number=number, inspection=_inspection(answer))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Result(number=number, trouble=f"the inspector's answer makes no sense: {error!r}")


def _inspection(answer: dict[str, Any]) -> Inspection:
    metadata, core = answer["metadata"], answer["core"]
    return Inspection(
        flaws=tuple(_flaw(flaw) for flaw in answer["flaws"][:MOST_FLAWS]),
        incomplete=_optional(answer["incomplete"], 1000),
        metadata=None if metadata is None else base64.b64decode(metadata, validate=True),
        core=None if core is None else _core(core),
    )


def _flaw(data: dict[str, Any]) -> Flaw:
    return Flaw(
        code=_text(data["code"], 100),
        subject=_text(data["subject"], 1000),
        message=_text(data["message"], 4000),
        level=Level(data["level"]),
    )


def _core(data: dict[str, Any]) -> CoreMetadata:
    fields = ("metadata_version", "name", "version", "requires_python", "summary")
    return CoreMetadata(**{key: _optional(data[key], 4000) for key in fields})


def _optional(value: object, longest: int) -> str | None:
    return None if value is None else _text(value, longest)


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text was expected")
    return value[:longest].encode("utf-8", "backslashreplace").decode()
