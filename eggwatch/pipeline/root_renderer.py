"""Root and landing page rendered in a process of their own: what grows with the index delays no upload."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from eggwatch.errors import EggwatchError
from eggwatch.linux.process import Process, channel_to_parent
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import environment
from eggwatch.pipeline.root_pages import RenderedRoot, render_root
from eggwatch.store.state.catalog import Catalog, Reader

MOST_DEATHS = 3
CODE = "from eggwatch.pipeline.root_renderer import serve; serve()"


class SpawnedRenderer:
    """Renders in a process that is spawned once and reads the catalog beside us."""

    def __init__(self, catalog: Catalog, templates: Mapping[str, str], options: LandingOptions) -> None:
        self._setup = {"catalog": str(catalog.path), "templates": dict(templates), "options": asdict(options)}
        self._process: Process | None = None
        self._received = bytearray()
        self._known = self._deaths = 0

    def _start(self) -> socket.socket:
        self._process = Process(CODE)
        self._process.channel.sendall(json.dumps(self._setup).encode() + b"\n")
        return self._process.channel

    def begin(self, known_projects: int) -> None:
        """Ask for one rendering."""
        self._known = known_projects
        self._received.clear()
        try:
            (self.channel() or self._start()).sendall(f"{known_projects}\n".encode())
        except OSError:
            self.close()
            self._start().sendall(f"{known_projects}\n".encode())

    def result(self, timeout: float) -> RenderedRoot | None:
        """The pages, when the whole answer has come. A renderer that died is asked again, anew."""
        deadline = time.monotonic() + timeout
        while self._process is not None:
            if not select.select([self._process.channel], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            if not (data := self._process.receive()):
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
        self.close()
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            self._deaths = 0
            raise EggwatchError(
                "The process that renders the root page keeps failing.", remedy="See its messages above."
            )
        self.begin(self._known)

    def channel(self) -> socket.socket | None:
        """The socket on which the answer comes."""
        return None if self._process is None else self._process.channel

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
        self._process = None


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


def serve() -> None:
    """The renderer's own process: one answer a request, until the other end closes."""
    with channel_to_parent(niceness=10) as channel, channel.makefile("rb") as requests:
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
            except ConnectionError:  # the parent process has ended
                return
