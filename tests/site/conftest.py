"""The sample index, as a folder and behind our own web server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, browser
from tests.running import Daemon
from tests.site.sample import sample_site


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the index; its pages are in `public`, those of one with site = "off" in `bare/public`."""
    return sample_site(tmp_path_factory)


@pytest.fixture(scope="session")
def served(sample: Path) -> Iterator[str]:
    """The URL of its pages, behind our own web server with its Content-Security-Policy."""
    command = [sys.executable, "-m", "eggwatch", "--config", sample / "eggwatch.toml", "serve", "--listen", "0"]
    with Daemon(command) as server:
        yield server.wait_for(r"http://\S+/")[0].removesuffix("simple/")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Browser]:
    """One tab of Chromium, which must have nothing to complain of."""
    with browser(tmp_path / "profile") as opened:
        yield opened
        assert opened.messages == []
