"""One inspecting process, what is asked of it, and what it answers.

It holds no descriptor of lock, ledger or catalog. It gets one read-only descriptor and never a path, has limits on
memory and CPU, dies with the daemon, and answers over a socket with values that are checked here as if they came from
the archive itself. It can reach neither files nor network (`sandbox`).
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eggwatch.linux.process import Process
from eggwatch.model.archives import CoreMetadata, Inspection
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Flaw, Level

LONGEST_ANSWER = 32 * 1024 * 1024
MOST_COMMAS = 500_000
"""Some hundred texts have fewer. Each may be a value more, of 64 bytes: 32 MiB of empty lists take 700 MiB."""
MOST_FLAWS = 256
"""More flaws than an inspector reports: 50 that reject, 50 that warn, and one of each further code."""
LONGEST_NEED = 3600.0
"""Seconds of CPU time that an archive is believed to need at most."""

CODE = """
from eggwatch.inspection.inspector import serve
serve(niceness=int(sys.argv[1]), readme=bool(sys.argv[2]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One archive to look at: the claim's number, a path to open for the worker, its filename and size."""

    number: int
    path: Path
    filename: str
    size: int
    readme: bool = False
    """Whether its README is to be rendered too, which takes milliseconds."""
    metadata: bool = True
    """Whether the bytes of its metadata are wanted."""
    owner: str = ""
    """Whose upload it is, as far as anybody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a job: an inspection, or what went wrong with the inspector itself."""

    number: int
    inspection: Inspection | None = None
    trouble: str | None = None
    """A traceback: a bug of ours, so the file is held."""


class Worker:
    """One inspecting process and the jobs in its hands, which it answers one by one."""

    def __init__(self, *, niceness: int = 5, readme: bool = False) -> None:
        self._process = Process(CODE, str(niceness), "readme" if readme else "")
        self.socket = self._process.channel
        self.ready = False
        self.open: tuple[str, ...] = ()
        """What its sandbox leaves open on this machine."""
        self.deadline = 0.0
        self._jobs: deque[tuple[Job, float]] = deque()
        """Each with the seconds that it may take."""
        self.bytes_in_hand = 0
        self._received = bytearray()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def job(self) -> Job | None:
        """What it is busy with."""
        return self._jobs[0][0] if self._jobs else None

    def __len__(self) -> int:
        """How many it has in hand."""
        return len(self._jobs)

    @property
    def jobs(self) -> list[Job]:
        """The same, and what it has in hand for afterwards."""
        return [job for job, _ in self._jobs]

    def give(self, job: Job, *, seconds: float, quick: float | None = None, first: bool = False) -> None:
        """Hand a job over. OSError if the copy can't be opened, which is not the worker's fault.

        If the worker is dead, `receive` tells it, after all that it has answered before.

        It is killed `seconds` after its beginning, and gives up by itself after `quick` seconds of CPU time; at its
        `first` try sooner, where the archive says of itself that it needs less, or more.
        """
        fd = os.open(job.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._jobs.append((job, seconds))
        self.bytes_in_hand += job.size
        if len(self._jobs) == 1:
            self.deadline = time.monotonic() + seconds
        times = {"cpu": seconds, "quick": quick, "first": first}
        request = {"filename": job.filename, "readme": job.readme, "metadata": job.metadata, **times}
        try:
            socket.send_fds(self.socket, [json.dumps(request).encode() + b"\n"], [fd])
        except OSError:
            self.socket.shutdown(socket.SHUT_WR)  # it ends, if it is not dead yet
        finally:
            os.close(fd)

    def receive(self) -> list[bytes] | None:
        """Take what has arrived: the answers that are whole, in the order of the jobs; None when the worker is gone."""
        data = self._process.receive()
        if not data:
            return None
        *answers, self._received[:] = (self._received + data).split(b"\n")
        if len(self._received) > LONGEST_ANSWER:
            return None
        if answers and not self.ready:
            self.ready, self.open = True, tuple(json.loads(answers.pop(0)))
        return [bytes(answer) for answer in answers]

    def kill(self) -> str:
        """End the process; says how it ended."""
        code = self._process.end()
        if code >= 0:
            return f"exit status {code}"
        return f"signal {signal.Signals(-code).name if -code in set(signal.Signals) else -code}"  # others are real-time

    def rest(self) -> None:
        """Its job is done; the next one begins."""
        job, _ = self._jobs.popleft()
        self.bytes_in_hand -= job.size
        if self._jobs:
            self.deadline = time.monotonic() + self._jobs[0][1]


def read_answer(number: int, data: bytes) -> Result:
    """Check a worker's answer as if the archive had written it."""
    try:
        answer = _value(data)
        if "trouble" in answer:
            return Result(number=number, trouble=_text(answer["trouble"], 20_000))
        return Result(number=number, inspection=_inspection(answer))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Result(number=number, trouble=f"the inspector's answer makes no sense: {error!r}")


def read_given_up(data: bytes) -> float | None:
    """The seconds of CPU time that an archive says it needs, 0 if it does not; None if nothing was given up."""
    try:
        needs = _value(data)["given up"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return float(needs) if isinstance(needs, int | float) and 0 <= needs <= LONGEST_NEED else LONGEST_NEED


def _value(data: bytes) -> Any:
    if data.count(b",") > MOST_COMMAS:
        raise ValueError("it has too many values")
    return json.loads(data)


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
        code=_line(data["code"], 100),
        subject=_line(data["subject"], 1000),
        message=_line(data["message"], 4000),
        level=Level(data["level"]),
    )


def _core(data: dict[str, Any]) -> CoreMetadata:
    fields = ("metadata_version", "name", "version", "requires_python", "summary")
    return CoreMetadata(**{key: _optional(data[key], 4000) for key in fields})


def _optional(value: object, longest: int) -> str | None:
    return None if value is None else _line(value, longest)


def _line(value: object, longest: int) -> str:
    """Text without control characters: feeds with one could not be read, and terminals act on some."""
    return shown(_text(value, longest))


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text was expected")
    return value[:longest].encode("utf-8", "backslashreplace").decode()
