"""`verify` and `repair`: a line a project, and with -v one for every page; numbers agree with their nouns."""

from __future__ import annotations

import pytest

from eggwatch.cli.output import Bar
from eggwatch.model.counting import counted
from tests.cli.program import Site


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_a_project_is_one_line_and_its_pages_with_v(filled: Site, command: str) -> None:
    for page in (filled.public / "simple/demo").iterdir():
        page.unlink()
    (filled.public / "simple/other/index.html").write_text("defaced")
    more = ["--dry-run"] if command == "repair" else []
    text = filled.call(command, *more).out
    assert f"{filled.public}/simple/demo: 6 pages are missing or differ" in text
    assert f"{filled.public}/simple/other/index.html: differs from a fresh render" in text
    assert text.count("simple/") == 2 and "7 findings" in text
    assert filled.call(command, "-v", *more).out.count("simple/") == 7


def test_one_is_one(filled: Site) -> None:
    """In the last line of `verify`, of `repair` and of `backup`, and in `status`."""
    assert filled.call("remove", "demo").code == filled.call("remove", "other", "--now").code == 0
    site_lines = filled.call("verify").out + filled.call("backup", filled.base / "kept").out
    assert "(0 files, " in site_lines
    (filled.public / "index.html").unlink()
    assert "main: 1 finding (" in filled.call("verify").out
    assert "main: 1 finding, 0 to fix by hand" in filled.call("repair", "--dry-run").out


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_numbers_agree_with_their_nouns(number: int, text: str) -> None:
    assert counted(number, "file") == text
    assert counted(number, "index", "indexes").endswith("x" if number == 1 else "es")


def test_an_import_estimates_by_what_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes come in groups: the first one says little of the speed, and nothing is guessed in the first moment."""
    now = [0.0]
    monkeypatch.setattr("eggwatch.cli.output.time.monotonic", lambda: now[0])
    bar = Bar("import", 1000)
    bar.step(done=500)
    assert "left" not in bar._line()
    now[0] = 5.0
    bar.step(done=500)
    assert "100/s, 5 s left" in bar._line()
    little = Bar("import", 1_000_000)
    now[0] = 10.0
    little.step(done=1)
    assert "left" not in little._line()
