"""Front pages and site rendered in a process of their own: what grows with the index delays no upload."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eggwatch.errors import EggwatchError
from eggwatch.inspection.readmes import Readmes
from eggwatch.linux.process import Process, channel_to_parent, collect_less_often, readable
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import environment
from eggwatch.pipeline.root_pages import FrontSources, RenderedRoot, render_root_alone, render_what_can_be
from eggwatch.pipeline.site_pages import RenderedSite, SiteRenderer
from eggwatch.store.state.catalog import Catalog, Reader
from eggwatch.store.state.ledger import Ledger
from eggwatch.store.state.site_tables import SiteRecord

if TYPE_CHECKING:
    from eggwatch.config.index_config import IndexConfig

MOST_DEATHS = 3
LENGTH = 8
"""Bytes that say how many others an answer has."""
CODE = "from eggwatch.pipeline.root_renderer import serve; serve()"


class SpawnedRenderer:
    """Renders in a process that is spawned once and reads the catalog beside us."""

    def __init__(
        self, catalog: Catalog, templates: Mapping[str, str], options: LandingOptions, config: IndexConfig
    ) -> None:
        paths = {"catalog": str(catalog.path), "ledger": str(config.ledger), "public": str(config.public)}
        self._setup = {**paths, "templates": dict(templates), "options": asdict(options)}
        self._process: Process | None = None
        self._received = bytearray()
        self._request = b""
        self._deaths = 0

    def _start(self) -> socket.socket:
        self._process = Process(CODE)
        self._process.channel.sendall(json.dumps(self._setup).encode() + b"\n")
        return self._process.channel

    def begin(self, known_projects: int) -> None:
        """Ask for one rendering of the front pages."""
        self._ask("front", known_projects)

    def begin_root(self, known_projects: int) -> None:
        """Ask for those among them that pip reads."""
        self._ask("root", known_projects)

    def begin_site(self, projects: list[str]) -> None:
        """Ask for the pages of these projects."""
        self._ask("site", projects)

    def _ask(self, what: str, of: int | list[str]) -> None:
        self._request = json.dumps([what, of]).encode() + b"\n"
        self._send()

    def _send(self) -> None:
        self._received.clear()
        try:
            (self.channel() or self._start()).sendall(self._request)
        except OSError:
            self.close()
            self._start().sendall(self._request)

    def result(self, timeout: float) -> RenderedRoot | RenderedSite | None:
        """The pages, when the whole answer has come. A renderer that died is asked again, anew."""
        deadline = time.monotonic() + timeout
        while self._process is not None:
            if not readable([self._process.channel], deadline - time.monotonic()):
                return None
            if not (data := self._process.receive()):
                self._begin_again()
                return None
            self._received += data
            if len(self._received) >= LENGTH + int.from_bytes(self._received[:LENGTH]):
                pages = _decode(self._received[LENGTH:])
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
        self._send()

    def channel(self) -> socket.socket | None:
        """The socket on which the answer comes."""
        return None if self._process is None else self._process.channel

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
        self._process = None


def _decode(data: bytearray) -> RenderedRoot | RenderedSite:
    head, _, body = data.partition(b"\n")
    header = json.loads(head)
    pages, offset = {}, 0
    for path, size in header["pages"]:
        pages[path] = bytes(body[offset : offset + size])
        offset += size
    if "records" in header:
        return RenderedSite(pages=pages, records=tuple(SiteRecord(**record) for record in header["records"]))
    return RenderedRoot(pages=pages, **header["front"])


def _encode(rendered: RenderedRoot | RenderedSite) -> bytes:
    header: dict[str, Any] = {"pages": [(path, len(data)) for path, data in rendered.pages.items()]}
    if isinstance(rendered, RenderedSite):
        header["records"] = [asdict(record) for record in rendered.records]
    else:
        names = ("serial", "projects", "late", "cards", "seconds")
        header["front"] = {name: getattr(rendered, name) for name in names}
    data = json.dumps(header).encode() + b"\n" + b"".join(rendered.pages.values())
    return len(data).to_bytes(LENGTH) + data


def serve() -> None:
    """The renderer's own process: one answer a request, until the other end closes."""
    with channel_to_parent(niceness=10) as channel, channel.makefile("rb") as requests:
        setup = json.loads(requests.readline())
        env, options, readmes = environment(setup["templates"]), LandingOptions(**setup["options"]), Readmes()
        front = FrontSources(env, options, Ledger(Path(setup["ledger"])))
        reader = Reader.open(Path(setup["catalog"]))
        site = SiteRenderer(reader=reader, public=Path(setup["public"]), env=env, options=options, readmes=readmes)
        for name in setup["templates"]:
            env.get_template(name)  # compiled once, and not part of what a rendering costs
        collect_less_often()
        for line in requests:
            rendered: RenderedRoot | RenderedSite
            match json.loads(line):
                case ["site", projects]:
                    rendered = site.render(projects)
                case ["root", number]:
                    rendered = render_root_alone(reader, front, known_projects=number)
                case ["front", number]:
                    rendered = render_what_can_be(reader, front, known_projects=number)
            channel.sendall(_encode(rendered))
