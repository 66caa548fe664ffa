"""Recorded uploads, done again with real files: opened, grown, closed, linked and moved in the recorded order and time.

A trace in traces/ is what inotify saw of one real uploader: a line about it (`expect`: the size of a whole upload;
`before`: files that lay there already, so long), a line an event, a line with what lay there at the end. `size` and
`blocks` (only where the file had holes) are what stat saw at that event; a burst of events has the last one's
moment and size too.
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.uploaders.payloads import sdist_of, wheel_of

TRACES = Path(__file__).with_name("traces")
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "small-1.0.tar.gz"
EXCHANGE = 2
SDIST_SIZE = 20_000
"""Of all recorded sdists, in bytes; the wheel of a recording has the size that it expects."""
BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One recording."""

    label: str
    expect: int
    before: dict[str, int]
    events: list[dict[str, Any]]
    ends: list[dict[str, Any]]

    @cached_property
    def contents(self) -> dict[str, bytes]:
        """The recorded filenames, and the archives that are uploaded under them here."""
        return {WHEEL: wheel_of(f"w-{self.label}", self.expect)[1], SDIST: sdist_of(f"s-{self.label}", SDIST_SIZE)[1]}

    def here(self, name: str) -> str:
        """A recorded path, with names that no other trace has."""
        name = name.replace(WHEEL, wheel_name(self.label)).replace(SDIST, sdist_name(self.label))
        folder, slash, rest = name.partition("/")
        ours = bool(slash) or folder in ("batch", "sub")
        return f"{folder}-{self.label}{slash}{rest}" if ours and not folder.startswith(".") else name

    def content_for(self, name: str) -> bytes:
        """The archive that is written under a name, which may be a temporary one."""
        return self.contents[SDIST if ".tar.gz" in name else WHEEL]

    def whole(self) -> list[str]:
        """Recorded names of the uploads that lay there whole at the end."""
        return [end["name"] for end in self.ends if self._is_whole(end)]

    def short(self) -> list[str]:
        """Recorded names of what lay there at the end and was no whole upload."""
        return [end["name"] for end in self.ends if not self._is_whole(end)]

    def _is_whole(self, end: dict[str, Any]) -> bool:
        return "blocks" not in end and end["size"] == (SDIST_SIZE if ".tar.gz" in end["name"] else self.expect)


def wheel_name(label: str) -> str:
    """The filename that stands for the recorded wheel."""
    return f"w_{label.replace('-', '_')}-1.0-py3-none-any.whl"


def sdist_name(label: str) -> str:
    """The filename that stands for the recorded sdist."""
    return f"s_{label.replace('-', '_')}-1.0.tar.gz"


def load(path: Path) -> Trace:
    """Read a trace."""
    first, *events, last = map(json.loads, path.read_text().splitlines())
    return Trace(
        label=first["label"], expect=first["expect"], before=first.get("before", {}), events=events, ends=last["files"]
    )


def all_traces() -> list[Trace]:
    """All that were recorded."""
    return [load(path) for path in sorted(TRACES.glob("*.jsonl"))]


@dataclass(kw_only=True)
class Replay:
    """A trace at work in a drop folder; `outside` is a folder on the same file system."""

    trace: Trace
    drop: Path
    outside: Path
    whole_at: dict[str, float] = field(default_factory=dict)
    """When each upload was first whole with nobody writing to it (time.time(), taken just before the step)."""
    rests: Counter[str] = field(default_factory=Counter)
    """How often each path lay there changed with nobody writing to it: so often it may be read."""
    problem: BaseException | None = None
    _writers: dict[str, list[int]] = field(default_factory=dict)

    def lay_down(self) -> None:
        """Put there what lay there before the recording."""
        for name, size in self.trace.before.items():
            (self.drop / self.trace.here(name)).write_bytes(self.trace.content_for(name)[:size])

    def run(self) -> None:
        """Do it all, in real time."""
        begin, first = time.monotonic(), self.trace.events[0]["t"]
        try:
            for at, event in self._steps():
                # The recorded pauses are the subject.
                time.sleep(max(0.0, begin + at - first - time.monotonic()))
                self._step(event)
            for end in self.trace.ends:
                self._make_unrecorded(end["name"])
        except BaseException as problem:
            self.problem = problem

    def _steps(self) -> list[tuple[float, dict[str, Any]]]:
        steps: list[tuple[float, dict[str, Any]]] = []
        for event in self.trace.events:
            steps.append((event["t"], event))
            if "size_last" in event:
                steps += _in_between(event)
        return sorted(steps, key=lambda step: step[0])

    def _step(self, event: dict[str, Any]) -> None:
        now = time.time()
        kind, name = event["ev"].partition("|")[0::2] if "|" in event["ev"] else (event["ev"], event["name"])
        if "|" in event["ev"]:
            self._step_folder(kind, event)
            return
        getattr(self, f"_{kind.lower()}")(self.drop / self.trace.here(name), event)
        if not any(self._writers.values()):
            self.rests[self.trace.here(name)] += 1
        if kind in ("CLOSE_WRITE", "MOVED_TO", "CREATE"):
            self._note_whole(now)

    def _step_folder(self, kind: str, event: dict[str, Any]) -> None:
        path = self.drop / self.trace.here(event["name"])
        if kind == "CREATE":
            path.mkdir(mode=int(event["mode"], 8))
        elif kind == "DELETE":
            path.rmdir()
        else:
            now = time.time()
            arriving = self.outside / path.name
            arriving.mkdir()
            for end in self.trace.ends:
                (arriving / Path(self.trace.here(end["name"])).name).write_bytes(self.trace.content_for(end["name"]))
            arriving.rename(path)
            self._note_whole(now)

    def _make_unrecorded(self, name: str) -> None:
        """The recorder met some folders too late to see what was made in them."""
        path = self.drop / self.trace.here(name)
        if name not in {event["name"] for event in self.trace.events} and "/" in name and name not in self.whole_at:
            now = time.time()
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.trace.content_for(name))
            self._note_whole(now)

    # One method for each kind of event

    def _create(self, path: Path, event: dict[str, Any]) -> None:
        if event.get("symlink"):
            path.symlink_to(self._outside_file(path))
        elif link := event.get("link"):
            self._link(link, path)
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, int(event.get("mode", "644"), 8)))

    def _link(self, source: str, path: Path) -> None:
        if source.startswith("#"):
            fd = self._writers[str(self.drop / source)][-1]
            folder = os.open(path.parent, os.O_RDONLY)
            os.link(f"/proc/self/fd/{fd}", path.name, dst_dir_fd=folder, follow_symlinks=True)
            os.close(folder)
        else:
            os.link(self._outside_file(path) if source == "outside" else self.drop / self.trace.here(source), path)

    def _outside_file(self, path: Path) -> Path:
        file = self.outside / path.name
        file.write_bytes(self.trace.content_for(path.name))
        return file

    def _open(self, path: Path, event: dict[str, Any]) -> None:
        if path.name.startswith("#"):
            fd = os.open(self.drop, os.O_TMPFILE | os.O_RDWR, 0o644)
        else:
            truncate = os.O_TRUNC if event.get("size") == 0 and path.stat().st_size else 0
            fd = os.open(path, os.O_RDWR | truncate)
        self._writers.setdefault(str(path), []).append(fd)
        self._modify(path, event)

    def _modify(self, path: Path, event: dict[str, Any]) -> None:
        if "size" in event:
            fd, content = self._writers[str(path)][-1], self.trace.content_for(path.name)
            _grow(fd, content, event["size"], event.get("blocks"))
            if not event.get("unseen"):
                _fill_holes(fd, content, event["blocks"] * 512 if "blocks" in event else event["size"] + BLOCK)

    def _close_write(self, path: Path, event: dict[str, Any]) -> None:
        final = event.get("size", self._size_when_moved(event))
        self._modify(path, {**event, **({"size": final} if final is not None else {})})
        os.close(self._writers[str(path)].pop())

    def _size_when_moved(self, closed: dict[str, Any]) -> int | None:
        """The recorder came too late to see how big a temporary file was when it was closed."""
        if closed["name"].startswith("#"):
            return self.trace.expect
        moves = (event for event in self.trace.events if event.get("from") == closed["name"])
        return next((event.get("size", self.trace.expect) for event in moves), None)

    def _attrib(self, path: Path, event: dict[str, Any]) -> None:
        path.chmod(int(event["mode"], 8))
        if "mtime" in event:
            os.utime(path, (event["mtime"], event["mtime"]))

    def _moved_to(self, path: Path, event: dict[str, Any]) -> None:
        source = event["from"]
        origin = self._outside_file(path) if source == "outside" else self.drop / self.trace.here(source)
        if event.get("exchange"):
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.renameat2(-100, os.fsencode(origin), -100, os.fsencode(path), EXCHANGE) == 0
        else:
            origin.rename(path)

    def _delete(self, path: Path, _: dict[str, Any]) -> None:
        path.unlink()

    def _note_whole(self, now: float) -> None:
        """Note uploads that are whole by now, and closed."""
        written = {os.fstat(fd).st_ino for fds in self._writers.values() for fd in fds}
        for end in self.trace.ends:
            path = self.drop / self.trace.here(end["name"])
            if end["name"] in self.whole_at or path.is_symlink() or not path.exists():
                continue
            if path.stat().st_ino not in written and path.read_bytes() == self.trace.content_for(end["name"]):
                self.whole_at[end["name"]] = now


def _in_between(event: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    """A burst of writes, in up to eight steps."""
    first, last, begin, end = event["size"], event["size_last"], event["t"], event["t_last"]
    steps = []
    for number in range(1, 9):
        size = first + (last - first) * number // 8
        step = {"ev": "MODIFY", "name": event["name"], "size": size, "blocks": event.get("blocks")}
        steps.append((begin + (end - begin) * number / 8, {**step, "unseen": True}))
    return steps


def _grow(fd: int, content: bytes, size: int, blocks: int | None) -> None:
    """Bring a file to a recorded size: by writing on, or as one hole where the recorded file had no block yet."""
    current = os.fstat(fd).st_size
    if size > current and blocks == 0 and current == 0:
        os.ftruncate(fd, size)
    elif size > current:
        os.pwrite(fd, content[current:size], current)


def _fill_holes(fd: int, content: bytes, allocated: int) -> None:
    """Write what is missing, from the start, until so many bytes are allocated."""
    size, position = os.fstat(fd).st_size, 0
    while position < size and (missing := allocated - os.fstat(fd).st_blocks * 512) > 0:
        hole = os.lseek(fd, position, os.SEEK_HOLE)
        if hole >= size:
            return
        end = _end_of_hole(fd, hole, size)
        # A hole ends at a block of which the beginning may be missing too.
        position = min(size, end + BLOCK if end <= hole + missing else hole + missing)
        os.pwrite(fd, content[hole:position], hole)


def _end_of_hole(fd: int, hole: int, size: int) -> int:
    try:
        return os.lseek(fd, hole, os.SEEK_DATA)
    except OSError:
        return size
