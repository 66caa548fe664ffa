"""Tests of the laws render READMEs in their own process; some have a folder in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.inspection.readmes import Readmes
from tests.laws import readmes_here
from tests.laws.at_work import quick_folder


@pytest.fixture(autouse=True)
def _readmes_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of the site itself have the real process."""
    if request.path.name != "test_site.py":
        monkeypatch.setattr(Readmes, "html", readmes_here.html)


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder in memory."""
    with quick_folder() as folder:
        yield folder
