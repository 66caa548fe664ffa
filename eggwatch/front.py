"""The root and landing pages: they grow with the index, so they are coalesced and rendered in another process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from jinja2 import Environment

from eggwatch.errors import EggwatchError
from eggwatch.pages.landing import LandingOptions, landing_page
from eggwatch.pages.rules import rules_page
from eggwatch.pages.simple import environment, root_html, root_json
from eggwatch.policy.rules import CHAPTERS, PRINCIPLES, RULES, Profile
from eggwatch.policy.terms import Terms
from eggwatch.store.catalog import Catalog, Reader
from eggwatch.targets import Target

PAUSE_FACTOR = 20.0
SHORTEST_PAUSE = 1.0
MOST_DEATHS = 3
TEMPLATES = ("landing.html", "root.html", "rules.html")
_ROOT = str(Path(__file__).resolve().parent.parent)
_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv[1]); from eggwatch.front import serve; serve(int(sys.argv[2]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPages:
    """The rendered pages, the last serial they show, how many projects, and the seconds that rendering took."""

    pages: Mapping[str, bytes]
    serial: int
    projects: int
    seconds: float = 0.0


def render_front(reader: Reader, env: Environment, options: LandingOptions, *, known_projects: int) -> FrontPages:
    """Render root and landing page; the root's HTML only when the set of projects differs from `known_projects`.

    The rules too, if nothing is known: they change with what `front_key` tells, and with nothing else. Projects are
    never taken off the root, so their number tells whether the set changed.
    """
    begun = time.process_time()
    listing = reader.root()
    pages = root_json(listing) | landing_page(listing, env, options)
    if len(listing.entries) != known_projects:
        pages = root_html(listing, env) | pages
    if known_projects < 0:
        principle = PRINCIPLES[Profile(options.profile)]
        pages |= rules_page(CHAPTERS, env, weights={**Terms().weights(), **options.weights}, principle=principle)
    seconds = time.process_time() - begun
    return FrontPages(pages=pages, serial=listing.last_serial, projects=len(listing.entries), seconds=seconds)


def front_key(sources: Mapping[str, str], options: LandingOptions) -> str:
    """What the front pages are made from, but for the ledger: when it changes, all of them are rendered anew."""
    texts = json.dumps([[rule.as_json() for rule in RULES.values()], PRINCIPLES])
    digest = hashlib.sha256(texts.encode()).hexdigest()
    return json.dumps([asdict(options), *(sources[name] for name in TEMPLATES), digest])


class FrontRenderer(Protocol):
    """Something that renders the front pages, now or in a while."""

    def begin(self, known_projects: int) -> None:
        """Begin one rendering."""
        ...

    def result(self, timeout: float) -> FrontPages | None:
        """The pages when they are done; waits up to `timeout` seconds."""
        ...

    def channel(self) -> socket.socket | None:
        """What becomes readable while a rendering is under way."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class InlineFront:
    """Renders at once in this process: for commands that run one round."""

    def __init__(self, reader: Reader, env: Environment, options: LandingOptions) -> None:
        self._reader, self._env, self._options = reader, env, options
        self._result: FrontPages | None = None

    def begin(self, known_projects: int) -> None:
        """Render now."""
        self._result = render_front(self._reader, self._env, self._options, known_projects=known_projects)

    def result(self, timeout: float) -> FrontPages | None:
        """The pages."""
        result, self._result = self._result, None
        return result

    def channel(self) -> socket.socket | None:
        """Nothing to wait for."""
        return None

    def close(self) -> None:
        """Nothing to end."""


class SpawnedFront:
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

    def result(self, timeout: float) -> FrontPages | None:
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


def _decode(data: bytearray) -> FrontPages | None:
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
    return FrontPages(pages=pages, serial=header["serial"], projects=header["projects"], seconds=header["seconds"])


def _encode(front: FrontPages) -> bytes:
    header = {
        "serial": front.serial,
        "projects": front.projects,
        "seconds": front.seconds,
        "pages": [(path, len(data)) for path, data in front.pages.items()],
    }
    return json.dumps(header).encode() + b"\n" + b"".join(front.pages.values())


def serve(descriptor: int) -> None:
    """The renderer's own process: one answer a request, until the other end closes."""
    from eggwatch.inspector import die_with_parent

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
            front = render_front(reader, env, options, known_projects=int(line))
            reader.close()
            try:
                channel.sendall(_encode(front))
            except ConnectionError:  # nobody is there any more to publish it
                return


class Front:
    """When the front pages are due: the first change at once, then at most every max(1 s, 20 x what they cost)."""

    def __init__(self, renderer: FrontRenderer, catalog: Catalog, target: Target) -> None:
        self._renderer, self._catalog, self._target = renderer, catalog, target
        self._begun: float | None = None
        self._not_before = 0.0

    def is_stale(self) -> bool:
        """Whether the published front pages show less than the project pages do."""
        shown = self._catalog.meta("root_serial")
        return shown is None or self._catalog.number("root_wanted") > int(str(shown))

    def is_busy(self) -> bool:
        """Whether a rendering is under way."""
        return self._begun is not None

    def channel(self) -> socket.socket | None:
        """What becomes readable when a rendering is done."""
        return self._renderer.channel() if self.is_busy() else None

    def due(self) -> float | None:
        """The moment of the monotonic clock at which the next rendering may begin; None if there is no need."""
        if self.is_busy() or not self.is_stale() or self._is_incomplete():
            return None
        return self._not_before

    def _is_incomplete(self) -> bool:
        """A catalog made anew does not know yet which pages are published: no root page may come of that."""
        return self._catalog.meta("root_serial") is None and bool(self._catalog.stale(1))

    def step(self) -> tuple[str, ...]:
        """Publish what has been rendered, begin what is due; answers with the changed pages."""
        changed = self._collect(0.0)
        due = self.due()
        if due is not None and time.monotonic() >= due:
            self._begin()
            changed += self._collect(0.0)
        return changed

    def finish(self) -> tuple[str, ...]:
        """Bring the front pages up to date now, whatever the pause."""
        changed: tuple[str, ...] = ()
        while self.is_busy() or self.is_stale():
            if not self.is_busy():
                self._begin()
            changed += self._collect(1.0)
        return changed

    def _begin(self) -> None:
        self._begun = time.monotonic()
        never = self._catalog.meta("root_serial") is None
        self._renderer.begin(-1 if never else self._catalog.number("root_projects"))

    def _collect(self, timeout: float) -> tuple[str, ...]:
        if self._begun is None:
            return ()
        front = self._renderer.result(timeout)
        if front is None:
            return ()
        begun = time.process_time()
        changed = self._target.publish(front.pages)
        self._catalog.set_meta({"root_serial": front.serial, "root_projects": front.projects})
        # What they cost, and not how long it took: a process had to start, or the disk was busy with others.
        cost = front.seconds + time.process_time() - begun
        self._not_before = time.monotonic() + max(SHORTEST_PAUSE, PAUSE_FACTOR * cost)
        self._begun = None
        return changed

    def close(self) -> None:
        """End the renderer."""
        self._renderer.close()
