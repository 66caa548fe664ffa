"""The web servers in front of one tree, each with its log, read as requests."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from eggwatch.webserver.server import Server as WebServer
from tests.contrib import web_servers
from tests.http_asking import ask
from tests.running import until

KINDS = ("nginx", "apache", "caddy", "serve")
_LINE = re.compile(r'"?(?:GET|HEAD) (\S+) HTTP/[\d.]+"? (\d{3})\b')


class Log(Protocol):
    """Where a server's log is read."""

    def __call__(self) -> str: ...


@dataclass(slots=True, kw_only=True)
class Server:
    """A running server: the URL of its tree, and what it was asked for."""

    kind: str
    url: str
    log: Log
    _mark: Iterator[int] = field(default_factory=itertools.count)

    @property
    def index(self) -> str:
        """What installers are told."""
        return f"{self.url}simple/"

    def mark(self) -> int:
        """A place in the log, behind all that was asked for until now."""
        sign = f"mark-{next(self._mark)}."
        ask(self.url, f"/{sign}")
        return int(until(f"{sign} in the log of {self.kind}", lambda: self.log().find(sign) + 1))

    def requests(self, since: int) -> list[tuple[str, int]]:
        """(path, status) of each GET and HEAD since that place."""
        self.mark()
        lines = [_request(line) for line in self.log()[since:].splitlines()]
        return [one for one in lines if one is not None and "/mark-" not in one[0]]


def _request(line: str) -> tuple[str, int] | None:
    if line.startswith("{"):  # Caddy's
        entry = json.loads(line)
        return (entry["request"]["uri"], entry["status"]) if "request" in entry else None
    match = _LINE.search(line)
    return (match[1], int(match[2])) if match else None


def logging_caddy(folder: Path, public: Path, port: int, samples: Path) -> list[str]:
    """The sample, which asks for no log, with one."""
    command = web_servers.caddy(folder, public, port, samples)
    site = folder / "site.caddy"
    head, brace, rest = site.read_text().partition("{\n")
    (folder / "eggwatch.log").touch()
    site.write_text(f"{head}{brace}\tlog {{\n\t\toutput file {folder}/eggwatch.log\n\t}}\n{rest}")
    return command


@contextmanager
def all_servers(base: Path) -> Iterator[dict[str, Server]]:
    """One of each kind, over public/ of the index at `base`, started together."""
    with ExitStack() as stack:
        servers = {}
        for kind in KINDS[:-1]:
            folder = stack.enter_context(web_servers.folder_for(kind)) / "run"
            configure = logging_caddy if kind == "caddy" else web_servers.SERVERS[kind]
            url = stack.enter_context(web_servers.serving_by(configure, folder, base / "public"))
            servers[kind] = Server(kind=kind, url=url, log=(folder / "eggwatch.log").read_text)
        servers["serve"] = stack.enter_context(_own(base / "public"))
        yield servers


@contextmanager
def _own(public: Path) -> Iterator[Server]:
    """The server of `eggwatch serve`, with the log that `run --serve --verbose` writes."""
    lines: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger, server = logging.getLogger("eggwatch.http"), WebServer({"": public})
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    server.start()
    try:
        yield Server(kind="serve", url=server.url, log=lambda: "\n".join(lines))
    finally:
        server.stop()
        logger.removeHandler(handler)
