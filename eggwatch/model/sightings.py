"""What was seen in the drop folder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Identity(NamedTuple):
    """Identifies the bytes at a path, as far as stat(2) can without reading them.

    A scan makes one of each file and compares it: that of a dataclass takes four times as long.
    """

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Lease(StrEnum):
    """What a read lease says about writers (fcntl(2), F_SETLEASE)."""

    FREE = "free"
    """Granted: no process has the file open for writing."""
    HELD = "held"
    """Refused: a process has it open for writing."""
    UNPROVEN = "unproven"
    """Not to be had by this account, or worthless on this file system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One file in the drop folder.

    `path` is relative to the drop folder, with undecodable bytes as surrogates; `filename` is the name that it is
    claimed under (the last part of `path`, unless the file was found while it was being retired).
    `since` is when this identity was first seen, in seconds of the process's own monotonic clock.
    """

    path: str
    filename: str
    identity: Identity
    uid: int
    since: float
    lease: Lease = Lease.UNPROVEN
    open_to: str | None = None
    """Which accounts other than the owner may have it open for writing."""
    is_whole: bool = False
    """Whether it got its name only when it was whole, so that nothing more will come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was recorded about an imported archive where it was before.

    `upload_time` is RFC 3339, never later than the import; `yanked` is the reason, empty if none was given,
    and None for a file that is not yanked.
    """

    upload_time: str
    uploader: str | None = None
    yanked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A private copy of one upload, or of one archive of an imported stock, in the spool.

    `number` orders claims; `sha256` and `size` are those of the copy, `identity` that of the original when
    it was read; `uploader` is the account's name at the time, else `uid:1043`; both are None if unknown.
    `doubt` says why the uploader may not have written it, else None. `imported` is None for an upload.
    """

    number: int
    path: str
    filename: str
    identity: Identity
    sha256: str
    size: int
    uid: int | None
    uploader: str | None
    at: str
    doubt: str | None = None
    imported: Imported | None = None
