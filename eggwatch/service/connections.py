"""How many connections may be open at once, and which of them has to go when there is no room."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

SLOW_SECONDS = 5.0
"""Who takes longer for one block of an answer goes, if somebody else wants to come in."""
LOOK_SECONDS = 0.25


def shut(connection: socket.socket, how: int) -> None:
    """`shutdown`, whatever state the connection is in."""
    with suppress(OSError):
        connection.shutdown(how)


class Connections:
    """The open connections, at most `most` of them; each is waiting for a request or working on one.

    A client that sends its request letter by letter is waiting too, so that it cannot keep others out; nor can one
    that takes its answer drop by drop, since it goes when others stand before the door.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._waiting: dict[socket.socket, None] = {}  # in the order in which they began to wait
        self._answered: dict[socket.socket, float] = {}  # with the moment at which they took the last block
        self._hung_up: set[socket.socket] = set()
        self.are_taken = True
        self.is_crowded = False
        """Somebody stands before the door: answers close their connection instead of waiting for more."""

    def __repr__(self) -> str:
        return f"Connections({len(self._open)} of {self._most}, {len(self._waiting)} waiting)"

    def admit(self, connection: socket.socket) -> bool:
        """Add a connection as soon as there is room; False, and closed, if the server stops meanwhile."""
        with self._changed:
            while self.are_taken and len(self._open) >= self._most:
                self.is_crowded = True
                self._make_room()
                self._changed.wait(LOOK_SECONDS)
            self.is_crowded = False
            if not self.are_taken:
                connection.close()
                return False
            self._open.add(connection)
            self._waiting[connection] = None
            return True

    def wait_for_request(self, connection: socket.socket) -> bool:
        """Note that the connection waits from now on; False if no more requests are taken."""
        with self._changed:
            self._answered.pop(connection, None)
            self._waiting.pop(connection, None)
            self._waiting[connection] = None
            self._changed.notify_all()
            return self.are_taken

    def begin_answer(self, connection: socket.socket) -> None:
        """Note that a request has come in whole."""
        with self._changed:
            self._waiting.pop(connection, None)
            self._answered[connection] = time.monotonic()

    def note_progress(self, connection: socket.socket) -> None:
        """Note that the client has taken one more block of its answer."""
        with self._changed:
            self._answered[connection] = time.monotonic()

    def leave(self, connection: socket.socket) -> None:
        """Close a connection, which makes room."""
        with self._changed:
            self._open.discard(connection)
            self._waiting.pop(connection, None)
            self._answered.pop(connection, None)
            self._hung_up.discard(connection)
            connection.close()
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the server stops."""
        with self._changed:
            self._changed.wait_for(lambda: not self.are_taken, seconds)

    def refuse(self) -> None:
        """Take no more connections, and no more requests on those that are open."""
        with self._changed:
            self.are_taken = False
            for connection in self._waiting:
                shut(connection, socket.SHUT_RD)
            self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Wait for the answers that are under way, then cut what is left."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)
            for connection in self._open:
                shut(connection, socket.SHUT_RDWR)

    def _make_room(self) -> None:
        """Let one go at a time: who waits, and if nobody does, who takes its answer too slowly."""
        if self._hung_up:
            return
        if self._waiting:  # its thread reads an end of file and leaves, after a request that has come in
            connection = next(iter(self._waiting))
            self._hung_up.add(connection)
            shut(connection, socket.SHUT_RD)
            return
        slowest = min(self._answered, key=self._answered.__getitem__, default=None)
        if slowest is not None and self._answered[slowest] < time.monotonic() - SLOW_SECONDS:
            self._hung_up.add(slowest)
            shut(slowest, socket.SHUT_RDWR)
