"""Daemons and servers for the uploaders' tests, each in folders of its own, so that tests may run side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.uploaders.accounts import Machine
from tests.uploaders.accounts import machine as new_machine
from tests.uploaders.running import IndexDaemon, running
from tests.uploaders.servers import Sshd, need, running_sshd


@pytest.fixture(scope="module")
def open_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexDaemon]:
    """One daemon for a module, with the default linger; in the end the drop folder is empty."""
    with running(tmp_path_factory.mktemp("index")) as daemon:
        yield daemon
        daemon.wait_empty()


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[Callable[..., IndexDaemon]]:
    """`start_daemon(**settings)`: a daemon of the test's own, with a short linger."""
    with ExitStack() as stack:

        def start(name: str = "index", **settings: str) -> IndexDaemon:
            return stack.enter_context(running(tmp_path / name, **{"linger": '"300ms"', **settings}))

        yield start


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., IndexDaemon]]:
    """`shared_daemon(**settings)`: one for all tests of a module that ask for these settings; its linger is short."""
    with ExitStack() as stack:

        @cache
        def shared(**settings: str) -> IndexDaemon:
            return stack.enter_context(running(tmp_path_factory.mktemp("index"), **{"linger": '"300ms"', **settings}))

        yield shared


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real sshd, as root."""
    if os.geteuid() != 0:
        pytest.skip("sshd needs root")
    need("scp", "sftp", "rsync")
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with accounts of its own."""
    if os.geteuid() != 0:
        pytest.skip("accounts need root")
    with new_machine() as machine:
        yield machine
