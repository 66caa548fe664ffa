"""Parses the form of an upload as a stream: the archive is stored while it arrives, and little else is kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

CHUNK = 64 * 1024
"""The size of one read of a body."""
PADDING = 100
"""The bytes around a boundary, and a few more."""
_LINE_BREAK = re.compile(rb"[\r\n]")
MOST_HEADERS = 256 * 1024
"""The maximum size of the headers of one part, including a chunk."""
MOST_PARTS = 5000
"""PyPI knows a thousand classifiers; each is a part."""
LONGEST_VALUE = 4096


DIGESTS: dict[str, Callable[[], Any]] = {
    "md5_digest": partial(hashlib.md5, usedforsecurity=False),
    "sha256_digest": hashlib.sha256,
    "blake2_256_digest": partial(hashlib.blake2b, digest_size=32),
}
"""The field names of the digests that clients send."""
OF_ORDERS = ("spec", "reason", "dry_run")
"""The fields of yank, unyank and remove."""
NEEDED = frozenset((":action", "protocol_version", "name", "version", "filetype", *DIGESTS, *OF_ORDERS))
"""The fields that are read; others repeat the metadata in the archive."""
CONTENT = "content"


class MalformedError(ValueError):
    """The body is not a valid form; the message says why."""


class Sink(Protocol):
    """Stores the archive."""

    def write(self, data: bytes) -> object:
        """Store some bytes."""


@dataclass(slots=True, kw_only=True)
class UploadForm:
    """The fields of an upload, its filename, and the hashes of its bytes."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    size: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    """The hashes in hexadecimal, by the names of the form's fields."""


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
        raise MalformedError("The body is not a complete multipart form.") from error


class FormReader:
    """Parses a form while it arrives. Raises MalformedError for an invalid form, and what the sink raises."""

    def __init__(self, boundary: str, sink: Sink) -> None:
        self._decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), MOST_HEADERS, max_parts=MOST_PARTS)
        self._reading, self._margin = _Reading(sink), len(boundary) + PADDING
        self._held, self._is_whole = b"", False

    def feed(self, data: bytes) -> None:
        """Parse some more bytes, at most `CHUNK`.

        No portion passed to the decoder ends within a boundary: it would take the line break before `--boundary-` as
        part of the file, if it has not seen the last `-` yet (werkzeug 3.1.9).
        """
        data = self._held + data
        found = _LINE_BREAK.search(data, max(0, len(data) - self._margin))
        cut = len(data) if found is None else found.start()
        self._held = data[cut:]
        if cut:
            self._decode(data[:cut])

    def end(self) -> UploadForm:
        """End the form, and return it."""
        for data in (self._held, None):
            self._decode(data)
        return self._reading.form()

    def _decode(self, data: bytes | None) -> None:
        if self._is_whole:  # ignore what follows the form
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
    """The values so far, and the part that is being read."""

    def __init__(self, sink: Sink) -> None:
        self._form, self._sink, self._hashing = UploadForm(), sink, _Hashing()
        self._take: Callable[[bytes], None] = _dropped

    def take(self, event: Field | File | Data) -> None:
        """Continue with the current part, or start the next one."""
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
        """The complete form."""
        self._form.size, self._form.digests = self._hashing.size, self._hashing.hexadecimal()
        return self._form


def _dropped(_: bytes) -> None:
    """Discard it."""
