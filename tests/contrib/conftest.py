"""What the booted machines install from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contrib.wheelhouse import fill
from tests.once import once_a_run


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """wheels/ with this code, wheels-0.98/ with a newer version of it, wheels-0.99/ with one that does not work."""
    return once_a_run(tmp_path_factory, "wheelhouse", fill)
