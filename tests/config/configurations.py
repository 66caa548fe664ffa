"""Configuration files for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.config.loading import load
from eggwatch.errors import ConfigurationError

FOLDERS = 'drop = "drop"\npublic = "public"\nstate = "state"\n'


def written(folder: Path, text: str) -> Path:
    """A configuration file with this text."""
    path = folder / "eggwatch.toml"
    path.write_text(text, "utf-8")
    return path


def problems(folder: Path, text: str) -> str:
    """What is said against a configuration."""
    with pytest.raises(ConfigurationError) as caught:
        load(written(folder, text))
    return str(caught.value)
