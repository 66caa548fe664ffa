"""Shares waitress's threads, which wait for verdicts, fairly among uploaders."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from eggwatch.webserver.attempts import address_of
from eggwatch.webserver.users import claimed_by

UPLOADERS = 128
"""One user or address uses at most half of them, the next one half of the rest."""

_TEXT = b"Too many of your uploads are waiting. Try again later.\n"
_CROWDED = (
    b"HTTP/1.1 503 Too many of your uploads are waiting. Try again later.\r\nConnection: close\r\nRetry-After: 10\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s" % (len(_TEXT), _TEXT)
)

Who = tuple[tuple[str, str], ...]
"""The user in a request, who is not checked yet, and its address."""


class FairThreads(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Answers uploads. A user who already has as many busy threads as are free waits for one of them.

    So a thread is left for others, however many uploads of one user wait for their verdicts. When a user has `most`
    uploads here, the next one is rejected, so that connections are left for others too.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._changing = most, threading.Lock()
        self._here: Counter[tuple[str, str]] = Counter()
        self._busy: Counter[tuple[str, str]] = Counter()
        self._running = 0
        self._waiting: deque[tuple[Who, Any]] = deque()

    def add_task(self, channel: Any) -> None:
        """Queue the first request of a connection."""
        who = _who_sends(channel)
        with self._changing:
            is_welcome = all(self._here[one] < self._most for one in who)
            if is_welcome:
                self._here.update(who)
                self._waiting.append((who, channel))
                self._begin()
        if not is_welcome:
            _refuse(channel)

    def ended(self, who: Who) -> None:
        """Start the next request after one was answered."""
        with self._changing:
            self._running -= 1
            for count in (self._here, self._busy):
                count -= Counter(who)
            self._begin()

    def _begin(self) -> None:
        for who, channel in list(self._waiting):
            free = UPLOADERS - self._running
            if all(self._busy[one] < free for one in who):
                self._waiting.remove((who, channel))
                self._running += 1
                self._busy.update(who)
                super().add_task(_Answered(self, who, channel))


class _Answered:
    """One request; when it is answered, the next one can start."""

    def __init__(self, threads: FairThreads, who: Who, channel: Any) -> None:
        self._threads, self._who, self._channel = threads, who, channel

    def service(self) -> None:
        """Answer it."""
        try:
            self._channel.service()
        finally:
            self._threads.ended(self._who)

    def cancel(self) -> None:
        """Discard the request, because the server stops."""
        self._channel.cancel()


def _who_sends(channel: Any) -> Who:
    headers = channel.requests[0].headers
    forwarded = headers.get("X_FORWARDED_FOR", "")
    address = address_of({"REMOTE_ADDR": channel.addr[0], "HTTP_X_FORWARDED_FOR": forwarded})
    user = claimed_by(headers.get("AUTHORIZATION", ""))
    return (("address", address), *([("user", user)] if user else []))


def _refuse(channel: Any) -> None:
    channel.requests.pop(0).close()
    channel.write_soon(_CROWDED)
    channel.close_when_flushed = True
