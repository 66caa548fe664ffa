"""The C library, for system calls that Python's own modules do not have."""

from __future__ import annotations

import ctypes
import functools
import os


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library, loaded once: that takes longer than most of its calls, of which one upload needs dozens."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    """Raise OSError if a call has failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
