"""docs/tutorial.rst: each command is run, in its order, and prints what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.reference import ROOT

PAGE = (ROOT / "docs/tutorial.rst").read_text("utf-8")
STEP = re.compile(r"^    \$ (.+)\n((?:    (?!\$ ).+\n)*)", re.MULTILINE)
"""A command, and what it is shown to print."""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What `contrib/try.sh` leaves behind: a wheel in dist, a daemon, the programs. Answers with the environment."""
    subprocess.run([sys.executable, ROOT / "contrib/demo_wheel.py", tmp_path / "dist"], check=True)
    command = [sys.executable, "-m", "eggwatch", "run", "--serve", "0"]
    packages = str(tmp_path / "installed")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "EGGWATCH_"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{packages}",
        "PIP_TARGET": packages,
        "PIP_CONFIG_FILE": os.devnull,
    }
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        url = next(match[1] for line in daemon.stderr if (match := re.search(r"ready at (http://\S+)", line)))
        yield {**environment, "URL": url}
        daemon.terminate()
        daemon.stderr.read()


@pytest.mark.parts
def test_the_tutorial_can_be_followed(tmp_path: Path, shell: dict[str, str]) -> None:
    """From the first package to the history of them all."""
    steps = STEP.findall(PAGE)
    assert len(steps) > 12
    for command, shown in steps:
        here = command.replace("http://127.0.0.1:8080/", shell["URL"])
        done = subprocess.run(
            here, shell=True, cwd=tmp_path, env=shell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        lines = [line.strip() for line in shown.splitlines()]
        pattern = r"\n".join(re.escape(line).replace("…", ".*") for line in lines)
        assert not lines or re.search(pattern, done.stdout, re.DOTALL), (command, done.stdout)
