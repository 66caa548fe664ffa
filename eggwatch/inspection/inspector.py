"""What runs inside a worker process: load all that is needed, shut yourself in, then answer request by request."""

from __future__ import annotations

import base64
import json
import os
import socket
import traceback
from dataclasses import fields
from importlib import import_module
from typing import Any

from eggwatch.archives.cpu_limit import OutOfTimeError, cpu_limit
from eggwatch.archives.expected_cpu import expected_cpu
from eggwatch.inspection.queues import TOO_MUCH
from eggwatch.linux.process import allow_cpu, channel_to_parent, collect_less_often, die_with_parent, limit_memory
from eggwatch.model.archives import CoreMetadata

LARGEST_REQUEST = 64 * 1024
SHORTEST_TRY = 0.008
"""CPU time that a first try has, however little the archive says of itself: enough for metadata of 150 requirements."""
DOUBT = 2.5
"""How many times as long as an archive says that it needs its first try may take, beyond that: of 260 real archives
two took longer."""
LOADED_LATE = ("encodings.cp437", "encodings.idna", "linecache", "trove_classifiers")
"""What is imported, or imports itself, in the middle of an inspection."""
READMES = (
    "eggwatch.archives.metadata.readme",
    "readme_renderer.markdown",
    "readme_renderer.rst",
    "readme_renderer.txt",
)
_CORE = tuple(field.name for field in fields(CoreMetadata))
NOBODY = 65534
"""The kernel's overflow uid: where root inspects, the inspector becomes this account."""


def serve(*, niceness: int, readme: bool) -> None:
    """Inspect the archives that the parent process sends, until its end of the socket is closed.

    The first line says that this process is ready, and what its sandbox does not close on this machine.
    """
    with channel_to_parent(niceness=niceness) as channel:  # at once: it takes a tenth of a second to load what follows
        inspect = _load(readme=readme)
        collect_less_often()
        open_ = shut_in(readme=readme)
        channel.sendall(json.dumps(open_).encode() + b"\n")  # a death before this says nothing about any archive
        while True:
            request, fds, _, _ = socket.recv_fds(channel, LARGEST_REQUEST, 1)
            if not request:
                return
            with open(fds[0], "rb", buffering=0) as file:
                channel.sendall(_answer_soon(json.loads(request), file, inspect))


def _load(*, readme: bool) -> Any:
    """Import all that an inspection may come to need: afterwards no file can be opened, and modules are files."""
    from eggwatch.archives.inspecting import inspect

    for name in (*LOADED_LATE, *(READMES if readme else ())):
        import_module(name)
    if readme:
        import_module("mimetypes").init()
    return inspect


def shut_in(*, readme: bool) -> list[str]:
    """Give up everything but memory and the open descriptors; returns what is still open, for the operator."""
    from eggwatch.linux import capabilities, sandbox

    if not readme:  # docutils loads modules and templates when it needs them, from the folders of the daemon's Python
        capabilities.become(NOBODY)
    die_with_parent()  # again: the kernel forgets it when the account changes (prctl(2))
    limit_memory()
    return sandbox.enclose(loads_code=readme)


def _answer_soon(request: dict[str, Any], file: Any, inspect: Any) -> bytes:
    """One answer, or that it was given up, if it would take more CPU time than the `quick` of the request.

    A first try has less than that, where the archive says of itself that it needs less, and does not even begin where
    it says that it needs more.
    """
    quick = request["quick"]
    checks = _readme_checks() if request["readme"] else ()  # to import them would take more than the moment
    if quick is None:
        return answer(request, file, inspect, checks) + b"\n"
    needs = expected_cpu(file, request["filename"]) if request["first"] else 0.0
    if needs > TOO_MUCH * quick:
        return given_up(needs)
    if request["first"] and not checks:
        quick = min(quick, SHORTEST_TRY + DOUBT * needs)
    try:
        with cpu_limit(quick):
            return answer(request, file, inspect, checks) + b"\n"
    except OutOfTimeError:
        return given_up(needs)


def given_up(needs: float) -> bytes:
    """The answer to a request with `quick` that would take longer, with the seconds that the archive says it needs."""
    return json.dumps({"given up": needs}).encode() + b"\n"


def answer(request: dict[str, Any], file: Any, inspect: Any, checks: tuple[Any, ...]) -> bytes:
    """One answer; a bug in the inspection is reported with its traceback, and costs its own file only."""
    allow_cpu(float(request["cpu"]))
    try:
        found = inspect(file, request["filename"], extra_checks=checks)
    except MemoryError:
        os._exit(71)  # whatever is left of this process can't be trusted with another file
    except Exception:
        return json.dumps({"trouble": traceback.format_exc(limit=-20)}).encode()
    wanted = found.metadata if request.get("metadata", True) else None
    metadata = None if wanted is None else base64.b64encode(wanted).decode()
    return json.dumps(
        {
            "flaws": [flaw.as_json() for flaw in found.flaws],
            "incomplete": found.incomplete,
            "metadata": metadata,
            "core": None if found.core is None else {name: getattr(found.core, name) for name in _CORE},
        }
    ).encode()


def _readme_checks() -> tuple[Any, ...]:
    from eggwatch.archives.metadata.readme import readme_flaws

    return (readme_flaws,)
