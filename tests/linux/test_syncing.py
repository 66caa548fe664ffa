"""Files and folders are synced side by side, by the kernel if it does so here."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.linux import syncing

pytestmark = pytest.mark.skipif(not syncing.by_kernel([]), reason="this kernel, or a filter, does not offer it")


@pytest.fixture
def fds(tmp_path: Path) -> Iterator[list[int]]:
    """Open files that were just written, and their folder."""
    for number in range(4):
        (tmp_path / str(number)).write_bytes(os.urandom(5000))
    opened = [os.open(path, os.O_RDONLY) for path in (*tmp_path.iterdir(), tmp_path)]
    yield opened
    for fd in opened:
        os.close(fd)


def test_files_and_folders_are_synced(fds: list[int]) -> None:
    assert syncing.by_kernel(fds)
    assert syncing.by_kernel(fds[:1])


def test_where_one_can_not_be_synced_so_nothing_is_promised(fds: list[int]) -> None:
    """A pipe has nothing that could last; whoever asks syncs one by one, and meets the error."""
    pipe = os.pipe()
    assert not syncing.by_kernel([*fds, pipe[0]])
    with pytest.raises(OSError, match="Invalid argument") as error:
        syncing.sync_all([*fds, pipe[0]])
    assert error.value.errno == errno.EINVAL
    for fd in pipe:
        os.close(fd)


def test_more_than_the_kernel_takes_at_a_time_are_left_to_others(fds: list[int]) -> None:
    assert not syncing.by_kernel(fds[:1] * (syncing.MOST + 1))


def test_what_nobody_waits_for_any_more_is_not_taken_for_another(
    fds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal ended the waiting; the kernel tells later what has come of it."""

    def interrupted(*_: object) -> list[int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(syncing._Queue, "_wait", interrupted)
        syncing.by_kernel(fds)
    for _ in range(100):
        assert syncing.by_kernel(fds)


def test_a_process_that_was_forked_syncs_too(fds: list[int]) -> None:
    assert syncing.by_kernel(fds)
    child = os.fork()
    if child == 0:
        os._exit(0 if syncing.by_kernel(fds) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_without_the_kernel_threads_do_it(fds: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "by_kernel", lambda _: False)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    syncing.sync_all(fds)
    assert sorted(synced) == sorted(fds)
