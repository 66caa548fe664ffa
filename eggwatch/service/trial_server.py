"""The embedded HTTP server behind `eggwatch run --serve [HOST:]PORT`: for trials and small teams."""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import FileIO
from pathlib import Path
from socketserver import BaseServer
from typing import Any, cast

from eggwatch.errors import ConfigurationError
from eggwatch.service.connections import Connections, shut
from eggwatch.service.negotiation import Span
from eggwatch.service.static_site import Answer, Request, StaticSite, refusal

LOOPBACK = "127.0.0.1"

MOST_CONNECTIONS = 64
"""Threads, one a connection. uv alone opens up to 50; beyond this, idle ones are hung up to make room."""

IDLE_SECONDS = 30.0
"""So long may a client say nothing, or take nothing of what is sent."""

BLOCK = 128 * 1024
"""Bytes sent at a time; who takes longer for them than `connections.SLOW_SECONDS` makes room in a crowd."""

FINISHING_SECONDS = 1.0
"""So long may downloads go on after `stop`; then they are cut."""

LINGERING_SECONDS = 2.0
"""So long is the body of a refused upload read and dropped, so that the client gets to read the refusal."""

_PAUSE_WITHOUT_DESCRIPTORS = 0.2
_LONGEST_LOGGED = 500
_LISTEN = re.compile(r"(?:(?P<host>\[[0-9A-Za-z:.%]+\]|[^\s:\[\]/]+):)?(?P<port>[0-9]{1,5})")

_OTHER_PORT = "Choose another --serve port, or 0 for any free one."
_OTHER_HOST = "Give --serve an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them."
_REMEDIES = {
    errno.EACCES: "Choose a --serve port of 1024 or above, or put a web server in front (contrib/httpd).",
    errno.EADDRNOTAVAIL: _OTHER_HOST,
}

log = logging.getLogger("eggwatch.http")


def parse_listen(text: str, option: str = "--serve") -> tuple[str, int]:
    """`[HOST:]PORT` as host and port; without a host the loopback address. IPv6 hosts stand in brackets.

    Raises ConfigurationError.
    """
    match = _LISTEN.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65535:
        raise ConfigurationError(
            f"{option} {text!r} is not [HOST:]PORT.",
            remedy="Write for example 8080, 0.0.0.0:8080 for all interfaces, [::1]:8080, or 0 for any.",
        )
    return (match["host"] or LOOPBACK).strip("[]"), int(match["port"])


class TrialServer:
    """Serves published trees; bound as soon as it is made, answering between `start` and `stop`.

    `trees` is {"": PUBLIC} for one index at /simple/, or {"NAME": PUBLIC, …} for several at /NAME/simple/.
    `url` has the port that was really bound, and the loopback address where every interface is meant. Raises
    ConfigurationError if the address cannot be had.
    """

    def __init__(self, trees: Mapping[str, Path], *, host: str = LOOPBACK, port: int = 0) -> None:
        self._site = StaticSite(trees)
        self._socket = _listen(host, port)
        self._connections = Connections(MOST_CONNECTIONS)
        self._thread = threading.Thread(target=self._accept, name="http", daemon=True)
        self.url = _url(host, self._socket.getsockname()[1])

    def __repr__(self) -> str:
        return f"TrialServer({self.url})"

    def start(self) -> None:
        """Answer requests from now on, in a daemon thread."""
        self._thread.start()

    def show(self, trees: Mapping[str, Path]) -> None:
        """Serve these trees from now on, and no others."""
        self._site.show(trees)

    def stop(self) -> None:
        """Take no more requests, let downloads run for a second at most, close all; may be called again."""
        self._connections.refuse()
        # accept() in the other thread is woken by shutdown() on Linux; close() alone would leave it sleeping.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()
        self._connections.finish(FINISHING_SECONDS)

    def _accept(self) -> None:
        while self._connections.are_taken:
            try:
                connection, address = self._socket.accept()
            except OSError:
                # EMFILE and ENFILE pass; without a pause this loop would starve those who close files.
                self._connections.pause(_PAUSE_WITHOUT_DESCRIPTORS)
                continue
            if self._connections.admit(connection):
                self._serve(connection, address)

    def _serve(self, connection: socket.socket, address: Any) -> None:
        arguments = (connection, address, self._site, self._connections)
        try:
            threading.Thread(target=_converse, args=arguments, name="http-connection", daemon=True).start()
        except RuntimeError:  # no more threads for this user
            log.warning("no thread for a connection")
            self._connections.leave(connection)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family, backlog=128, dualstack_ipv6=host == "::")
    except socket.gaierror as error:
        raise _not_listening(host, port, str(error.strerror), _OTHER_HOST) from error
    except UnicodeError as error:
        raise _not_listening(host, port, "that is no host name", _OTHER_HOST) from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, _OTHER_PORT)
        raise _not_listening(host, port, os.strerror(error.errno or 0), remedy) from error


def _not_listening(host: str, port: int, reason: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"Cannot listen on {host} port {port}: {reason}.", remedy=remedy)


def _url(host: str, port: int) -> str:
    """The address to type on this machine: nobody can connect to "every interface"."""
    reachable = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 (a comparison, not a bind)
    return f"http://[{reachable}]:{port}/" if ":" in reachable else f"http://{reachable}:{port}/"


def _converse(connection: socket.socket, address: Any, site: StaticSite, connections: Connections) -> None:
    """All requests of one connection; what goes wrong here costs this connection only (law 7)."""
    try:
        _Conversation(connection, address, site=site, connections=connections)
    except (ConnectionError, TimeoutError):
        pass
    except Exception:
        log.exception("the connection is closed")
    finally:
        connections.leave(connection)


class _Conversation(BaseHTTPRequestHandler):
    """Reads requests, sends what the site answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, connection: socket.socket, address: Any, *, site: StaticSite, connections: Connections) -> None:
        self._site = site
        self._connections = connections
        # The handler never asks its server for anything; ours is no BaseServer.
        super().__init__(connection, address, cast(BaseServer, None))

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(IDLE_SECONDS)

    def version_string(self) -> str:
        return "eggwatch"

    def handle_one_request(self) -> None:
        self.close_connection = True
        if self._connections.wait_for_request(self.connection):
            super().handle_one_request()

    def parse_request(self) -> bool:
        complete = super().parse_request()
        self._connections.begin_answer(self.connection)
        return complete

    def do_GET(self) -> None:
        headers = _joined(self.headers)
        answer = self._site.answer(Request(target=self.path, headers=headers, is_head=self.command == "HEAD"))
        # A body that nobody reads would be taken for the next request.
        if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
            self._send_last(answer)
        else:
            self._send(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        message = "Nothing is uploaded or changed here: copy files into the drop folder of the index."
        self._send_last(refusal(HTTPStatus.METHOD_NOT_ALLOWED, message, {"Allow": "GET, HEAD"}))

    def do_PUT(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_POST()

    def do_PATCH(self) -> None:
        self.do_POST()

    def do_OPTIONS(self) -> None:
        self.do_POST()

    def handle_expect_100(self) -> bool:
        """Go on without inviting the body; who asks first need not send it at all (RFC 9110, 10.1.1)."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that could not even be read."""
        self._send_last(refusal(HTTPStatus(code), _one_line(message or "This request cannot be understood.")))

    def _send_last(self, answer: Answer) -> None:
        """Send, then drop what else comes in: closing over unread bytes would reset the connection, and the
        answer would be lost (RFC 9112, 9.6)."""
        self.close_connection = True
        self._send(answer)
        shut(self.connection, socket.SHUT_WR)
        deadline = time.monotonic() + LINGERING_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            self.connection.settimeout(left)
            if not self.connection.recv(1 << 16):
                return

    def _send(self, answer: Answer) -> None:
        length = len(answer.text) if answer.span is None else answer.span.length
        try:
            self._send_head(answer, length)
            if self.command != "HEAD":
                self._send_body(answer)
        finally:
            answer.close()
            self._log(answer.status, length)

    def _send_head(self, answer: Answer, length: int) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(length))
        if self.close_connection or self._connections.is_crowded:
            # send_header notes that this connection ends with this answer
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_body(self, answer: Answer) -> None:
        if answer.descriptor is None or answer.span is None or not answer.span.length:
            for start in range(0, len(answer.text), BLOCK):
                self.wfile.write(answer.text[start : start + BLOCK])
                self._connections.note_progress(self.connection)
            return
        with open(answer.descriptor, "rb", buffering=0, closefd=False) as file:
            left = self._send_file(file, answer.span)
        # Truncated by a foreign hand meanwhile: the client must not take the next answer for the rest.
        self.close_connection |= left > 0

    def _send_file(self, file: FileIO, span: Span) -> int:
        """Send a part of a file, block by block; answers with how many bytes of it were not there."""
        start, left = span.start, span.length
        while left and (sent := self.connection.sendfile(file, start, min(left, BLOCK))):
            start, left = start + sent, left - sent
            self._connections.note_progress(self.connection)
        return left

    def _log(self, status: HTTPStatus, length: int) -> None:
        headers = getattr(self, "headers", None)
        agent = _one_line(headers.get("User-Agent", "-") if headers else "-")
        log.info('%s "%s" %d %d "%s"', self.client_address[0], _one_line(self.requestline), status, length, agent)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: `_log` tells it once, with the length."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name in the standard library)
        """What the standard library has to say goes to our log, never to stderr."""
        log.debug("%s", _one_line(format % args))


def _one_line(text: str) -> str:
    r"""Log text that cannot forge a line or a field: control characters, quotes and non-ASCII as `\xNN`."""
    return text[:_LONGEST_LOGGED].encode("unicode_escape").decode("ascii").replace('"', "\\x22")


def _joined(headers: Message) -> dict[str, str]:
    """Headers by name in lower case; repeated ones mean their list (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else str(value)
    return joined
