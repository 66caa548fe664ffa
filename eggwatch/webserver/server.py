"""The HTTP server of `eggwatch serve` and `run --serve`: waitress, with limits that protect clients from each other.

waitress sends to all clients from one thread, as much as each accepts, and its few other threads only compute
responses: a slow client occupies a connection and a file, but no thread. Files are sent without a copy in memory.
"""

from __future__ import annotations

import logging
import resource
import socket
import threading
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.utilities import BadRequest

from eggwatch.model.instructions import is_loopback
from eggwatch.webserver.app import Application
from eggwatch.webserver.fair_threads import UPLOADERS, FairThreads
from eggwatch.webserver.listening import LOOPBACK, bound, url_of
from eggwatch.webserver.receiving import Body
from eggwatch.webserver.uploads import Door

MOST_CONNECTIONS = 300
"""Above this number, connections are closed to make room: see `_Listener`. uv alone opens up to 50."""

GRACE_SECONDS = 0.25
"""How long a new client has to send a request when there are too many connections."""

SLOW_SECONDS = 5.0
"""With too many connections, none of them idle, those that have received a response for longer are closed first,"""

ASKING_SECONDS = 1.0
"""then those that have sent a request for longer, the slowest first, as uploads are faster than a byte at a time."""

DESCRIPTORS_EACH = 3
"""The descriptors of a connection: its socket, the file that is sent, and one more."""

IDLE_SECONDS = 30.0
"""How long a client may send and receive nothing."""

WAITING_BYTES = 256 * 1024
"""Bytes of responses that a client has not received yet; if it requests more, the connection is closed."""

LONGEST_HEAD = 16 * 1024
"""Bytes of a request line and its headers; pip and uv send less than one KiB."""

TURN = 1 << 20
"""Bytes that are sent to one client before the next one, however fast it is."""

FINISHING_SECONDS = 1.0
"""How long downloads may continue after `stop`."""

THREADS = 4
LARGEST_BODY = 1 << 62
"""waitress would close the connection before the client has read the error; upload doors enforce the limit."""
RECEIVED = 64 * 1024
"""The size of one read."""
HEARD_OUT = 16 << 20
"""How much of a useless body without a length is read, as some clients read no response before they have sent all."""

HTTPS = "let a web server with HTTPS pass them on to 127.0.0.1 (contrib/httpd)"

log = logging.getLogger("eggwatch.http")
logging.getLogger("waitress").setLevel(logging.ERROR)  # errors of clients are no warnings to the operator


class Server:
    """Serves published trees; bound as soon as it is made, answering between `start` and `stop`.

    `trees` is {"": PUBLIC} for one index at /simple/, or {"NAME": PUBLIC, …} for several at /NAME/simple/.
    `listening` is a socket that is bound already, to `host`. `url` has the port that was really bound, and the
    loopback address where every interface is meant. Raises ConfigurationError if the address cannot be had.
    """

    def __init__(
        self,
        trees: Mapping[str, Path],
        *,
        doors: Mapping[str, Door] | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        listening: socket.socket | None = None,
    ) -> None:
        self._application = Application(trees, doors)
        listening = bound(host, port) if listening is None else listening
        self.host = host
        self.url = url_of(host, listening.getsockname()[1])
        self._map: dict[int, Any] = {}
        adjustments = _adjustments(self._application)
        self._workers, self._uploaders = ThreadedTaskDispatcher(), FairThreads(adjustments.most // 2)
        self._listener = _Listener(
            self._application, self._map, _sock=listening, dispatcher=self._workers,
            adj=adjustments, bind_socket=False,
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
        )  # fmt: skip
        self._listener.uploaders = self._uploaders
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def __repr__(self) -> str:
        return f"Server({self.url})"

    def start(self) -> None:
        """Start serving, in a daemon thread."""
        self._workers.set_thread_count(THREADS)
        self._open()
        if self._application.has_doors() and self.host != "localhost" and not is_loopback(self.host):
            log.warning("passwords and tokens for uploads are sent unencrypted to %s: %s", self.url, HTTPS)
        self._thread.start()

    def show(self, trees: Mapping[str, Path], doors: Mapping[str, Door] | None = None) -> None:
        """Serve only these trees and upload doors, from the next request on."""
        self._application.show(trees, doors)
        self._open()

    def _open(self) -> None:
        if self._application.has_doors():
            self._uploaders.set_thread_count(UPLOADERS)

    def wait(self) -> None:
        """Return when the server has stopped."""
        self._thread.join()

    def stop(self) -> None:
        """Accept no more requests, let downloads run for a second, close all connections; can be called again."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            self._listener.pull_trigger()
            self._thread.join()
        for dispatcher in (self._workers, self._uploaders):
            dispatcher.shutdown(cancel_pending=True, timeout=1)
        self._listener.close()
        for channel in list(self._listener.active_channels.values()):
            channel.handle_close()
        wasyncore.close_all(self._map)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._listener.hang_up()
            self._application.sweep()
            pause = GRACE_SECONDS if self._listener.is_crowded() else min(1.0, IDLE_SECONDS)
            wasyncore.loop(timeout=pause, use_poll=True, map=self._map, count=1)
        self._listener.accepting = False
        self._listener.socket.close()
        self._listener.del_channel(self._map)
        deadline = time.monotonic() + FINISHING_SECONDS
        while self._listener.is_sending() and (left := deadline - time.monotonic()) > 0:
            wasyncore.loop(timeout=left, use_poll=True, map=self._map, count=1)


def _adjustments(application: Application) -> Adjustments:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = soft // (2 * DESCRIPTORS_EACH) if soft != resource.RLIM_INFINITY else MOST_CONNECTIONS
    most = min(MOST_CONNECTIONS, room)
    adjustments = Adjustments(
        ident="eggwatch",
        connection_limit=most + most // 4 + 4,
        channel_timeout=IDLE_SECONDS,
        outbuf_high_watermark=WAITING_BYTES,
        max_request_header_size=LONGEST_HEAD,
        max_request_body_size=LARGEST_BODY,
        recv_bytes=RECEIVED,
        log_socket_errors=False,
        clear_untrusted_proxy_headers=False,  # only `attempts` uses them, from a server on this machine
    )
    adjustments.most, adjustments.door_at = most, application.door_at
    return adjustments


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    """In a crowd those go who are idle for longest; then who takes an answer, or sends a request, most slowly."""

    uploaders: FairThreads

    def add_task(self, channel: Any) -> None:
        """Pass a request to the threads; uploads have their own, because they wait for verdicts."""
        is_upload = isinstance(channel.requests[0], _Request) and channel.requests[0].is_upload
        (self.uploaders if is_upload else self.task_dispatcher).add_task(channel)

    def hang_up(self) -> None:
        """Close connections. waitress would wait until the client receives something, which this one never does."""
        now = time.time()
        here = [channel for channel in list(self.active_channels.values()) if not channel.requests]
        for channel in [*self._silent(here, now), *self._crowd(here, now)]:
            channel.handle_close()

    def _silent(self, here: list[Any], now: float) -> list[Any]:
        return [channel for channel in here if channel.last_activity < now - self.adj.channel_timeout]

    def _crowd(self, here: list[Any], now: float) -> list[Any]:
        if not self.is_crowded():
            return []
        taking = [one for one in here if one.total_outbufs_len and one.answered_since < now - SLOW_SECONDS]
        asking = [one for one in here if one.request]
        idle = [one for one in here if not one.total_outbufs_len and not one.request]
        idle = [one for one in idle if one.last_activity < now - GRACE_SECONDS]
        idle.sort(key=lambda channel: channel.last_activity)
        taking.sort(key=lambda channel: channel.answered_since)
        asking.sort(key=lambda channel: channel.request.pace(now))
        leaving = list(dict.fromkeys([*idle, *taking, *asking]))[: len(self.active_channels) - self.adj.most]
        # Who has only just begun is compared with, or else a large upload would go as the only one who is old enough.
        return [one for one in leaving if one in taking or not one.request or one.request.begun < now - ASKING_SECONDS]

    def is_crowded(self) -> bool:
        """Whether a connection has to be closed before a new one is accepted."""
        return len(self.active_channels) > int(self.adj.most)

    def maintenance(self, now: float) -> None:
        """Nothing: `hang_up` does it."""

    def is_sending(self) -> bool:
        """Whether a response is being sent; otherwise the connection can be closed."""
        channels = list(self.active_channels.values())
        for channel in channels:
            channel.close_when_flushed = True
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


class _Dropped:
    """Discards the body of a request that the application does not read."""

    def append(self, data: bytes) -> None:
        """Drop it."""

    def is_dropped(self) -> bool:
        """Always: the body is useless."""
        return True

    def getfile(self) -> BytesIO:
        """An empty body."""
        return BytesIO()

    def close(self) -> None:
        """Nothing to close."""

    def __len__(self) -> int:
        return 0


class _Request(HTTPRequestParser):  # type: ignore[misc]
    headers: dict[str, str]
    completed: bool
    is_upload = False
    _taker: Body | _Dropped

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.begun = time.time()

    def pace(self, now: float) -> float:
        """Bytes of its body a second, in its first second as if that was over."""
        return float(self.body_bytes_received) / max(now - self.begun, ASKING_SECONDS)

    def received(self, data: bytes) -> int:
        """Read on. A body that does not say how long it is, and is of no use, is read in vain only so far."""
        consumed = int(super().received(data))
        # Around the chunks waitress keeps what has no end yet, and looks through all of it with each piece that comes.
        if self.chunked and max(len(self.body_rcv.control_line), len(self.body_rcv.trailer)) > LONGEST_HEAD:
            self.error = BadRequest("a line outside of the chunks is too long")
            self.completed = True
        is_in_vain = self.chunked and self.body_bytes_received > HEARD_OUT and self._taker.is_dropped()
        if is_in_vain and not self.completed:
            self.headers["CONNECTION"] = "close"
            self.completed = True
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the bodies of uploads as they come, and drop all others.

        Runs of spaces become one, because parsing Accept takes time that grows with the square of its length.
        """
        super().parse_header(header_plus)
        # A server in front may go by the other length, and see other requests on a connection than we do. waitress
        # understands chunks in HTTP/1.1, and leaves this header where it does not.
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            raise ParsingError("Content-Length or HTTP/1.0 beside Transfer-Encoding")
        for name, value in self.headers.items():
            self.headers[name] = " ".join(value.split())
        if self.body_rcv is not None:
            self.body_rcv.buf = self._taker = self._body()

    def _body(self) -> Body | _Dropped:
        door = self.adj.door_at(self.request_uri) if self.command == "POST" else None
        body = None if door is None else door.body_for(self.headers, self.content_length)
        self.is_upload = body is not None
        return _Dropped() if body is None else body


class _Task(WSGITask):  # type: ignore[misc]
    def set_close_on_finish(self) -> None:
        """A 304 has no length, which waitress takes for a reason to close the connection."""
        if self.has_body or self.request.headers.get("CONNECTION", "").lower() == "close" or self.version == "1.0":
            super().set_close_on_finish()


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _Task
    parser_class = _Request
    _sent_in_turn = 0
    answered_since = 0.0
    """When the current response began: an old connection may have a fast client."""

    def handle_close(self) -> None:
        """Discard the received part of a body with the connection."""
        super().handle_close()
        if self.request is not None:
            self.request.close()

    def write_soon(self, data: bytes) -> int:
        """Send it when the client is ready."""
        if not self.total_outbufs_len:
            self.answered_since = time.time()
        return int(super().write_soon(data))

    def _flush_some(self, do_close: bool = True) -> bool:  # noqa: FBT001, FBT002 (as waitress has it)
        self._sent_in_turn = 0
        return bool(super()._flush_some(do_close))

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002
        """Send until the client has had its share; then as if it accepted no more at the moment."""
        sent = int(super().send(data, do_close)) if self._sent_in_turn < TURN else 0
        self._sent_in_turn += sent
        return sent

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Never wait for a client in one of the few threads; it has to repeat requests that it sent meanwhile."""
        if self.total_outbufs_len > self.adj.outbuf_high_watermark:
            with self.requests_lock:
                del self.requests[1:]
                self.close_when_flushed = True


_Listener.channel_class = _Channel
