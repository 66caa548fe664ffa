"""Small HTTP servers for the length of a block, by Python's http.server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread


class Files(SimpleHTTPRequestHandler):
    """Files as they are, without negotiation, as a web server that was told nothing serves them."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server that answers by this handler."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def served(folder: Path, handler: type[SimpleHTTPRequestHandler] = Files) -> AbstractContextManager[str]:
    """The URL of a folder."""
    return answering(partial(handler, directory=str(folder)))


@contextmanager
def endless(piece: bytes, *, pause: float = 0.0) -> Iterator[str]:
    """The URL of a server that answers with this piece again and again, until nobody listens."""
    stop = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while not stop.wait(pause):
                    connection.sendall(piece)

        thread = Thread(target=send)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            stop.set()
            thread.join()
