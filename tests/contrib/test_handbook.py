"""docs/administration.rst and docs/http-uploads.rst, every command, in machines with real systemd and web servers."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.archive_factory import MARKDOWN, sdist, wheel
from tests.contrib.booting import CLONE, SECONDS, boot
from tests.contrib.handbook_story import HANDBOOK, commands

pytestmark = [pytest.mark.root, pytest.mark.parts, pytest.mark.boot, pytest.mark.timeout(SECONDS + 60)]

PAGES = {page: commands((CLONE / "docs" / f"{page}.rst").read_text("utf-8")) for page in (HANDBOOK, "http-uploads")}
ROWS = [(page, number) for page, rows in PAGES.items() for number in range(len(rows))]
Told = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def told(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What became of each command, by its page; each page has a machine of its own."""
    return {page: lived(page, wheelhouse, tmp_path_factory) for page in PAGES}


def lived(page: str, wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All commands of a page."""
    share = tmp_path_factory.mktemp("share")
    share.chmod(0o755)
    shutil.copytree(wheelhouse, share, copy_function=os.link, dirs_exist_ok=True)
    for name in ("uploads", "stock"):
        (share / name).mkdir()
    tools = wheel("acme-tool"), wheel("acme-tool", "1.1")
    for filename, data in (
        wheel("demo", metadata_extra=MARKDOWN),
        *tools,
        ("junk-1.0-py3-none-any.whl", b"no archive" * 50),
    ):
        (share / "uploads" / filename).write_bytes(data)
    filename, data = sdist("old-stock")
    (share / "stock" / filename).write_bytes(data)
    os.utime(share / "stock" / filename, (1_500_000_000, 1_500_000_000))
    story = "/usr/bin/python3 -m tests.contrib.handbook_story"
    said = boot(share, tmp_path_factory.mktemp("machine") / "base", story, (page,), public_size="200m")
    path = share / f"{page}.json"
    told: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    print(said, _text(share / f"{page}.told"), _text(share / f"{page}.txt"), sep="\n")
    assert len(told) == len(PAGES[page]), said
    return told


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def test_the_lines_that_setup_ends_with_work_as_they_are(told: Told) -> None:
    """Copied into root's shell they make a site that serves the pages, and an account that may upload to them."""
    *root, build, copy, install, pages = next(row["next"] for row in told[HANDBOOK] if "next" in row)
    assert [line for line in root if line[1] != 0] == []
    assert "usermod --append --groups packages alice" in [line for line, *_ in root]
    assert [line for line, *_ in (build, copy, install)] == [
        "python -m build",
        "scp dist/* files.example.com:/srv/drop/",
        "pip install -i http://files.example.com/simple/ --trusted-host files.example.com PROJECT",
    ]
    assert pages[1] == 200 and pages[2].startswith("Apache")


@pytest.mark.parametrize(
    ("page", "number"), ROWS, ids=[f"{page}: {' '.join(PAGES[page][number][:2])}"[:70] for page, number in ROWS]
)
def test_a_command_of_the_documentation_does_what_is_shown(told: Told, page: str, number: int) -> None:
    row = told[page][number]
    assert row["status"] == 0, row["said"]
    for line in row["shown"]:
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        assert re.search(pattern, row["said"], re.DOTALL), row["said"]
