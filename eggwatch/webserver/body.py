"""The body of an upload while waitress receives it: in a file without a name, in the door's own folder."""

from __future__ import annotations

import errno
import os
from io import BytesIO
from typing import IO

from eggwatch.errors import FolderError
from eggwatch.webserver.incoming import Incoming

CHECKED_BYTES = 16 << 20
"""After so many bytes it is looked whether there is still room on the disk."""


class Body:
    """Takes bytes as they come. What goes wrong is raised when somebody reads them, and the rest is dropped."""

    def __init__(self, incoming: Incoming, *, most: int, min_free: int) -> None:
        self._incoming, self._most, self._min_free = incoming, most, min_free
        self._file: IO[bytes] | None = None
        self._error: OSError | None = None
        self._size = self._checked = 0

    def append(self, data: bytes) -> None:
        """Some more of it."""
        self._size += len(data)
        if self._error is None:
            try:
                self._write(data)
            except OSError as error:
                self._error = error
                self.close()

    def _write(self, data: bytes) -> None:
        if self._size > self._most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        if self._file is None:
            self._file = self._opened()
        if self._size >= self._checked:
            self._check_room(self._file)
        self._file.write(data)

    def _opened(self) -> IO[bytes]:
        try:
            return self._incoming.unnamed()
        except FolderError as error:
            raise OSError(errno.EACCES, error.message) from error

    def _check_room(self, file: IO[bytes]) -> None:
        status = os.fstatvfs(file.fileno())
        if status.f_bavail * status.f_frsize < self._min_free + CHECKED_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._checked = self._size + CHECKED_BYTES

    def getfile(self) -> IO[bytes]:
        """The whole body, from its beginning."""
        if self._error is not None:
            return _Lost(self._error)
        if self._file is None:
            return BytesIO()
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Nobody needs it any more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __len__(self) -> int:
        return self._size


class _Lost(BytesIO):
    """A body that could not be kept."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._why = error

    def read(self, _: int | None = -1, /) -> bytes:
        """Say why."""
        raise self._why
