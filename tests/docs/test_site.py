"""The documentation's site is built without a warning, and asks nothing of other servers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.reference import ROOT

FETCHED = re.compile(r"""(?:src(?:set)?=|<link[^>]*href=|url\(|@import)\s*["']?\s*(?:https?:)?//[^"')>]*""")
"""What a browser would load by itself from elsewhere."""


@pytest.mark.parts
def test_the_site_is_sound(tmp_path: Path) -> None:
    """Sphinx warns of nothing, no page is left out of the menu, and no page loads anything from elsewhere."""
    pytest.importorskip("furo")
    command = [sys.executable, "-m", "sphinx", "--quiet", "-W", "--keep-going", "-d", str(tmp_path / "doctrees")]
    done = subprocess.run([*command, "docs", str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    built = {path.relative_to(tmp_path / "site"): path for path in (tmp_path / "site").rglob("*")}
    assert {Path(f"{path.stem}.html") for path in (ROOT / "docs").glob("*.rst")} <= built.keys()
    texts = {name: path.read_text("utf-8") for name, path in built.items() if path.suffix in (".html", ".css")}
    assert {name: found for name, text in texts.items() if (found := FETCHED.findall(text))} == {}
    assert [name for name, text in texts.items() if '<nav class="contents' in text] == [], "furo refuses them"


def test_what_is_loaded_from_elsewhere_is_found() -> None:
    """The search above knows scripts, pictures, styles and fonts from links that a reader may follow."""
    elsewhere = (
        '<script src="https://cdn.example.com/x.js">', '<img src="//example.com/x.png">', "url('https://example.com/f')",
        '<link rel="stylesheet" href="http://example.com/x.css">', '@import "https://example.com/x.css"',
    )  # fmt: skip
    assert all(map(FETCHED.search, elsewhere))
    assert not any(map(FETCHED.search, ('<a href="https://example.com/">', '<script src="_static/x.js">')))
