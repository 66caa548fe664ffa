"""Each benchmark runs, with the smallest numbers: a measurement that nobody can repeat is worth nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive_factory import wheel

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

pytestmark = [pytest.mark.parts, pytest.mark.long]

RUNS = {
    "all.py": (
        [
            "--archives=20",
            "--sizes",
            "10",
            "20",
            "--uploads=3",
            "--projects=10",
            "--requests=20",
            "--tree=3",
            "--stock=20",
            "--giant=1",
            "--ignored=5",
            "--wheels={stock}",
        ],
        "start over 20 archives: memory",
    ),
    "bombs.py": (["--bombs", "2"], "the worst delay of an honest upload is "),
    "search.py": (["20"], "another version changes "),
    "stock.py": (["--files", "20", "--projects-of", "4"], "start, a fresh process"),
    "tools.py": (["--uploads", "1"], "later than a second: "),
    "judging.py": ([], "of the speed of tarfile"),
    "top_projects.py": (["{stock}", "--kinds"], "wheels, profile default: 1 of 1 pass"),
}
"""Arguments, and what the report says."""


def test_every_benchmark_is_run() -> None:
    """A new one has to be named here."""
    assert {path.name for path in FOLDER.glob("*.py")} == set(RUNS)


@pytest.mark.long
@pytest.mark.parametrize("name", RUNS)
def test_a_benchmark_comes_to_its_end(tmp_path: Path, name: str) -> None:
    """Its report is there; how fast this machine is today is not on trial."""
    filename, data = wheel("six", "1.0")
    (tmp_path / filename).write_bytes(data)
    arguments, report = RUNS[name]
    command = [sys.executable, str(FOLDER / name), *(argument.format(stock=tmp_path) for argument in arguments)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    assert report in done.stdout and "Traceback" not in done.stderr, done
