"""`setup.py register sdist upload`, as it was typed for two decades, on every Python of this machine that has it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from passlib.hash import bcrypt

from tests.webserver.clients import CLIENTS, PYPIRC, PYTHONS
from tests.webserver.clients import environment as environment_of
from tests.webserver.door import Door, open_door

pytestmark = pytest.mark.parts

SETUP = """
from distutils.core import setup
setup(name="{project}", version="1.0", description="A demo", author="Alice", author_email="alice@example.com",
      url="https://example.com/", py_modules=["demo"])
"""


def opened(base: Path, register: str) -> Iterator[Door]:
    base.mkdir()
    (base / "htpasswd").write_text(f"alice:{bcrypt.using(rounds=4).hash('secret')}\n")
    with open_door(base, uploads=f'{{ users = "htpasswd", register = "{register}" }}') as door:
        yield door


@pytest.fixture(scope="module")
def accepting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    yield from opened(tmp_path_factory.mktemp("accepting") / "index", "accept")


@pytest.fixture(scope="module")
def rejecting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    yield from opened(tmp_path_factory.mktemp("rejecting") / "index", "reject")


def setup_py(door: Door, home: Path, python: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Type it in a project, with a ~/.pypirc."""
    project = f"demo{python.replace('.', '')}"
    (home / "setup.py").write_text(SETUP.format(project=project))
    (home / "demo.py").write_text("x = 1\n")
    (home / ".pypirc").write_text(PYPIRC.format(url=door.legacy, user="alice", password="secret"))
    env = environment_of(CLIENTS[f"distutils, Python {python}"], home, {})
    command = [PYTHONS[python], "-S", "setup.py", *words]
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("python", PYTHONS)
def test_register_and_upload_in_one_command(accepting: Door, tmp_path: Path, python: str) -> None:
    """With `register = "accept"`: what was built is on the page when the command ends."""
    done = setup_py(accepting, tmp_path, python, "register", "-r", "local", "sdist", "upload", "-r", "local")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "Server response (200): OK" in said, said
    project = f"demo{python.replace('.', '')}"
    assert accepting.site.filenames(project) == [f"{project}-1.0.tar.gz"]


@pytest.mark.parametrize("python", PYTHONS)
def test_register_is_told_that_it_is_not_needed(rejecting: Door, tmp_path: Path, python: str) -> None:
    """As PyPI does it."""
    done = setup_py(rejecting, tmp_path, python, "register", "-r", "local")
    assert "upload your files instead" in done.stdout + done.stderr, done
