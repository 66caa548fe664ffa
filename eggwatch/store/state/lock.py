"""The lock of one index: whoever holds it is the only writer."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from pathlib import Path

from eggwatch.errors import FolderError, FolderTakenError, LockHeldError
from eggwatch.linux.accounts import run_as_owner
from eggwatch.store import durable
from eggwatch.store.durable import PRIVATE, Permissions

LOOKS = 1000


class Lock:
    """An flock(2) on STATE/lock.owner, which the kernel releases when the process ends, however it ends.

    Any account that may read a file may lock it, so this file is only readable by its owner. STATE/lock, which names
    the holder and is also locked if possible, is for other accounts to look at.
    """

    def __init__(self, path: Path, permissions: Permissions = durable.OURS) -> None:
        self.path = path
        self._owned = path.with_name(f"{path.name}.owner")
        self._permissions = permissions
        self._fds: list[int] = []

    def acquire(self) -> None:
        """Take the lock. LockHeldError names who has it; FolderError if this account may not."""
        try:
            self._fds.append(self._open(self._owned, PRIVATE))
            self._fds.append(self._open(self.path, self._permissions))
            if not _taken(self._fds[0]):
                raise self._held()
            _taken(self._fds[1])
            durable.changing("write", self.path)
            os.ftruncate(self._fds[1], 0)
            holder = {"pid": os.getpid(), "command": " ".join(sys.argv)}
            os.pwrite(self._fds[1], json.dumps(holder).encode() + b"\n", 0)
        except BaseException:
            self.release()
            raise

    def take_folder(self, folder: Path) -> None:
        """Take a folder that other configurations may name as well, where its file system can lock folders.

        FolderTakenError if one of them has it; that is no LockHeldError: nobody works on this index.
        """
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._fds.append(fd)
        try:
            is_taken = _taken(fd)
        except OSError:  # NFS
            return
        if not is_taken:
            raise FolderTakenError(
                f"Another process publishes into {folder.parent} and uses another STATE.",
                remedy="Give each index a PUBLIC of its own: see the configuration of that process.",
            )

    def _open(self, path: Path, permissions: Permissions) -> int:
        durable.changing("write", path)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            remedy = "Mount it writable." if error.errno == errno.EROFS else run_as_owner(path.parent)
            raise FolderError(f"{path} can't be opened: {error.strerror}.", remedy=remedy) from error
        if os.fstat(fd).st_uid == os.geteuid():
            permissions.apply(fd, permissions.file)
        durable.give_to_owner(fd, path.parent)
        return fd

    def _held(self) -> LockHeldError:
        holder = self.holder()
        who = f"Process {holder[0]} ({holder[1]})" if holder is not None and _is_alive(holder[0]) else "Another process"
        return LockHeldError(
            f"{who} is using this index and holds {self.path}.",
            remedy="Stop it first. (yank, remove, publish and 'run --once' work beside a running daemon.)",
        )

    def holder(self) -> tuple[int, str] | None:
        """(pid, command) of whoever wrote the lock last."""
        try:
            data = json.loads(self.path.read_bytes())
            return int(data["pid"]), str(data["command"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_held(self) -> bool:
        """True if a writer runs; only needs the permission to read STATE/lock."""
        for path in (self._owned, self.path):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            except OSError:
                continue  # not for this account
            try:
                return _has_writer(fd)
            finally:
                os.close(fd)
        return False

    def close(self) -> None:
        """Give the lock back, at the end of a block."""
        self.release()

    def release(self) -> None:
        """Give the lock back."""
        fds, self._fds = self._fds, []
        for fd in reversed(fds):
            os.close(fd)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _taken(fd: int) -> bool:
    """Take the lock, if no other process has it; waits for processes that only test it (`_has_writer`)."""
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
    """True if another process holds the lock. If none does, this descriptor shares it from then on."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
