"""Orders: STATE/orders/<number>.json from the command line, <number>.answer.json back from the writer.

An order is only valid as long as its sender waits for the answer: the sender holds a lock on the file, which the
kernel releases when that process ends, however it ends. So a stale order is never carried out. A writer that starts
an order renames it to <number>.begun-<serial of the ledger's end>. After a kill in the middle, the next writer knows
by that which events belong to the order, and the sender whether it could still be withdrawn.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import re
import stat
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eggwatch.errors import FolderError
from eggwatch.linux.accounts import run_as_owner
from eggwatch.store import durable
from eggwatch.store.durable import Permissions

log = logging.getLogger("eggwatch")

UNREAD_SECONDS = 3600.0
LONGEST_ORDER = 1 << 24
"""Bytes; one that was confirmed at a terminal names each file, and a project may have ten thousand."""
_NAME = re.compile(r"([^.]+)\.(?:json|begun-(\d+))")
_FLOCK = "hhqqi"
"""struct flock of fcntl(2): type, whence, start, length, pid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingOrder:
    """An order whose sender waits; `after` is the ledger's last serial when a writer that died started it."""

    number: str
    data: dict[str, Any]
    after: int | None = None


class Given:
    """An order of ours in the box."""

    def __init__(self, folder: Path, number: str) -> None:
        self._folder, self.number = folder, number

    def answer(self) -> dict[str, Any] | None:
        """The answer, if it has come."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            data: dict[str, Any] = json.loads((self._folder / f"{self.number}.answer.json").read_bytes())
            return data
        return None

    def withdraw(self) -> bool:
        """Take it back; False if a writer has begun it, who may yet carry it out."""
        return durable.unlink(self._folder / f"{self.number}.json")

    def clear(self) -> None:
        """Leave nothing of it behind."""
        for path in sorted(self._folder.glob(f"{self.number}.*")):
            durable.unlink(path)


class OrderBox:
    """The folder through which orders and answers pass."""

    def __init__(self, state: Path, permissions: Permissions = durable.OURS) -> None:
        self.folder = state / "orders"
        self._permissions = permissions
        self._begun: dict[str, Path] = {}

    def prepare(self) -> None:
        """Create the folder, and delete unread answers and incomplete files of killed commands."""
        durable.make_folders(self.folder, self._permissions)
        self._begun.clear()
        limit = time.time() - UNREAD_SECONDS
        for path in sorted([*self.folder.glob("*.answer.json"), *self.folder.glob(".*.new")]):
            with contextlib.suppress(OSError):  # it has just been read, or is not an answer
                if path.lstat().st_mtime < limit:
                    durable.unlink(path)

    @contextlib.contextmanager
    def giving(self, data: dict[str, Any]) -> Iterator[Given]:
        """Give an order, for as long as a block lasts. FolderError if this account may not."""
        number = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        try:
            fd = self._leave(number, json.dumps(data).encode())
        except OSError as error:
            raise FolderError(
                f"{self.folder} can't be written to: {error.strerror}.",
                remedy=run_as_owner(self.folder.parent),
            ) from error
        given = Given(self.folder, number)
        try:
            yield given
        finally:
            with contextlib.suppress(OSError):
                given.clear()
            os.close(fd)

    def _leave(self, number: str, data: bytes) -> int:
        """Write an order, locked before anybody can see it; its descriptor holds the lock."""
        if not self.folder.exists() and os.stat(self.folder.parent).st_uid == os.geteuid():
            durable.make_folders(self.folder, self._permissions)
        path = self.folder / f"{number}.json"
        temporary = path.with_name(f".{path.name}.new")
        durable.changing("write", temporary)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temporary, flags, durable.UNFINISHED_FILE)
        try:
            hold(fd)
            durable.write_all(fd, data)
            self._permissions.apply(fd, self._permissions.file)
            durable.give_to_owner(fd, self.folder)
            durable.rename(temporary, path)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def pending(self) -> list[PendingOrder]:
        """The valid orders that this process has not started: those that a dead writer had started first, then by age.

        Orders whose sender is gone are deleted, and files that are not orders are set aside.
        """
        with contextlib.suppress(FileNotFoundError):
            found = [(name, match) for name in os.listdir(self.folder) if (match := _NAME.fullmatch(name))]
            found.sort(key=lambda one: (one[1][2] is None, one[0]))
            orders = (self._look(name, match) for name, match in found if match[1] not in self._begun)
            return [order for order in orders if order is not None]
        return []

    def _look(self, name: str, match: re.Match[str]) -> PendingOrder | None:
        path = self.folder / name
        try:
            text = _awaited(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._set_aside(path, str(error.strerror))
            return None
        if text is None:
            log.warning("orders   %s: discarded, its sender is no longer waiting", path)
            durable.unlink(path)
            return None
        return PendingOrder(number=match[1], data=parsed(text), after=int(match[2]) if match[2] else None)

    def _set_aside(self, path: Path, why: str) -> None:
        log.warning("orders   %s: not an order (%s); renamed to .odd-%s", path, why, path.name)
        durable.rename(path, path.with_name(f".odd-{path.name}"))

    def begin(self, order: PendingOrder, *, serial: int) -> bool:
        """Note that an order is being carried out, `serial` being the ledger's last; False if it was withdrawn."""
        begun = self.folder / f"{order.number}.begun-{serial if order.after is None else order.after}"
        if order.after is None:
            try:
                durable.rename(self.folder / f"{order.number}.json", begun)
            except FileNotFoundError:
                return False
        self._begun[order.number] = begun
        return True

    def answer(self, number: str, answer: dict[str, Any]) -> None:
        """Answer an order that was started, if its sender still waits, and delete it."""
        begun = self._begun[number]
        with contextlib.suppress(FileNotFoundError):
            if _awaited(begun) is not None:
                path = self.folder / f"{number}.answer.json"
                durable.replace(path, json.dumps(answer).encode(), self._permissions)
        durable.unlink(begun)
        del self._begun[number]


def _awaited(path: Path) -> bytes | None:
    """The text of an order, None if its sender is gone. Raises OSError if it is not a readable file."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return read_awaited(fd)
    finally:
        os.close(fd)


def hold(fd: int) -> None:
    """Mark an order as valid as long as this descriptor is open."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


def read_awaited(fd: int) -> bytes | None:
    """The text of an open order, None if its sender is gone."""
    # Asking takes nothing; and only who may write to the file can hold what is asked for.
    wanted = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    held = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, wanted))
    return None if held[0] == fcntl.F_UNLCK else os.read(fd, min(os.fstat(fd).st_size, LONGEST_ORDER))


def parsed(text: bytes) -> dict[str, Any]:
    """The JSON object of an order; empty if it is not one."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
