"""Requests as installers send them, each answer with its headers; redirects are not followed."""

from __future__ import annotations

import gzip
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
from eggwatch.readers.remote import LARGEST_ANSWER, SECONDS, not_reached

V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
PIP = f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01"
"""What pip accepts."""


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
            return gzip.decompress(self.body) if self.header("Content-Encoding") == "gzip" else self.body
        except (OSError, EOFError, zlib.error):
            return None

    @property
    def sha256(self) -> str:
        """The hash of what was sent."""
        return hashlib.sha256(self.body).hexdigest()


class _AsItIs(urllib.request.HTTPRedirectHandler):
    """Hands redirects over instead of following them."""

    def redirect_request(self, *_: Any) -> None:
        """Another request is never made."""


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
        """The answer to a request that may have a body."""
        url = urljoin(self.base, path)
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        login = _login(url) if data is None else {}  # uploads have passwords of their own
        request = urllib.request.Request(url, data, {**login, **sent})  # noqa: S310 - http(s) only
        try:
            with urllib.request.build_opener(_AsItIs).open(request, timeout=SECONDS) as answer:
                return HttpAnswer(
                    url=url, status=answer.status, headers=answer.headers, body=answer.read(LARGEST_ANSWER)
                )
        except urllib.error.HTTPError as error:
            with error:
                return HttpAnswer(url=url, status=error.code, headers=error.headers, body=error.read(LARGEST_ANSWER))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise not_reached(url, error, "--url") from error

    def detail(self, folder: str) -> dict[str, Any]:
        """A page's JSON form as clients get it, else its file; empty if there is none."""
        for path in (folder, folder + JSON_NAME):
            answer = self.ask(path, Accept=PIP)
            try:
                found = json.loads(answer.body) if answer.status == 200 else None
            except ValueError:
                continue
            if isinstance(found, dict) and "meta" in found:
                return found
        return {}

    @property
    def server(self) -> str:
        """nginx, apache or caddy, as the server calls itself; empty if it is none of them."""
        says = self.ask("simple/", Accept=PIP).header("Server")
        return next((kind for kind in ("nginx", "apache", "caddy") if kind in says), "")


def _login(url: str) -> dict[str, str]:
    """What .netrc knows for the host, as installers send it."""
    try:
        found = netrc.netrc().authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return {}
    return {} if found is None else {"Authorization": f"Basic {b64encode(f'{found[0]}:{found[2]}'.encode()).decode()}"}
