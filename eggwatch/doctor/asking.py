"""Requests as installers send them, each answer with its headers; redirects are not followed."""

from __future__ import annotations

import hashlib
import http.client
import json
import netrc
import urllib.error
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import urljoin, urlsplit

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.names import JSON_NAME
from eggwatch.readers.remote import LARGEST, SECONDS, NoRedirects, in_time, not_reached, whole

V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
PIP = f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01"
"""What pip accepts."""

PROJECTS = 10
"""How many projects are searched for those that have files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a server answered to one request."""

    url: str
    status: int
    headers: Message
    body: bytes

    def header(self, name: str) -> str:
        """All values of a header, in lower case, joined by commas; empty if there is none."""
        return ", ".join(self.headers.get_all(name, [])).lower()

    @property
    def type(self) -> str:
        """The media type, without its charset."""
        return self.header("Content-Type").partition(";")[0].strip()

    @property
    def unpacked(self) -> bytes | None:
        """The body without its Content-Encoding; None if it can't be read."""
        try:
            packed = self.header("Content-Encoding") == "gzip"
            return zlib.decompressobj(31).decompress(self.body, LARGEST) if packed else self.body
        except zlib.error:
            return None

    @property
    def sha256(self) -> str:
        """The hash of what was sent."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedIndex:
    """An index as the web server at `base` shows it; `local` is the same index on this machine, if it is known here."""

    base: str
    local: IndexConfig | None = None
    answers: dict[tuple[str, tuple[tuple[str, str], ...]], HttpAnswer] = field(default_factory=dict)

    def ask(self, path: str, **headers: str) -> HttpAnswer:
        """The answer to a GET, once for each path and headers (`Accept_Encoding="gzip"`); NotReachedError if none."""
        key = path, tuple(sorted(headers.items()))
        if key not in self.answers:
            self.answers[key] = self.ask_anew(path, headers=headers)
        return self.answers[key]

    def ask_anew(self, path: str, data: bytes | None = None, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """The answer to a request that may have a body; NotReachedError if it is not there in time, or endless."""
        url = urljoin(self.base, path)
        try:
            return in_time(lambda: _answer(url, data, headers))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise not_reached(url, error, "--url") from error

    def detail(self, folder: str) -> dict[str, Any]:
        """A page's JSON form as clients get it, else its file; empty if there is none."""
        for path in (folder, folder + JSON_NAME):
            answer = self.ask(path, Accept=PIP)
            try:
                found: Any = json.loads(answer.body) if answer.status == 200 else None
            except (ValueError, RecursionError):
                continue
            if _is_page(found):
                return dict(found)
        return {}

    def details(self) -> list[tuple[str, dict[str, Any]]]:
        """The first few projects that have files, each with its page."""
        names = [project["name"] for project in self.detail("simple/").get("projects", [])][:PROJECTS]
        details = ((name, self.detail(f"simple/{name}/")) for name in names)
        return [(name, detail) for name, detail in details if detail.get("files")]

    @property
    def server(self) -> str:
        """nginx, apache or caddy, as the server calls itself; empty if it is none of them."""
        says = self.ask("simple/", Accept=PIP).header("Server")
        return next((kind for kind in ("nginx", "apache", "caddy") if kind in says), "")


def _answer(url: str, data: bytes | None, headers: Mapping[str, str] | None) -> HttpAnswer:
    sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    login = _login(url) if data is None else {}  # uploads have passwords of their own
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("it is not a URL of a web server")
    request = urllib.request.Request(url, data, {**login, **sent})  # noqa: S310 - http(s) only
    with _opened(request) as answer:
        return HttpAnswer(url=url, status=answer.status or 0, headers=answer.headers, body=whole(answer))


def _opened(request: urllib.request.Request) -> Any:
    """The answer, also that with an error."""
    try:
        return urllib.request.build_opener(NoRedirects).open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        return error


def _is_page(found: object) -> bool:
    """Whether it has what is read here; an index of others, or no index, may have anything."""
    if not isinstance(found, dict) or not isinstance(found.get("meta"), dict):
        return False
    files = found.get("files", [])
    if not _are_rows(found.get("projects", []), name=str) or not _are_rows(files, filename=str, url=str, hashes=dict):
        return False
    try:
        return all(urlsplit(file["url"]) for file in files)
    except ValueError:  # brackets that are no IPv6 address
        return False


def _are_rows(rows: object, **types: type) -> bool:
    return isinstance(rows, list) and all(
        isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in types.items()) for row in rows
    )


def _login(url: str) -> dict[str, str]:
    """What .netrc knows for the host, as installers send it."""
    try:
        found = netrc.netrc().authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return {}
    return {} if found is None else {"Authorization": f"Basic {b64encode(f'{found[0]}:{found[2]}'.encode()).decode()}"}
