"""The lock of one index: whoever holds it is the only writer."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from pathlib import Path

from eggwatch.errors import FolderError, LockHeldError
from eggwatch.store import durable
from eggwatch.store.accounts import run_as_owner
from eggwatch.store.durable import Permissions

LOOKS = 1000


class Lock:
    """An flock(2) on STATE/lock, which the kernel takes back when the process ends, however it ends."""

    def __init__(self, path: Path, permissions: Permissions = durable.OURS) -> None:
        self.path = path
        self._permissions = permissions
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock. LockHeldError names who has it; FolderError if this account may not."""
        fd = self._open()
        if not _taken(fd):
            os.close(fd)
            raise self._held()
        self._fd = fd
        durable.changing("write", self.path)
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "command": " ".join(sys.argv)}).encode() + b"\n", 0)

    def _open(self) -> int:
        durable.changing("write", self.path)
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            remedy = "Mount it writable." if error.errno == errno.EROFS else run_as_owner(self.path.parent)
            raise FolderError(f"{self.path} can't be opened: {error.strerror}.", remedy=remedy) from error
        if os.fstat(fd).st_uid == os.geteuid():
            self._permissions.apply(fd, self._permissions.file)
        return fd

    def _held(self) -> LockHeldError:
        pid, command = self.holder() or (0, "an unknown command")
        return LockHeldError(
            f"Process {pid} ({command}) is at work on this index and holds {self.path}.",
            remedy="Stop it first, or let it do the work: yank, remove, publish and 'run --once' ask it by themselves.",
        )

    def holder(self) -> tuple[int, str] | None:
        """(pid, command) of whoever wrote the lock last."""
        try:
            data = json.loads(self.path.read_bytes())
            return int(data["pid"]), str(data["command"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_held(self) -> bool:
        """Whether somebody is at work; needs only the right to read."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return _has_writer(fd)
        finally:
            os.close(fd)

    def release(self) -> None:
        """Give the lock back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _taken(fd: int) -> bool:
    """Take the lock, if nobody else has it; somebody who is just looking (`_has_writer`) is waited out."""
    import fcntl

    for _ in range(LOOKS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if _has_writer(fd):
                return False
            fcntl.flock(fd, fcntl.LOCK_UN)
            time.sleep(0.001)
    return False


def _has_writer(fd: int) -> bool:
    """Whether somebody holds the lock. This descriptor shares it from then on, if nobody does."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
