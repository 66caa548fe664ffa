"""The cross-check: no system call changes the disk outside the kill points."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.laws.at_work import quick_folder
from tests.laws.crash.crew import ROOT
from tests.laws.crash.traced import MARK, NOTHING, PEOPLE

MAKING = {"openat", "open", "creat", "write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate"}
OWNING = {"fchmod", "fchown", "utimensat"}
CHANGING = {
    *MAKING, *OWNING, "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
    "rmdir", "truncate", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes",
    "futimesat", "symlink", "symlinkat", "mknod", "mknodat", "setxattr", "lsetxattr", "fsetxattr", "removexattr",
    "copy_file_range", "sendfile", "splice",
}  # fmt: skip
ALLOWED = {
    "write": MAKING | OWNING,
    "append": {"write", "ftruncate"},
    "rename": {"rename", "renameat", "renameat2"},
    "link": {"link", "linkat"},
    "unlink": {"unlink", "unlinkat"},
    "mkdir": {"mkdir", "mkdirat", *OWNING},
    "truncate": {"truncate"},
    "chmod": OWNING,
    "sync": set(),
    "tell": set(),
    NOTHING: set(),
    PEOPLE: CHANGING,
}
"""What may happen between a kill point and the next one. SQLite's own files are allowed after `sqlite-…` only."""

SQLITE = re.compile(r"/state/catalog\.sqlite3(-wal|-shm|-journal)?[>\"]")
LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)")


@dataclass(frozen=True)
class Change:
    """A system call that changed one of the three folders, and the kill point before it."""

    process: str
    call: str
    line: str
    point: str


def changes_in(trace: Path, base: Path) -> Iterator[Change]:
    """Every change of DROP, PUBLIC and STATE in a trace, in order."""
    places = re.compile("|".join(re.escape(f"{base}/{name}") + r"[/>\"]" for name in ("drop", "public", "state")))
    point = NOTHING
    for line in whole_lines(trace):
        match = LINE.match(line)
        if match is None:
            continue
        process, call, arguments, result = match.groups()
        if MARK in arguments:
            point = arguments.partition(MARK)[2].partition("/")[0]
        elif makes_a_change(call, arguments, result) and places.search(subject_of(call, arguments)):
            yield Change(process, call, line, point)


def makes_a_change(call: str, arguments: str, result: str) -> bool:
    """Whether a system call came true and may have changed something; opening what exists changes nothing."""
    if call not in CHANGING or result.startswith("-"):
        return False
    return call not in ("openat", "open") or re.search(r"O_CREAT|O_TRUNC|O_TMPFILE", arguments) is not None


def whole_lines(trace: Path) -> Iterator[str]:
    """Lines of `strace -f`, those that were interrupted by another thread put together."""
    unfinished: dict[str, str] = {}
    for line in trace.read_text("utf-8", "replace").splitlines():
        process = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            unfinished[process] = line.removesuffix(" <unfinished ...>")
        elif " resumed>" in line:
            yield unfinished.pop(process, process) + line.partition(" resumed>")[2]
        else:
            yield line


def subject_of(call: str, arguments: str) -> str:
    """The part of the arguments that names what is changed, without what is written to it."""
    if call in ("write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate", "fchmod", "fchown", "fsetxattr"):
        return arguments.partition(">")[0] + ">"
    return arguments


def is_allowed(change: Change) -> bool:
    """Whether the kill point before a change covers it."""
    if SQLITE.search(subject_of(change.call, change.line)):
        return change.point.startswith("sqlite-") or change.point == "chmod"
    return change.call in ALLOWED.get(change.point, set())


def is_a_readers(change: Change) -> bool:
    """What SQLite does to look into a write-ahead log beside the writer: it opens the files that are there."""
    files = re.search(r"/state/catalog\.sqlite3-(wal|shm)[>\"]", subject_of(change.call, change.line))
    return files is not None and (files[1] == "shm" or change.call in ("openat", "fchown"))


def played(trace: Path, how: str) -> list[Change]:
    """The changes of a whole history."""
    calls = ",".join(["access", "faccessat", "faccessat2", *sorted(f"?{call}" for call in CHANGING)])
    with quick_folder() as base:
        command = ["strace", "-f", "-y", "-s", "200", "-o", str(trace), "-e", f"trace={calls}"]
        child = [sys.executable, "-m", "tests.laws.crash.traced", str(base), how]
        subprocess.run([*command, *child], cwd=ROOT, check=True, timeout=200)
        return list(changes_in(trace, base))


@pytest.mark.parts
@pytest.mark.parametrize("how", ["inline", "workers"])
def test_no_system_call_changes_the_disk_outside_the_kill_points(tmp_path: Path, how: str) -> None:
    """Each change of DROP, PUBLIC and STATE follows a kill point that covers it; helper processes change nothing."""
    changes = played(tmp_path / "trace", how)
    main = changes[0].process
    assert len(changes) > 500
    assert {change.point for change in changes} >= {"write", "append", "rename", "link", "unlink", "mkdir", "chmod"}
    assert [change for change in changes if change.process == main and not is_allowed(change)] == []
    assert [change for change in changes if change.process != main and not is_a_readers(change)] == []


@pytest.mark.parts
def test_a_change_that_is_not_announced_is_noticed(tmp_path: Path) -> None:
    """The cross-check can fail: with an unlink that is no kill point it does."""
    changes = played(tmp_path / "trace", "careless")
    assert {change.call for change in changes if not is_allowed(change)} == {"unlink"}
