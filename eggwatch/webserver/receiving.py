"""Receives an upload: parses its form and stores its archive while they arrive, under any WSGI server.

waitress reads the complete body before it calls the application. It writes to a `Body`, so nothing is stored twice.
"""

from __future__ import annotations

from contextlib import ExitStack
from io import BytesIO
from types import TracebackType
from typing import Self

from eggwatch.errors import FolderError
from eggwatch.webserver.form import FormReader, MalformedError, UploadForm
from eggwatch.webserver.incoming import Arrival, Incoming, TooLargeError


class Receiving:
    """One upload. Raises FolderError, OSError, MalformedError or TooLargeError if it cannot be stored."""

    def __init__(self, incoming: Incoming, boundary: str) -> None:
        self._stack = ExitStack()
        self.arrival: Arrival = self._stack.enter_context(incoming.arriving())
        self._reader = FormReader(boundary, self.arrival)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def take(self, data: bytes) -> None:
        """Some more of it."""
        self._reader.feed(data)

    def end(self) -> UploadForm:
        """End the upload, and return its form."""
        return self._reader.end()

    def close(self) -> None:
        """Delete the stored file, unless it got its name."""
        self._stack.close()


class Body:
    """Where waitress puts the body of an upload. What is wrong with it is kept for who asks; the rest is dropped.

    `most` are the bytes that it may have, whatever they are of.
    """

    def __init__(self, incoming: Incoming, boundary: str, *, most: int) -> None:
        self._incoming, self._boundary, self._most = incoming, boundary, most
        self._receiving: Receiving | None = None
        self._error: Exception | None = None
        self._size = 0

    def append(self, data: bytes) -> None:
        """Some more of it."""
        self._size += len(data)
        if self._error is not None:
            return
        try:
            if self._size > self._most:
                raise TooLargeError
            if self._receiving is None:
                self._receiving = Receiving(self._incoming, self._boundary)
            self._receiving.take(data)
        except (FolderError, OSError, MalformedError, TooLargeError) as error:
            self._error = error
            self.close()

    def is_dropped(self) -> bool:
        """Whether nothing more of it is of any use."""
        return self._error is not None

    def received(self) -> Receiving:
        """What was received, and is to be ended. Raises what was wrong."""
        if self._error is not None:
            raise self._error
        if self._receiving is None:
            raise MalformedError("The request has no body.")
        return self._receiving

    def getfile(self) -> Received:
        """The body for the application to read."""
        return Received(self)

    def close(self) -> None:
        """Discard the body."""
        if self._receiving is not None:
            self._receiving.close()

    def __len__(self) -> int:
        return self._size


class Received(BytesIO):
    """An empty stream, because the body has been read already."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
