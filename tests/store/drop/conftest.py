"""Drop folders and the answers in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import Drop


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """An empty drop folder."""
    (tmp_path / "drop").mkdir()
    return Drop(tmp_path / "drop", ("wheel", "sdist"))


@pytest.fixture
def answers(drop: Drop, tmp_path: Path) -> Answers:
    """Answers for a drop."""
    (tmp_path / "state").mkdir()
    return Answers(drop, tmp_path / "state")
