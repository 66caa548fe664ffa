"""Linux capabilities (capabilities(7)): effective around the few system calls that need them, and nowhere else.

Leases, and reading and emptying folders of other accounts, need capabilities. A daemon that was given some as a system
user keeps them out of its effective set except in blocks under `raised`, and no process that it starts has any.
Root keeps all of them: without them it would only be the owner of its own files.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import ContextDecorator, suppress
from typing import Self

from eggwatch.linux.libc import check, libc

CAPABILITIES = {"CAP_DAC_OVERRIDE": 1, "CAP_DAC_READ_SEARCH": 2, "CAP_FOWNER": 3, "CAP_LEASE": 28}
"""The capabilities that claiming and retiring use, by the kernel's numbers; `lower` gives up all others."""

_VERSION_3 = 0x20080522
_PR_CAPBSET_DROP = 24
_HIGHEST = 63

Sets = tuple[int, int, int]
"""The effective, permitted and inheritable set of a thread, as bits."""


class _Held:
    """What `lower` found: the bits that `raised` makes effective."""

    bits = 0


def sets() -> Sets:
    """The capability sets of this thread; raises OSError if the kernel does not report them."""
    header, data = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    check(libc().capget(header, data))
    effective, permitted, inheritable = (data[i] | data[i + 3] << 32 for i in range(3))
    return effective, permitted, inheritable


def _set(effective: int, permitted: int, inheritable: int) -> None:
    words = [bits >> shift & 0xFFFFFFFF for shift in (0, 32) for bits in (effective, permitted, inheritable)]
    check(libc().capset((ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)(*words)))


def lower() -> None:
    """Keep what claiming and retiring can use, but not effective, and give the rest up; root keeps everything.

    Call it before the first thread is started: capabilities belong to threads, which inherit them.
    """
    if not sys.platform.startswith("linux") or os.geteuid() == 0:
        return
    _, permitted, _ = sets()
    if not permitted:
        return  # nothing to give up or to pass on; and a unit may forbid capset(2)
    _Held.bits = permitted & sum(1 << bit for bit in CAPABILITIES.values())
    _set(0, _Held.bits, 0)  # an empty inheritable set empties the ambient one: nothing passes execve(2)


class raised(ContextDecorator):  # noqa: N801 - read as a verb: `with raised():`
    """Use the capabilities for the length of a block; blocks can be nested. Start no thread in it.

    A class, because one upload enters dozens of blocks, and a generator for each would take longer than their contents.
    """

    _before: Sets | None

    def _recreate_cm(self) -> Self:
        """As a decorator: capabilities are raised during each call."""
        return type(self)()

    def __enter__(self) -> None:
        self._before = sets() if _Held.bits else None
        if self._before is not None:
            _set(_Held.bits, *self._before[1:])

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            _set(*self._before)


def held() -> list[str]:
    """The names of the capabilities that `raised` makes effective, for the log."""
    return [name for name, bit in CAPABILITIES.items() if _Held.bits >> bit & 1]


def become(uid: int) -> None:
    """If root runs this process, switch to another account, unless the namespace does not have that account."""
    if os.geteuid() == 0:
        _empty_bounding_set()
        with suppress(OSError):
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)


def forsake() -> None:
    """Give up every capability for good, in every set; for processes that read untrusted files."""
    _empty_bounding_set()
    _set(0, 0, 0)


def _empty_bounding_set() -> None:
    """Needs CAP_SETPCAP. A process without it cannot gain any either, once no_new_privs is set."""
    prctl = libc().prctl
    for bit in range(_HIGHEST):
        prctl(_PR_CAPBSET_DROP, bit, 0, 0, 0)
