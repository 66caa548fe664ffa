"""Read leases, with which the kernel says whether a process has a file open for writing (fcntl(2), F_SETLEASE)."""

from __future__ import annotations

import ctypes
import errno

from eggwatch.linux import capabilities
from eggwatch.linux.libc import libc
from eggwatch.model.sightings import Lease

LOCAL_FILE_SYSTEMS = {
    0xEF53: "ext",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0x01021994: "tmpfs",
    0x858458F6: "ramfs",
    0x794C7630: "overlay",
    0x2FC12FC1: "zfs",
    0xF2F52010: "f2fs",
    0xCA451A4E: "bcachefs",
    0x3153464A: "jfs",
}
"""statfs(2) magic numbers where every writer passes through this kernel, so that a lease proves something."""

_REFUSED = (errno.EAGAIN, errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOLCK)


def file_system_magic(fd: int) -> int:
    """The `f_type` of the file system of an open file; 0 if unknown."""
    buffer = ctypes.create_string_buffer(512)
    if libc().fstatfs(fd, buffer) != 0:
        return 0
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF


def proves_something(fd: int) -> bool:
    """Whether a lease on this file system sees every writer (never on a network file system).

    Asked each time: the number of a device that was unmounted is given to the next one.
    """
    return file_system_magic(fd) in LOCAL_FILE_SYSTEMS


def take(fd: int) -> Lease:
    """Take a read lease; the caller ends it with `release`, or by closing the descriptor."""
    import fcntl

    if not proves_something(fd):
        return Lease.UNPROVEN
    try:
        with capabilities.raised():
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        return Lease.HELD if error.errno == errno.EAGAIN else Lease.UNPROVEN
    return Lease.FREE


def release(fd: int) -> None:
    """End a lease; a writer that waits for it can continue."""
    import fcntl

    with capabilities.raised():
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def unbroken(fd: int) -> bool:
    """True if a lease is still held, and no process is waiting to write."""
    import fcntl

    return bool(fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK)


def probe(fd: int) -> Lease:
    """Take the lease and release it at once, because a writer's open blocks as long as the lease is held."""
    answer = take(fd)
    if answer is Lease.FREE:
        release(fd)
    return answer


def ignore_breaks() -> None:
    """Ignore SIGIO: the kernel sends it when a leased file is opened for writing, and it would end this process."""
    import signal

    signal.signal(signal.SIGIO, signal.SIG_IGN)
