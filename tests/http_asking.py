"""One HTTP request, as plain as it can be made: nothing is followed, decoded or tidied."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.running import PATIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; header names in lower case, repeated ones joined by commas."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


def connect(url: str) -> http.client.HTTPConnection:
    """A connection to the server at `url`."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENT)


def ask(url: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
    """One request on a connection of its own; `Accept_Encoding="gzip"` sends Accept-Encoding."""
    connection = connect(url)
    try:
        connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
        response = connection.getresponse()
        return Reply(status=response.status, reason=response.reason, headers=_joined(response), body=response.read())
    finally:
        connection.close()


def _joined(response: http.client.HTTPResponse) -> dict[str, str]:
    names = {name.lower() for name, _ in response.getheaders()}
    return {name: response.getheader(name, "") for name in names}


def raw(url: str, request: bytes) -> bytes:
    """Send these bytes, and read until the server closes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENT) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))
