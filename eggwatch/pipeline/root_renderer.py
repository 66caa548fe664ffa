"""Root and landing page rendered in a process of their own: what grows with the index delays no upload."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from eggwatch.errors import EggwatchError
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import environment
from eggwatch.pipeline.root_pages import RenderedRoot, render_root
from eggwatch.store.state.catalog import Reader

MOST_DEATHS = 3


_ROOT = str(Path(__file__).resolve().parents[2])


_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from eggwatch.pipeline.root_renderer import serve; serve(int(sys.argv[2]))"
)


class SpawnedRenderer:
    """Renders in a process that is spawned once and reads the catalog beside us."""

    def __init__(self, catalog: Path, templates: Mapping[str, str], options: LandingOptions) -> None:
        self._setup = {"catalog": str(catalog), "templates": dict(templates), "options": asdict(options)}
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._known = self._deaths = 0

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOTSTRAP, _ROOT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
                cwd="/",
            )
        ours.sendall(json.dumps(self._setup).encode() + b"\n")
        self._socket = ours
        return ours

    def begin(self, known_projects: int) -> None:
        """Ask for one rendering."""
        self._known = known_projects
        self._received.clear()
        try:
            (self._socket or self._start()).sendall(f"{known_projects}\n".encode())
        except OSError:
            self._end()
            self._start().sendall(f"{known_projects}\n".encode())

    def result(self, timeout: float) -> RenderedRoot | None:
        """The pages, when the whole answer has come. A renderer that died is asked again, anew."""
        deadline = time.monotonic() + timeout
        while self._socket is not None:
            if not select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            data = self._receive(self._socket)
            if not data:
                self._begin_again()
                return None
            self._received += data
            pages = _decode(self._received)
            if pages is not None:
                self._received.clear()
                self._deaths = 0
                return pages
        return None

    def _begin_again(self) -> None:
        self._end()
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            self._deaths = 0
            raise EggwatchError(
                "The renderer of the root page dies again and again.", remedy="Look above for its message."
            )
        self.begin(self._known)

    def _receive(self, channel: socket.socket) -> bytes:
        try:
            return channel.recv(1 << 20)
        except ConnectionError:
            return b""

    def channel(self) -> socket.socket | None:
        """The socket on which the answer comes."""
        return self._socket

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket = self._process = None

    def close(self) -> None:
        """End the process."""
        self._end()


def _decode(data: bytearray) -> RenderedRoot | None:
    head, newline, body = data.partition(b"\n")
    if not newline:
        return None
    header = json.loads(head)
    if len(body) < sum(size for _, size in header["pages"]):
        return None
    pages, offset = {}, 0
    for path, size in header["pages"]:
        pages[path] = bytes(body[offset : offset + size])
        offset += size
    return RenderedRoot(pages=pages, serial=header["serial"], projects=header["projects"], seconds=header["seconds"])


def _encode(front: RenderedRoot) -> bytes:
    header = {
        "serial": front.serial,
        "projects": front.projects,
        "seconds": front.seconds,
        "pages": [(path, len(data)) for path, data in front.pages.items()],
    }
    return json.dumps(header).encode() + b"\n" + b"".join(front.pages.values())


def serve(descriptor: int) -> None:
    """The renderer's own process: one answer a request, until the other end closes."""
    from eggwatch.linux.process_limits import die_with_parent

    die_with_parent()
    with contextlib.suppress(OSError):
        os.nice(10)
    with socket.socket(fileno=descriptor) as channel, channel.makefile("rb") as requests:
        setup = json.loads(requests.readline())
        env, options = environment(setup["templates"]), LandingOptions(**setup["options"])
        for name in setup["templates"]:
            env.get_template(name)  # compiled once, and not part of what a rendering costs
        for line in requests:
            reader = Reader.open(Path(setup["catalog"]))
            front = render_root(reader, env, options, known_projects=int(line))
            reader.close()
            try:
                channel.sendall(_encode(front))
            except ConnectionError:  # nobody is there any more to publish it
                return
