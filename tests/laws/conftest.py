"""Tests of the laws render READMEs in their own process."""

from __future__ import annotations

import pytest

from eggwatch.inspection.readmes import Readmes
from tests.laws import readmes_here


@pytest.fixture(autouse=True)
def _readmes_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of the site itself have the real process."""
    if request.path.name != "test_site.py":
        monkeypatch.setattr(Readmes, "html", readmes_here.html)
