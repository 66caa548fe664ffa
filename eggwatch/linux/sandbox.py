"""The sandbox of inspectors: no capability, file, network or other process, even if an archive takes one over.

Two features of the kernel, each used if it is available: seccomp(2) allows the few system calls that are needed to
read an open archive and to answer; landlock(7) closes the file system except for Python's own code, which only the
rendering of READMEs continues to load. What is missing is reported, and the inspection continues.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eggwatch.linux import capabilities
from eggwatch.linux.libc import libc

MOST_FILES = 64

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_EPERM = 1


@dataclass(frozen=True, slots=True)
class _Machine:
    """An architecture: its AUDIT_ARCH (linux/audit.h), and which column of the tables has its numbers."""

    audit: int
    column: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}

_NONE = -1
_CALLS: dict[str, tuple[int, int]] = {
    "read": (0, 63), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67), "readv": (19, 65),
    "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233), "dup": (32, 23), "getpid": (39, 172),
    "sendto": (44, 206), "recvmsg": (47, 212), "exit": (60, 93), "gettimeofday": (96, 169),
    "getrusage": (98, 165), "sigaltstack": (131, 132), "gettid": (186, 178), "futex": (202, 98),
    "setitimer": (38, 103), "restart_syscall": (219, 128), "clock_gettime": (228, 113), "clock_nanosleep": (230, 115),
    "exit_group": (231, 94), "getrandom": (318, 278),
}  # fmt: skip
"""System calls for reading an open archive, computing and answering: (x86_64, aarch64)."""

_LOOKING: dict[str, tuple[int, int]] = {
    "stat": (4, _NONE), "lstat": (6, _NONE), "getcwd": (79, 17), "readlink": (89, _NONE),
    "getdents64": (217, 61), "newfstatat": (262, 79), "readlinkat": (267, 78), "statx": (332, 291),
}  # fmt: skip
"""System calls for loading modules, besides: they examine names and open nothing."""

_OPEN, _OPENAT, _FCNTL, _PRLIMIT = (2, _NONE), (257, 56), (72, 25), (302, 261)
_FCNTL_COMMANDS = (1, 2, 3, 1030)
"""F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC: none that sends signals, takes leases or locks."""
_READ_ONLY = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ_ONLY |= getattr(os, "O_LARGEFILE", 0) | 0o100000 | getattr(os, "O_NONBLOCK", 0)

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | _EPERM, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000

Instruction = tuple[int, int, int, int]
"""One instruction of classic BPF (linux/filter.h): code, jump if true, jump if false, operand."""


def enclose(*, loads_code: bool) -> list[str]:
    """Enter the sandbox for good; returns what is still open, in words for the operator.

    `loads_code` leaves Python's own folders readable. Everything else has to be imported before.
    """
    open_ = []
    capabilities.forsake()
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Python's own paths for modules, without the folder that was added for eggwatch itself.
    landlocked = _landlock([path for path in sys.path[1:] if os.path.isdir(path)] if loads_code else ())
    if not _seccomp(loads_code=loads_code):
        open_.append("the network" if landlocked else "files and the network")
    elif loads_code and not landlocked:
        open_.append("reading files")
    return open_


# landlock(7)

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE_AND_FOLDER = 1 << 2 | 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files each version of landlock supports, from the lowest bit; later versions support 16."""


def _landlock(readable: Iterable[str]) -> bool:
    """Close the file system (and from version 4 on TCP, from 6 on others' signals and sockets); False if it can't."""
    syscall = libc().syscall
    version = syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("=QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", _READ_FILE_AND_FOLDER, folder), 0)
            os.close(folder)
        return bool(syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


# seccomp(2)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _seccomp(*, loads_code: bool) -> bool:
    """Deny all system calls except those that are needed; False if the machine or kernel does not support this."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 2**32:
        return False
    code = b"".join(struct.pack("=HBBI", *line) for line in program(machine, loads_code=loads_code))
    filter_ = _Program(len(code) // 8, code)
    return bool(libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0) == 0)


def program(machine: _Machine, *, loads_code: bool) -> Iterator[Instruction]:
    """The filter: calls of another architecture kill the process; those of x32, and all not listed, fail with EPERM."""
    yield (_LOAD, 0, 0, _ARCHITECTURE)
    yield (_EQUAL, 1, 0, machine.audit)
    yield (_RETURN, 0, 0, _KILL)
    yield (_LOAD, 0, 0, _NUMBER)
    yield (_AT_LEAST, 0, 1, _X32)
    yield (_RETURN, 0, 0, _REFUSE)
    for numbers in [*_CALLS.values(), *(_LOOKING.values() if loads_code else ())]:
        yield from _if_called(numbers[machine.column], [(_RETURN, 0, 0, _ALLOW)])
    yield from _if_called(_FCNTL[machine.column], _argument_among(1, _FCNTL_COMMANDS))
    yield from _if_called(_PRLIMIT[machine.column], _argument_among(0, (0,)))
    if loads_code:
        yield from _if_called(_OPENAT[machine.column], _read_only(2))
        yield from _if_called(_OPEN[machine.column], _read_only(1))
    yield (_RETURN, 0, 0, _REFUSE)


def _if_called(number: int, then: list[Instruction]) -> list[Instruction]:
    """Instructions for one system call; `then` has to return, as other calls jump over it."""
    return [] if number == _NONE else [(_EQUAL, 0, len(then), number), *then]


def _argument_among(position: int, values: tuple[int, ...]) -> list[Instruction]:
    tests = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [_argument(position), *tests, (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]


def _read_only(position: int) -> list[Instruction]:
    others = ~_READ_ONLY & 0xFFFFFFFF
    return [_argument(position), (_ANY_BIT, 0, 1, others), (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]


def _argument(position: int) -> Instruction:
    """Load the lower half of an argument: all that are compared are ints (both machines are little-endian)."""
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * position)
