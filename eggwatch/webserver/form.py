"""The form of an upload, read as a stream: the archive goes on to where it is stored, little else is kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

CHUNK = 64 * 1024
"""Bytes that are read of a body at a time."""
PADDING = 100
"""Bytes that stand around a boundary, and a few."""
_LINE_BREAK = re.compile(rb"[\r\n]")
MOST_HEADERS = 256 * 1024
"""Bytes of the headers of one part, a chunk included."""
MOST_PARTS = 5000
"""PyPI knows a thousand classifiers; each is a part."""
LONGEST_VALUE = 4096


class Hash(Protocol):
    """A hash of hashlib's."""

    def update(self, data: bytes, /) -> None:
        """Take in some bytes."""

    def hexdigest(self) -> str:
        """What was computed, in hexadecimal."""


DIGESTS: dict[str, Callable[[], Hash]] = {
    "md5_digest": partial(hashlib.md5, usedforsecurity=False),
    "sha256_digest": hashlib.sha256,
    "blake2_256_digest": partial(hashlib.blake2b, digest_size=32),
}
"""What clients call the digests that they send."""
OF_ORDERS = ("spec", "reason", "dry_run")
"""The fields of yank, unyank and remove."""
NEEDED = frozenset((":action", "protocol_version", "name", "version", "filetype", *DIGESTS, *OF_ORDERS))
"""The fields that are read; what else the form says of the archive, the archive says itself."""
CONTENT = "content"


class MalformedError(ValueError):
    """The body is not a form that can be read; the message says why."""


class Sink(Protocol):
    """Where the archive goes."""

    def write(self, data: bytes) -> object:
        """Take some bytes of it."""


@dataclass(slots=True, kw_only=True)
class UploadForm:
    """What an upload says of itself, the name of its file, and what was computed of the file's bytes."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    size: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    """In hexadecimal, by the fields that clients send them in."""


class _Hashing:
    def __init__(self) -> None:
        self.size = 0
        self._hashes = {name: make() for name, make in DIGESTS.items()}

    def update(self, data: bytes) -> None:
        self.size += len(data)
        for one in self._hashes.values():
            one.update(data)

    def hexadecimal(self) -> dict[str, str]:
        return {name: one.hexdigest() for name, one in self._hashes.items()}


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except RequestEntityTooLarge as error:
        raise MalformedError(f"The form has more than {MOST_PARTS} fields, or one with a very long head.") from error
    except ValueError as error:
        raise MalformedError("The body is no complete multipart form.") from error


class FormReader:
    """Reads a form as it comes. MalformedError if it is none; whatever the sink raises."""

    def __init__(self, boundary: str, sink: Sink) -> None:
        self._decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), MOST_HEADERS, max_parts=MOST_PARTS)
        self._reading, self._margin = _Reading(sink), len(boundary) + PADDING
        self._held, self._is_whole = b"", False

    def feed(self, data: bytes) -> None:
        """Some more of it, at most `CHUNK` bytes.

        No portion that is decoded ends within a boundary: the decoder takes the line break before `--boundary-` for a
        part of the file, if it has not seen the last `-` yet (werkzeug 3.1.9).
        """
        data = self._held + data
        found = _LINE_BREAK.search(data, max(0, len(data) - self._margin))
        cut = len(data) if found is None else found.start()
        self._held = data[cut:]
        if cut:
            self._decode(data[:cut])

    def end(self) -> UploadForm:
        """All of it, when there is no more to come."""
        for data in (self._held, None):
            self._decode(data)
        return self._reading.form()

    def _decode(self, data: bytes | None) -> None:
        if self._is_whole:  # what follows is no part of the form
            return
        with _decoding():
            self._decoder.receive_data(data)
        self._drain()

    def _drain(self) -> None:
        while True:
            with _decoding():
                event = self._decoder.next_event()
            if isinstance(event, (Field, File, Data)):
                self._reading.take(event)
            elif isinstance(event, (Epilogue, NeedData)):
                self._is_whole = isinstance(event, Epilogue)
                return


class _Reading:
    """What was read until now, and the part that is being read."""

    def __init__(self, sink: Sink) -> None:
        self._form, self._sink, self._hashing = UploadForm(), sink, _Hashing()
        self._take: Callable[[bytes], None] = _dropped

    def take(self, event: Field | File | Data) -> None:
        """Go on with the part that is being read, or begin another one."""
        if isinstance(event, Data):
            self._take(event.data)
        elif isinstance(event, File):
            self._take = self._content(event.filename) if event.name == CONTENT else _dropped
        else:
            self._take = self._field(event.name) if event.name in NEEDED else _dropped

    def _content(self, filename: str) -> Callable[[bytes], None]:
        if self._form.filename is not None:
            raise MalformedError("The form has more than one file.")
        self._form.filename = filename

        def take(data: bytes) -> None:
            self._hashing.update(data)
            self._sink.write(data)

        return take

    def _field(self, name: str) -> Callable[[bytes], None]:
        if name in self._form.fields:
            raise MalformedError(f"The form has the field {name} more than once.")
        fields, value = self._form.fields, bytearray()

        def take(data: bytes) -> None:
            value.extend(data)
            if len(value) > LONGEST_VALUE:
                raise MalformedError(f"The field {name} is longer than {LONGEST_VALUE} bytes.")
            fields[name] = value.decode("utf-8", "replace")

        fields[name] = ""
        return take

    def form(self) -> UploadForm:
        """All of it."""
        self._form.size, self._form.digests = self._hashing.size, self._hashing.hexadecimal()
        return self._form


def _dropped(_: bytes) -> None:
    """Nobody needs it."""
