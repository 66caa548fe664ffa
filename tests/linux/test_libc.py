"""Calls of the C library."""

from __future__ import annotations

import errno

import pytest

from eggwatch.linux.libc import check, libc


def test_a_call_that_fails_raises_what_the_kernel_says() -> None:
    """Otherwise a failed sync would count as one that is done."""
    with pytest.raises(OSError, match="Bad file descriptor") as raised:
        check(libc().syncfs(-1))
    assert raised.value.errno == errno.EBADF


def test_a_call_that_succeeds_raises_nothing() -> None:
    check(libc().getppid())
