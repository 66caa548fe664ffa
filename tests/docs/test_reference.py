"""The reference of the command line and the manual page say what the program says of itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from docs.reference import ROOT, pages

PAGES = pages()
MANUAL = ROOT / "contrib/man/eggwatch.1"


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_the_reference_is_current(path: Path) -> None:
    """`python -m docs.reference` would change nothing."""
    assert (ROOT / path).read_text("utf-8") == PAGES[path]


@pytest.mark.parametrize("path", [path for path in PAGES if path.suffix == ".rst"], ids=str)
def test_the_reference_is_sound(path: Path) -> None:
    """docutils finds no fault with it, also without Sphinx."""
    docutils = pytest.importorskip("docutils.core")
    docutils.publish_string(PAGES[path], settings_overrides={"report_level": 2, "halt_level": 2})


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_manual_page_is_sound() -> None:
    """groff warns of nothing, and options are shown with the hyphens that are typed."""
    done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-bcu", MANUAL], capture_output=True, check=True)
    assert (done.stderr, b"--config FILE" in done.stdout) == (b"", True)
