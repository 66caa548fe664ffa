"""Inspection in separate processes: if one dies, only its file is affected, and a zip bomb delays no other file."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Iterable

from eggwatch.errors import EggwatchError
from eggwatch.inspection.queues import NICE, TOO_MUCH, Lane, LaneQueue, Turn, slow_seconds
from eggwatch.inspection.worker import Job, Result, Worker, read_answer, read_given_up
from eggwatch.linux.process import MEMORY_LIMIT, readable
from eggwatch.model.archives import Inspection
from eggwatch.model.codes import Code
from eggwatch.model.verdicts import Flaw

MOST_STILLBORN = 3
FEWEST_DESCRIPTORS = 64
"""Open files with which inspectors can just be started, and pages and copies made beside them."""
ENOUGH_DESCRIPTORS = 1024
MANY = 16
"""Where more than so many small archives wait that were never tried, each worker has"""
IN_HAND = 32
"""up to so many at a time, so that it goes on while nobody looks after it,"""
BYTES_IN_HAND = 512 * 1024
"""of theirs. Not while some first try has not been enough: nobody is to wait behind bombs."""


def raise_descriptor_limit() -> None:
    """Let this process open as many files as it may and needs. EggwatchError if that is not enough to inspect any."""
    try:
        import resource
    except ImportError:  # where 'check' runs without Linux there is no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < ENOUGH_DESCRIPTORS:
        soft = min(hard, ENOUGH_DESCRIPTORS) if hard != resource.RLIM_INFINITY else ENOUGH_DESCRIPTORS
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < FEWEST_DESCRIPTORS:
        raise EggwatchError(
            f"This process may open {soft} files at a time; it takes {FEWEST_DESCRIPTORS} at least to inspect uploads.",
            remedy="Raise the limit: 'ulimit -n 1024' before the command, or LimitNOFILE=1024 in the unit.",
        )


class Inspectors:
    """The lanes and their workers. Not for use by several threads."""

    def __init__(self, *, fast: int | None = None, slow: int = 1, first_try: int = 0, readme: bool = False) -> None:
        """The number of workers in each lane; `readme` if READMEs are rendered, too.

        `first_try` is `LAST_TRY` if no other upload has to wait.
        """
        raise_descriptor_limit()
        sizes = {Lane.BIG: 1, Lane.SLOW: slow}
        self._queues = {lane: LaneQueue(lane, sizes.get(lane, fast or os.cpu_count() or 1)) for lane in Lane}
        self._first_try, self._readme = first_try, readme
        self._first = Lane.SLOW if first_try else Lane.FAST
        """Where small archives wait at first."""
        self._turns: dict[int, Turn] = {}
        self._blame: Counter[str] = Counter()
        """By uploader: first tries that were not enough, since the last moment when nothing was left to do."""
        self._stillborn = 0
        self._results: list[Result] = []

    def __enter__(self) -> Inspectors:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, job: Job) -> None:
        """Queue a job; `poll` gives its result."""
        if not self._turns:
            self._blame.clear()
        turn = self._turns[job.number] = Turn(job=job, tries=self._first_try)
        self._wait(turn)
        self._start_waiting()

    def warm_up(self, jobs: int = 1) -> None:
        """Start workers before so many jobs come: each takes a fifth of a second to import what it needs."""
        queue = self._queues[self._first]
        while len(queue.workers) < min(jobs, queue.size):
            queue.workers.append(self._worker(queue))

    def busy(self) -> int:
        """How many jobs are queued or in hand."""
        return len(self._results) + len(self._turns)

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

    def _worker(self, queue: LaneQueue) -> Worker:
        return Worker(niceness=0 if self._first_try else NICE[queue.lane], readme=self._readme)

    def poll(self, timeout: float) -> list[Result]:
        """Results that have arrived; waits for the first one up to `timeout` seconds."""
        if not self._results and (sockets := self.sockets()):
            deadline = self.next_deadline()
            limit = timeout if deadline is None else min(timeout, deadline - time.monotonic())
            self._collect(readable(sockets, limit))
        now = time.monotonic()
        for queue in self._queues.values():
            for worker in list(queue.workers):
                if worker.job is not None and worker.deadline <= now:
                    self._bury(queue, worker)
        self._start_waiting()
        results, self._results = self._results, []
        return results

    def _wait(self, turn: Turn) -> None:
        self._queues[turn.lane].turns.add(turn)

    def _start_waiting(self) -> None:
        for queue in self._queues.values():
            while queue.turns and (worker := self._idle(queue)) is not None:
                self._begin(worker, queue.next(self._blame))
        while (worker := self._ahead(first := self._queues[self._first])) is not None:
            self._begin(worker, first.next(self._blame))

    def _begin(self, worker: Worker, turn: Turn) -> None:
        try:
            worker.give(turn.job, seconds=turn.seconds, quick=turn.quick, first=not turn.tries)
        except OSError:
            del self._turns[turn.job.number]
            raise

    def _idle(self, queue: LaneQueue) -> Worker | None:
        for worker in queue.workers:
            if worker.job is None and worker.ready:
                return worker
        starting = sum(not worker.ready for worker in queue.workers)
        if len(queue.workers) < queue.size and starting < len(queue.turns):
            queue.workers.append(self._worker(queue))
        return None

    def _ahead(self, queue: LaneQueue) -> Worker | None:
        """The worker that gets one more small archive before it is done with those in its hands, if any does."""
        if len(queue.turns) <= MANY or self._blame or self._readme:
            return None
        worker = min((worker for worker in queue.workers if worker.ready), key=len, default=None)
        if worker is None or len(worker) >= IN_HAND or worker.bytes_in_hand >= BYTES_IN_HAND:
            return None
        return worker

    def _collect(self, readable: set[socket.socket]) -> None:
        for queue in self._queues.values():
            for worker in [worker for worker in queue.workers if worker.socket in readable]:
                answers = worker.receive()
                if answers is None:
                    self._bury(queue, worker)
                for answer in answers or ():
                    if worker.job is not None:
                        self._take_answer(worker.job, answer)
                        worker.rest()

    def _take_answer(self, job: Job, answer: bytes) -> None:
        turn = self._turns[job.number]
        if turn.quick is not None and (needs := read_given_up(answer)) is not None:
            if not turn.tries and needs <= TOO_MUCH * turn.quick:  # it was begun: the archive did not say so itself
                self._blame[job.owner] += 1
            turn.give_up(needs)
            self._wait(turn)
        else:
            self._end(turn, read_answer(job.number, answer))

    def _end(self, turn: Turn, result: Result) -> None:
        del self._turns[turn.job.number]
        self._results.append(result)

    def _bury(self, queue: LaneQueue, worker: Worker) -> None:
        """A worker died or took too long: its file gets one more chance in the slow lane, then it is refused."""
        job, late = worker.job, worker.deadline <= time.monotonic()
        for spared in worker.jobs[1:]:
            self._wait(self._turns[spared.number])
        how = worker.kill()
        queue.workers.remove(worker)
        if not worker.ready:
            self._count_stillborn(how)
        if job is None:
            return
        self._stillborn = 0
        what, turn = "took too long" if late else f"died ({how})", self._turns[job.number]
        if queue.lane is Lane.SLOW and (late or turn.died is not None):
            self._end(turn, _given_up(job, what, killed=not late and how == "signal SIGKILL"))
            return
        turn.died = what
        self._wait(turn)

    def _count_stillborn(self, how: str) -> None:
        """A worker that never began says nothing about any archive: after a few of them the operator has to look."""
        self._stillborn += 1
        if self._stillborn >= MOST_STILLBORN:
            self._stillborn = 0
            raise EggwatchError(
                f"Inspectors can't be started ({how}).", remedy="See their messages above; uploads wait."
            )

    def close(self) -> None:
        """End all workers."""
        for queue in self._queues.values():
            for worker in queue.workers:
                worker.kill()
            queue.workers.clear()
            queue.turns.clear()
        self._turns.clear()


def _given_up(job: Job, what: str, *, killed: bool) -> Result:
    """Rejected if the archive was too much for its inspector; held if another process killed it (out of memory?)."""
    if killed:
        trouble = f"the inspector {what} twice, not by eggwatch: is the machine out of memory?"
        return Result(number=job.number, trouble=trouble)
    return Result(number=job.number, inspection=_too_much(job, what))


def _too_much(job: Job, what: str) -> Inspection:
    message = (
        f"The inspection {what}: the archive needs more time or memory than any normal archive "
        f"(limits: {slow_seconds(job.size):.0f} s, {MEMORY_LIMIT >> 20} MiB). Build it again, or ask the administrator."
    )
    return Inspection(flaws=(Flaw(code=Code.INSPECTION_LIMIT, subject=job.filename, message=message),))
