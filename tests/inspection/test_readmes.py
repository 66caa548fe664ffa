"""READMEs, rendered by their own process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eggwatch.errors import RendererError
from eggwatch.inspection import readmes
from eggwatch.inspection.readmes import Readmes

MARKDOWN = "text/markdown"


def test_a_readme_that_was_rendered_takes_no_process_when_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = Readmes()
    first = renderer.html("# A title", MARKDOWN)
    renderer.close()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert first is not None
    assert renderer.html("# A title", MARKDOWN) == first
    with pytest.raises(RendererError):
        renderer.html("# Another title", MARKDOWN)
    with pytest.raises(RendererError):
        renderer.html("# A title", "text/x-rst")


def test_the_first_of_too_many_rendered_readmes_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readmes, "MOST_KEPT", 150)
    renderer = Readmes()
    texts = [f"# Title {number}" for number in range(20)]
    shown = {text: renderer.html(text, MARKDOWN) for text in texts}
    renderer.close()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert renderer.html(texts[-1], MARKDOWN) == shown[texts[-1]]
    with pytest.raises(RendererError):
        renderer.html(texts[0], MARKDOWN)
