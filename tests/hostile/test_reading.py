"""Whatever we accept, zipfile, tarfile, installer and pip read the same way, name for name and byte for byte."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from eggwatch.model.verdicts import Level
from tests.archive_factory import sdist, wheel
from tests.archives.judging import SDIST, judge, tar_block, tar_parts, targz
from tests.archives.tar.test_sdist import SOUND
from tests.hostile.building import build, twin
from tests.hostile.fuzz import INSTALLER_ALONE, fuzz
from tests.hostile.metadatas import METADATA
from tests.hostile.reading import our_members, our_tree, pips_trees, same_everywhere
from tests.hostile.sdists import SDISTS
from tests.hostile.wheels import WHEELS

COPIES = targz(*tar_parts(), *(tar_block("demo-1.0/LICENSE.txt", b"text"),) * 2)
"""A file stands twice, as in pyarrow's sdist."""


@cache
def archives_and_twins() -> list[tuple[str, bytes]]:
    """What each rule alone finds, and its twin; built when a test asks for it, not wherever tests are collected."""
    return [build(what) for hostile in (*WHEELS, *SDISTS, *METADATA) for what in (hostile, twin(hostile))]


def test_whatever_is_accepted_reads_the_same_everywhere() -> None:
    """All twins, and all archives that are only warned of, but for what installer alone refuses."""
    accepted = 0
    for filename, data in {*archives_and_twins(), wheel(), sdist(), (SDIST, COPIES)}:
        flaws = judge(filename, data).flaws
        if not any(flaw.level is Level.REFUSE or flaw.code.startswith(INSTALLER_ALONE) for flaw in flaws):
            same_everywhere(filename, data)
            accepted += 1
    assert accepted > 20


@pytest.mark.parametrize("filename", ["demo-1.0-py3-none-any.whl", "demo-1.0.post1-py3-none-any.whl"])
def test_pip_installs_what_we_read(tmp_path: Path, filename: str) -> None:
    """pip's vendored reading puts the very bytes of our walk into the target folder."""
    data = next(data for name, data in archives_and_twins() if name == filename and judge(name, data).flaws == ())
    (tmp_path / filename).write_bytes(data)
    target = tmp_path / "target"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--no-index"]
    subprocess.run(
        [*command, "--disable-pip-version-check", "--target", target, tmp_path / filename], check=True, timeout=120
    )
    for name, content in our_members(data).items():
        if not name.endswith("RECORD") and ".data/" not in name:
            assert (target / name).read_bytes() == content


def test_pip_unpacks_what_we_read(tmp_path: Path) -> None:
    """pip puts every file, folder and link of an admitted sdist where our walk sees it, byte for byte."""
    hostile = {f"hostile {number}": data for number, (name, data) in enumerate(archives_and_twins()) if name == SDIST}
    archives = {
        name: data
        for name, data in {**SOUND, "copies": COPIES, **hostile}.items()
        if not any(flaw.level is Level.REFUSE for flaw in judge(SDIST, data).flaws)
    }
    assert len(archives) > len(SOUND) + 10 and "copies" in archives
    trees = pips_trees(archives, tmp_path)
    for name, data in archives.items():
        assert trees[name] == our_tree(data), name


def test_a_short_fuzz_finds_nothing() -> None:
    """The corpus and a few seconds of mutations: a verdict each time, and soon."""
    assert fuzz(3.0, seed=1) > 100
