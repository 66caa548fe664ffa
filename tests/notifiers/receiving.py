"""Real servers that news are sent to: SMTP and HTTP, on loopback, refusing when told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """What an SMTP server has taken; `refuses` answers for an address, `answer` for a whole message."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], EmailMessage]] = []
        self.refuses: dict[str, str] = {}
        self.answer = "250 OK"
        self.sessions = 0

    async def handle_EHLO(
        self, _: SMTP, session: Session, __: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """A new session."""
        session.host_name = hostname
        self.sessions += 1
        return responses

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """Whether mail for an address is taken."""
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        """Take a message, or not."""
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.messages.append((envelope.rcpt_tos, message))
        return self.answer

    def to(self, address: str) -> list[EmailMessage]:
        """The messages that an address has got."""
        return [message for to, message in self.messages if address in to]


@contextmanager
def smtp_server(port: int = 0) -> Iterator[tuple[Mailbox, int]]:
    """A server and its port, for the length of a block."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port or free_port())
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


def free_port() -> int:
    """A port without a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])


class Hooks:
    """What an HTTP server was asked, and what it answers: the next of `answers`, then 204 for ever."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.held: threading.Event | None = None
        """While set, answers wait for this event."""
        self.url = ""

    @property
    def bodies(self) -> list[Any]:
        """The bodies of all requests."""
        return [json.loads(body) for *_, body in self.requests]

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of all requests."""
        return [headers["idempotency-key"] for _, _, headers, _ in self.requests]


@contextmanager
def http_server(port: int = 0) -> Iterator[Hooks]:
    """A server for the length of a block."""
    hooks = Hooks()

    class Handler(BaseHTTPRequestHandler):
        """Remembers and answers."""

        def do_POST(self) -> None:
            """One request."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            hooks.requests.append((self.command, self.path, headers, body))
            if hooks.held is not None:
                hooks.held.wait(30)
            status = hooks.answers.pop(0) if hooks.answers else 204
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_GET = do_POST  # noqa: N815  (as http.server wants it)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    hooks.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hooks
    finally:
        server.shutdown()
        server.server_close()
