"""A real environment is carried over: collected, bundled, published, and installed where there is no other index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from eggwatch.collecting.environment import look_into
from tests.cli.program import Site
from tests.installers import pip

AT_LEAST = 60


@pytest.mark.long
@pytest.mark.parts
def test_an_environment_of_sixty_packages_is_the_same_after_it_was_carried_over(tmp_path: Path) -> None:
    """That of these tests, from the index that pip is configured for; eggwatch itself is on none."""
    here, there = Site(tmp_path / "here", bare=True), Site(tmp_path / "there")
    *rows, total = here.call(
        "collect", "--site-packages", "--python", sys.executable, "--bundle", "site.tar", "--json"
    ).rows
    assert {row["verdict"] for row in rows if row["project"] != "eggwatch"} <= {"found", "differs"}
    pins = {row["project"]: row["version"] for row in rows if row["file"] is not None}
    assert len(pins) >= AT_LEAST, total

    published = there.call("publish", here.base / "site.tar", "--json")
    assert [row["text"] for row in published.rows if not row["installable"]] == []
    assert len(published.rows) == len(pins)

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    wanted = (f"{project}=={version}" for project, version in pins.items())
    index = (there.public / "simple").as_uri() + "/"
    done = pip(tmp_path, "--python", str(python), "install", "--no-compile", "--index-url", index, *wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one.project: one.version for one in look_into(python).installed} == pins
    assert pip(tmp_path, "--python", str(python), "check").returncode == 0
