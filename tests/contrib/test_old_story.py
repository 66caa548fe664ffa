"""The story of the older systems, step by step: what is installed is collected, eggs of one's own are copied in,
`index *` makes an index of it, Apache serves it, and easy_install of old and newer Pythons installs from it, and pip.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.cli.program import Site
from tests.cli.stocks import add
from tests.contrib.older_indexes import install
from tests.contrib.test_folder_index import plain_apache
from tests.contrib.web_servers import folder_for, serving_by
from tests.http_serving import served
from tests.installers import EASY_INSTALL, clean_environment, pip_install
from tests.once import once_a_run

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

SETUP = """
from setuptools import setup
setup(name="MyTG.App", version="0.3", py_modules=["mytgapp"], install_requires=["demo"], zip_safe=True)
"""
TRY = "import pkg_resources; pkg_resources.require('MyTG.App'); import mytgapp; print(mytgapp.ANSWER)"
ANY = wheel("demo", "1.0", tags="py2.py3-none-any")


def old_pythons() -> Iterator[Path]:
    """Those on this machine whose setuptools has the command easy_install and installs wheels."""
    for version in ("2.7", "3.6", "3.7"):
        for folder in (*Path.home().glob(f".pyenv/versions/{version}.*/bin"), Path("/usr/local/bin"), Path("/usr/bin")):
            if (folder / f"easy_install-{version}").exists():
                yield folder / f"python{version}"
                break


PYTHONS = {python.name: python for python in old_pythons()}


@pytest.fixture(params=["setuptools 79", *PYTHONS])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An old Python, or the tests' own with the last setuptools that has easy_install."""
    if request.param in PYTHONS:
        return PYTHONS[request.param]
    folder = once_a_run(tmp_path_factory, "setuptools-79", lambda folder: install("setuptools==79.0.1", folder))
    return folder / "bin/python"


def run(python: Path, folder: Path, *words: str | Path, path: str = "") -> str:
    """Run a Python in a folder; what it prints."""
    environment = {**clean_environment(folder), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-W", "ignore", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment_with_demo(folder: Path, index: str) -> Path:
    """The Python of an environment into which demo was installed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    words = ("--isolated", "--python", str(python), "install", "--quiet", "--no-deps", "--index-url", index, "demo")
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    return python


def test_what_is_installed_and_eggs_of_ones_own_are_an_index_for_easy_install_and_pip(
    python: Path, tmp_path: Path
) -> None:
    """easy_install -i gets the egg from it, and the wheel that the egg requires; pip gets the wheel."""
    add(tmp_path / "world", ANY, "demo")
    source = tmp_path / "source"
    source.mkdir()
    (source / "setup.py").write_text(SETUP)
    (source / "mytgapp.py").write_text("ANSWER = 42\n")
    with folder_for("plain") as folder:
        public = folder / "public"
        site = Site(public / "mytgapp_index", bare=True)
        with served(tmp_path / "world") as world:
            installed = environment_with_demo(tmp_path, world)
            settings = {"PIP_INDEX_URL": world, "PIP_CONFIG_FILE": "/dev/null", "NO_PROXY": "127.0.0.1"}
            assert site.call("collect", "--site-packages", "--python", installed, env=settings).code == 0
        run(python, source, "setup.py", "-q", "bdist_egg")
        for egg in (source / "dist").iterdir():
            shutil.copy(egg, site.base)
        names = sorted(path.name for path in site.base.iterdir())
        assert [name.partition("-")[0] for name in names] == ["MyTG.App", "demo"]
        assert site.call("index", "--easy-install", *names).code == 0
        with serving_by(plain_apache, folder / "run", public) as url:
            target = tmp_path / "installed"
            target.mkdir()
            words = ("--multi-version", "--install-dir", target, "-i", f"{url}mytgapp_index/index/", "MyTG.App")
            run(python, tmp_path, "-c", EASY_INSTALL, *words)
            assert (pip_install(tmp_path / "pip", f"{url}mytgapp_index/simple/", "demo") / "demo").is_dir()
        assert run(python, tmp_path, "-c", TRY, path=str(target)) == "42\n"
        assert {path.name.partition("-")[0] for path in target.iterdir()} == {"MyTG.App", "demo"}
