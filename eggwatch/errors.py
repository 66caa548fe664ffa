"""What can go wrong for the operator. Every error says what to do next."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def in_words(error: BaseException) -> str:
    """An error without the number that the kernel gives it: 'Read-only file system: /srv/drop/receipts'."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    where = error.filename2 or error.filename
    return error.strerror if where is None else f"{error.strerror}: {where}"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError its path, where the call that failed knew only a descriptor."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


class EggwatchError(Exception):
    """Something that the operator can fix: `message` says what and where, `remedy` how.

    `exit_code` is the status with which the command line ends (docs/contract.rst: 1 no, 2 usage, configuration
    or unusable folders, 3 lock held, 4 timeout).
    """

    exit_code = 2

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class ConfigurationError(EggwatchError):
    """The configuration names wrong keys, values or folders; all of them at once."""


class NoIndexError(EggwatchError):
    """No configuration and no ./drop ./public ./state here."""


class FolderError(EggwatchError):
    """A folder is missing, not ours, or cannot do what eggwatch needs (linking, writing)."""


class FolderTakenError(FolderError):
    """Another process, with another configuration, is the writer of PUBLIC."""

    exit_code = 3


class RendererError(EggwatchError):
    """What renders pages could not be started, or fails."""


class LedgerError(EggwatchError):
    """The ledger is missing, damaged or older than the published tree: nothing is rendered."""


class NewerStateError(LedgerError):
    """The state was written by a newer eggwatch: nothing is touched."""


class LockHeldError(EggwatchError):
    """Another process is the writer of this index."""

    exit_code = 3


class TimeoutReachedError(EggwatchError):
    """The answer did not come within --timeout."""

    exit_code = 4


class OlderDaemonError(EggwatchError):
    """The daemon at work is of a version that does not know all of an order."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="Restart it, then give the order again.")


class NotFoundError(EggwatchError):
    """The index holds nothing under that name."""

    exit_code = 1


class InstallationError(EggwatchError):
    """Something could not be installed on this machine."""

    exit_code = 1


DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
UNWRITABLE = (*DISK_FULL, errno.EROFS)
OF_DISKS = (*UNWRITABLE, errno.EIO)
"""What a disk says that is full or fails."""


def may_pass(error: BaseException) -> bool:
    """Whether an error may be over without anybody's changing the configuration."""
    cause = error.__cause__
    return isinstance(error, OSError) or (isinstance(cause, OSError) and cause.errno in OF_DISKS)
