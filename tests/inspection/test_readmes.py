"""READMEs, rendered by their own process."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
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


def test_a_readme_that_was_begun_is_kept_when_another_is_asked_for_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = Readmes()
    renderer.begin("# The next one", MARKDOWN)
    renderer.begin("# One too many", MARKDOWN)
    this = renderer.html("# This one", MARKDOWN)
    renderer.close()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    following = renderer.html("# The next one", MARKDOWN)
    assert this is not None and "This one" in this
    assert following is not None and "The next one" in following
    with pytest.raises(RendererError):
        renderer.html("# One too many", MARKDOWN)


def test_a_readme_that_is_rendered_is_shown_when_the_process_has_died_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = Readmes()
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/bin/true")
        renderer.begin("# The last one", MARKDOWN)
        assert renderer.html("# The last one", MARKDOWN) is None
        renderer.begin("# The last one", MARKDOWN)
    this = renderer.html("# This one", MARKDOWN)
    renderer.close()
    assert this is not None and "This one" in this


def test_a_readme_whose_process_was_killed_is_rendered_by_another() -> None:
    """A page that had its text instead would stay so until it changes."""
    renderer = Readmes()
    assert renderer.html("# The first one", MARKDOWN) is not None
    assert renderer._process is not None
    os.kill(renderer._process.pid, signal.SIGSTOP)  # it does not answer before
    renderer.begin("# The next one", MARKDOWN)
    os.kill(renderer._process.pid, signal.SIGKILL)
    following = renderer.html("# The next one", MARKDOWN)
    renderer.close()
    assert following is not None and "The next one" in following


def test_the_version_of_the_renderer_is_that_of_all_that_it_is_made_of() -> None:
    packages = [("readme_renderer", "readme-renderer"), ("nh3", "nh3"), ("docutils", "docutils")]
    packages += [("pygments", "Pygments"), ("comrak", "comrak")]
    wanted = sorted(f"{folder}-{version(package)}" for folder, package in packages)
    assert (readmes.renderer_version() or "").split() == wanted
