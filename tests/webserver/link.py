"""A link between clients and the server that can be made slow, or held while the server is restarted."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PIECE = 1024
ALL = 65536


class Link:
    """A TCP proxy on 127.0.0.1 for the length of a block; `pause` is waited after each KiB that a client sends.

    After an answer with the status `hold_after` nothing more is passed on to the server, until `go_on`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname or "", parts.port or 0)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.pause = 0.0
        self.hold_after: int | None = None
        self._is_open = threading.Event()
        self._is_open.set()

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def is_held(self) -> bool:
        """Whether that answer was seen."""
        return not self._is_open.is_set()

    def go_on(self) -> None:
        """Hold nothing back, now and from now on."""
        self.hold_after = None
        self._is_open.set()

    def _spawn(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._to)
                self._spawn(self._forth, client, server)
                self._spawn(self._back, server, client)

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):  # whoever hangs up first
            while data := client.recv(PIECE if self.pause else ALL):
                self._is_open.wait()
                server.sendall(data)
                time.sleep(self.pause)  # a slow link is what this is
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), client, server:
            while data := server.recv(ALL):
                if self.hold_after and re.match(rb"HTTP/1\.[01] %d " % self.hold_after, data):
                    self._is_open.clear()
                client.sendall(data)
