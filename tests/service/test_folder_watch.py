"""Waiting for changes in folders, and being told to end."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from eggwatch.service.folder_watch import FolderWatch


class Finalized:
    """What is told to end while it is deleted: Python ignores what is raised there."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_ends_the_wait_also_if_its_exception_gets_lost(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    try:
        with closing(FolderWatch([tmp_path], skipped=[])) as watch:
            watch.end_on(signal.SIGUSR1)
            thing = Finalized()
            del thing
            watch.wait(3600.0)
            assert watch.is_stopped
    finally:
        signal.signal(signal.SIGUSR1, before)
