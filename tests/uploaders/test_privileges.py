"""Who runs the daemon, and what it can do then: root, a system user with capabilities, an ordinary account.

The table of docs/accounts.rst, as it is measured.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from eggwatch.intake.retire import MAY_NOT
from tests.running import until
from tests.uploaders.accounts import ALICE, CAPABILITIES, EGGWATCH, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = [pytest.mark.parts, pytest.mark.root]

QUIET, HOUR = 1.0, '"1h"'
LEAVES, STAYS, UNREAD = "published", "published, kept", "waits: unreadable"
ALL = (*CAPABILITIES, "dac_override")

PLACES = {
    "DROP, 0640": ("", "027"),
    "DROP, 0600": ("", "077"),
    "own folder 2775": ("shared", "002"),
    "own folder 2755": ("open", "022"),
    "own folder 2700": ("private", "077"),
}
"""Where Alice puts a file: a folder of her own or none, and the umask with which she makes both."""

WAYS: dict[str, tuple[int, tuple[str, ...], int, tuple[str, ...]]] = {
    "root": (0, (), 0, (LEAVES, LEAVES, LEAVES, LEAVES, LEAVES)),
    "system user with three capabilities": (EGGWATCH, CAPABILITIES, 0, (LEAVES, LEAVES, LEAVES, STAYS, STAYS)),
    "system user with CAP_DAC_OVERRIDE": (EGGWATCH, ALL, 0, (LEAVES, LEAVES, LEAVES, LEAVES, LEAVES)),
    "system user without CAP_FOWNER": (EGGWATCH, CAPABILITIES[:2], 0, (STAYS, STAYS, LEAVES, STAYS, STAYS)),
    "ordinary user that owns DROP": (EGGWATCH, (), EGGWATCH, (LEAVES, UNREAD, LEAVES, STAYS, UNREAD)),
    "ordinary user": (EGGWATCH, (), 0, (STAYS, UNREAD, LEAVES, STAYS, UNREAD)),
}
"""Uid, capabilities, who owns the sticky set-gid DROP, and what becomes of a file in each of the places."""

DOCUMENTATION = Path(__file__).parent.parent.parent / "docs" / "accounts.rst"

Start = Callable[[str], IndexDaemon]


def table() -> str:
    """The table as it stands in the documentation."""
    head = ["the daemon runs as", *PLACES]
    rows = [[way, *outcomes] for way, (_, _, _, outcomes) in WAYS.items()]
    widths = [max(len(row[number]) for row in [head, *rows]) for number in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    first = "  ".join(text.ljust(width) for text, width in zip(head, widths, strict=True)).rstrip()
    return "\n".join([rule, first, rule, *lines, rule])


def test_the_documentation_has_the_table_that_is_measured_here() -> None:
    """Row by row, word by word."""
    assert table() in DOCUMENTATION.read_text("utf-8")


@pytest.fixture
def start(machine: Machine) -> Iterator[Start]:
    """`start(way)`: a daemon that runs that way."""
    with ExitStack() as stack:
        yield lambda way: stack.enter_context(running_as(machine, way))


@contextmanager
def running_as(machine: Machine, way: str) -> Iterator[IndexDaemon]:
    """A daemon that runs in one of the ways, over folders of its own."""
    uid, capabilities, drop_owner, _ = WAYS[way]
    base = machine.base / re.sub(r"\W+", "-", f"{way} {time.monotonic_ns()}")
    make_folders(base, owner=uid, drop_owner=drop_owner)
    prefix = machine.as_account(uid, *capabilities) if uid else machine.enter
    quiet = f'"{int(QUIET * 1000)}ms"' if not capabilities and uid else HOUR
    with running(base, prefix=prefix, linger='"300ms"', quiet=quiet) as daemon:
        yield daemon


def put(machine: Machine, daemon: IndexDaemon, place: str, number: int = 0) -> str:
    """Let Alice copy a wheel to one of the places; answers with its path in the drop folder."""
    folder, umask = PLACES[place]
    name, data = wheel_of(f"at-{number}-{re.sub('[^a-z0-9]+', '-', place.lower())}", 30_000)
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    target = daemon.drop / folder
    making = f"mkdir -p {target};" if folder else ""
    machine.run(ALICE, "sh", "-c", f"umask {umask}; {making} cat {machine.base / name} > {target / name}")
    return str((target / name).relative_to(daemon.drop))


@pytest.mark.parametrize("way", WAYS)
def test_what_becomes_of_an_upload_is_what_the_table_says(machine: Machine, start: Start, way: str) -> None:
    """Whether it is published, and removed; if something has to be fixed, log, status and receipt say so once."""
    daemon, (uid, capabilities, _, outcomes) = start(way), WAYS[way]
    for place, outcome in zip(PLACES, outcomes, strict=True):
        begun = time.time()
        path = put(machine, daemon, place)
        name, file = Path(path).name, daemon.drop / path
        if outcome is UNREAD:
            told = path if "/" not in path else path.partition("/")[0]
            until("why it waits", lambda told=told: "can't be read" in daemon.reason_for(told))
            until("its receipt", lambda told=told: daemon.receipt(told))
            assert "chmod" in daemon.receipt(told) and "NOT ACCEPTED" in daemon.receipt(told)
            assert daemon.log.count(f"{told}: not accepted") == 1
            daemon.assert_not_published(name)
            continue
        daemon.wait_published(name, begun)
        (event,) = daemon.events_of(name)
        assert (event["uploader"], event["uid"]) == ("alice", ALICE)
        if outcome is LEAVES:
            until(f"{place}: leaves\n{daemon.log}", lambda file=file: not file.exists())
        else:
            until("why it stays", lambda path=path: "delete it yourself" in daemon.reason_for(path))
            line = f"{path} was not removed from the drop folder: {MAY_NOT}."
            until("its receipt", lambda name=name, line=line: daemon.receipt(name).count(line) == 1)
            assert len(re.findall(rf"retire   {path}: published, but", daemon.log)) == 1
    assert ("leases" in daemon.status()["faults"]) is (uid != 0 and not capabilities)
    machine.run(ALICE, "sh", "-c", f"find {daemon.drop} -mindepth 1 -user alice -delete")
    daemon.wait_empty()


def test_a_file_that_could_not_be_read_is_published_after_a_chmod(machine: Machine, start: Start) -> None:
    """The advice is true, and followed within seconds, without a restart or another upload."""
    daemon = start("ordinary user that owns DROP")
    path = put(machine, daemon, "DROP, 0600")
    until("why it waits", lambda: "chmod 640" in daemon.reason_for(path))
    machine.run(ALICE, "chmod", "640", daemon.drop / path)
    daemon.wait_published(path, time.time())
    until("its receipt", lambda: daemon.receipt(path).startswith(f"{path}: PUBLISHED\n"))
    daemon.wait_empty()


def test_later_uploads_to_a_private_folder_are_found_in_seconds(machine: Machine, start: Start) -> None:
    """The kernel tells a system user of no events there, so it looks more often than every `scan`."""
    daemon = start("system user with CAP_DAC_OVERRIDE")
    for number in range(3):
        path = put(machine, daemon, "own folder 2700", number)
        done = time.time()
        daemon.wait_published(Path(path).name, done)
        daemon.wait_empty()


def capabilities_of(pid: int) -> dict[str, set[int]]:
    """Each capability set of a process, of all its threads."""
    found: dict[str, set[int]] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for name, bits in re.findall(r"^(Cap\w+):\s+([0-9a-f]+)$", (task / "status").read_text(), re.M):
            found.setdefault(name, set()).add(int(bits, 16))
    return found


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_at_rest_nothing_is_effective_and_no_process_of_the_daemon_has_any(machine: Machine, start: Start) -> None:
    """After uploads: the daemon's threads have their three permitted, none effective; inspectors and renderer none."""
    daemon = start("system user with three capabilities")
    for number in range(3):
        put(machine, daemon, "DROP, 0600", number)
    daemon.wait_empty()
    own = 1 << 28 | 1 << 2 | 1 << 3
    until("rest", lambda: capabilities_of(daemon.pid)["CapEff"] == {0})
    found = capabilities_of(daemon.pid)
    assert (found["CapPrm"], found["CapInh"], found["CapAmb"]) == ({own}, {0}, {0})
    assert len(children_of(daemon.pid)) >= 2
    for child in children_of(daemon.pid):
        found = capabilities_of(child)
        assert {bits for name in ("CapPrm", "CapEff", "CapInh", "CapAmb") for bits in found[name]} == {0}
    assert daemon.status()["privileges"] == ["CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_LEASE"]


def test_threads_never_have_anything_effective(machine: Machine, start: Start) -> None:
    """While uploads come and go: only the first thread ever raises its capabilities, and rarely."""
    daemon = start("system user with three capabilities")
    seen: list[int] = []
    for number in range(12):
        put(machine, daemon, "DROP, 0600", number)
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            for task in Path(f"/proc/{daemon.pid}/task").iterdir():
                match = re.search(r"^CapEff:\s+([0-9a-f]+)$", (task / "status").read_text(), re.M)
                if match is not None and task.name != str(daemon.pid):
                    seen.append(int(match[1], 16))
    assert len(seen) > 100 and set(seen) == {0}
    daemon.wait_empty()
