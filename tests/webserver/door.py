"""A real daemon with an upload door, the server in front of it, and requests as clients send them."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eggwatch.webserver.incoming import LOCKS
from tests.cli.program import Site, clean_environment
from tests.http_asking import Reply, ask
from tests.running import Daemon, open_files

ANONYMOUS = "{ anonymous = true }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An index with its daemon and, as a process of its own, `eggwatch serve`."""

    site: Site
    url: str
    server: Daemon
    daemon: Daemon

    @property
    def legacy(self) -> str:
        """What clients are told to upload to."""
        return f"{self.url}legacy/"

    def post(self, fields: Iterable[tuple[str, str]], file: tuple[str, bytes] | None = None, **headers: str) -> Reply:
        """One upload as a form."""
        body, kind = multipart(fields, file)
        return ask(self.url, headers.pop("path", "/legacy/"), "POST", body, Content_Type=kind, **headers)

    def upload(self, file: tuple[str, bytes], *more: tuple[str, str], **headers: str) -> Reply:
        """One upload with what every client says of it."""
        return self.post([*fields_of(file), *more], file, **headers)


def kept(door: Door) -> list[str]:
    """Files of the door, in its folder or in a server's hand."""
    lying = [name for at, _, names in os.walk(door.site.drop / "http") for name in names if LOCKS not in at]
    return lying + [path for path in open_files(door.server.pid) if "/http/" in path]


def fields_of(file: tuple[str, bytes]) -> list[tuple[str, str]]:
    """The fields that a client sends with a file."""
    kind = "bdist_wheel" if file[0].endswith(".whl") else "sdist"
    digest = hashlib.sha256(file[1]).hexdigest()
    return [(":action", "file_upload"), ("protocol_version", "1"), ("filetype", kind), ("sha256_digest", digest)]


def multipart(fields: Iterable[tuple[str, str]], file: tuple[str, bytes] | None = None) -> tuple[bytes, str]:
    """A form with these fields, and a file as `content`; its body and its type."""
    boundary = secrets.token_hex(16)
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{file[0]}"\r\n'
        lines += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", file[1], b"\r\n"]
    return b"".join([*lines, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def serving(site: Site, *arguments: str) -> Daemon:
    """`eggwatch serve` on a free port."""
    command: list[str | Path] = [sys.executable, "-m", "eggwatch", "serve", "--listen", "0", *arguments]
    return Daemon(command, cwd=site.base, env=clean_environment({}))


@contextmanager
def open_door(base: Path, **settings: str) -> Iterator[Door]:
    """A door that is open for the length of a block."""
    site = Site(base, **{"uploads": ANONYMOUS, **settings})
    with site.daemon() as daemon, serving(site) as server:
        yield Door(site=site, url=url_of(server), server=server, daemon=daemon)


def url_of(server: Daemon) -> str:
    """Where a server that is ready listens."""
    addresses = re.findall(r"^ready at (\S+)", server.log, re.MULTILINE)
    return str(addresses[-1])
