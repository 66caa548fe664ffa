"""The clients that install: how each is made, and which versions it takes when it is asked for no version.

Each has a fixed version, so that docs/clients.rst says what was seen. They are installed once a run.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import parse_wheel_filename

from tests.installers import EASY_INSTALL, clean_environment

QUICK = ("pip 26.3", "uv pip")
"""Tests with the others are marked `long`."""
PROJECT = """
[project]
name = "here"
version = "0"
requires-python = "=={python}.*"
dependencies = {projects}
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "index"
url = "{index}"
[[tool.pdm.source]]
name = "pypi"
url = "{index}"
"""
ENVIRONMENT = """
channels: [https://conda.example.com/none]
dependencies:
  - python ={python}
  - pip: {projects}
pip-repositories: ["{index}"]
allow-pypi-requests: false
"""
CONDA = f"""#!{sys.executable}
import json, sys
def found(name, version):
    url = f"https://conda.example.com/none/{{name}}.tar.bz2"
    return {{"name": name, "version": version, "url": url, "md5": "0" * 32}}
packages = [found("python", sys.version.split()[0]), found("pip", "26.3")]
print(json.dumps({{"actions": {{"FETCH": packages}}}} if sys.argv[1] == "create" else {{}}))
"""
"""In place of conda, which finds Python and pip for conda-lock in channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client. `words` have {index}, {python}, {bin}, where its packages lie, and {pages}, those of all projects.

    The projects follow the words if it `asks`. `read` finds in its folder what it took: versions by project, with the
    build number where it shows.
    """

    name: str
    installs: str
    words: str
    read: Callable[[Path], dict[str, str]]
    asks: bool = True
    python: Path = Path(sys.executable)
    environment: Mapping[str, str] = field(default_factory=dict)
    knows_metadata: bool = True
    """Whether it reads the .metadata beside a wheel,"""
    takes_files: bool = True
    """and whether it downloads the wheel."""
    reads_twice: str = ""
    """The project of which it also reads the metadata of a version that it does not take."""
    left_out: str = ""
    """The project that it is not asked for, because that takes minutes."""

    def __str__(self) -> str:
        return self.name

    def run(self, home: Path, index: str, programs: Path, projects: Sequence[str]) -> dict[str, str]:
        """Let it resolve these projects, in `home`."""
        _prepare(home, index, projects)
        filled = {"index": index, "python": str(self.python), "bin": str(programs / "bin"), "at": str(programs)}
        filled["pages"] = " ".join(f"{index}{project}/" for project in projects)
        words = [word.format(**filled) for word in self.words.split()] + [*(projects if self.asks else ())]
        own = {key: value.format(**filled) for key, value in self.environment.items()}
        done = subprocess.run(
            words,
            env={**clean_environment(home), **own},
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return self.read(home)


def _prepare(home: Path, index: str, projects: Sequence[str]) -> None:
    """The files that some clients read."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    said = {"index": index, "projects": [*projects], "python": python}
    files = {
        "pyproject.toml": PROJECT.format(**said),
        "environment.yml": ENVIRONMENT.format(**said),
        "requirements.in": "".join(f"{project}\n" for project in projects),
        "easy.py": EASY_INSTALL,
        "conda": CONDA,
        "none.json": "{}",
    }
    for name, text in files.items():
        (home / name).write_text(text, encoding="utf-8")
    (home / "conda").chmod(0o755)
    (home / "target").mkdir()


def _of_wheels(names: Sequence[str]) -> dict[str, str]:
    parsed = [parse_wheel_filename(name) for name in names]
    return {project: f"{version}-{build[0]}" if build else str(version) for project, version, build, _ in parsed}


def downloaded(home: Path) -> dict[str, str]:
    """The wheels in downloads/."""
    return _of_wheels([path.name for path in (home / "downloads").iterdir()])


def installed(home: Path) -> dict[str, str]:
    """The wheels that the modules in target/ come from."""
    return _of_wheels([path.read_text().split("'")[1] for path in (home / "target").rglob("case_*.py")])


def pinned(home: Path) -> dict[str, str]:
    """The requirements in requirements.txt."""
    return dict(re.findall(r"^([\w-]+)==(\S+)", (home / "requirements.txt").read_text(), re.MULTILINE))


def conda_locked(home: Path) -> dict[str, str]:
    """What pip is to install, of conda-lock.yml."""
    lines = re.findall(
        r"^- name: (\S+)\n  version: (\S+)\n  manager: pip$", (home / "lock.yml").read_text(), re.MULTILINE
    )
    return {project: version.strip("'") for project, version in lines}


def locked(home: Path) -> dict[str, str]:
    """The packages of a lock file."""
    (lock,) = home.glob("*.lock")
    packages = tomllib.loads(lock.read_text("utf-8"))["package"]
    return {package["name"]: package["version"] for package in packages if package["name"] != "here"}


PIP = "{python} -m pip --isolated --no-cache-dir --disable-pip-version-check download -q --no-deps -d downloads"


def _bundled(version: str, python: str) -> list[Client]:
    """The pip that came with an old Python, which runs nowhere else, if that is on this machine."""
    wheels = [*Path.home().glob(f".pyenv/versions/{python}.*/lib/python*/ensurepip/_bundled/pip-{version}-*.whl")]
    return [
        Client(
            name=f"pip {version}",
            installs="",
            words=f"{PIP} --index-url {{index}}",
            read=downloaded,
            python=wheel.parents[4] / f"bin/python{python}",
            environment={"PYTHONPATH": str(wheel)},
            knows_metadata=False,
        )
        for wheel in wheels[:1]
    ]


def _pip(version: str, *, knows_metadata: bool = True) -> Client:
    return Client(
        name=f"pip {version}",
        installs=f"pip=={version}",
        words=f"{PIP} --index-url {{index}}",
        read=downloaded,
        environment={"PYTHONPATH": "{at}/packages"},
        knows_metadata=knows_metadata,
    )


EASY = "-W ignore easy.py --multi-version --install-dir target"
NOWHERE = "http://127.0.0.1:1/"
"""An index that -f does without."""


def _easy_install(where: str) -> Client:
    """That of the last setuptools that has it, with the index (-i) or with the page of each project (-f)."""
    return Client(
        name=f"easy_install 79.0.1 {where.partition(' ')[0]}",
        installs="setuptools==79.0.1",
        words=f"{{bin}}/python {EASY} {where}",
        read=installed,
        knows_metadata=False,
        left_out="case-files",
    )


UV = "{bin}/uv --no-config --cache-dir cache"
CLIENTS = {
    client.name: client
    for client in (
        _easy_install("-i {index}"),
        _easy_install(f"-f {{pages}} -i {NOWHERE}"),
        *_bundled("18.1", "3.6"),
        *_bundled("19.2.3", "2.7"),
        *(_pip(version, knows_metadata=False) for version in ("22.0.4", "23.0.1") if sys.version_info < (3, 12)),
        _pip("23.2.1"),
        _pip("24.2"),
        _pip("26.3"),
        Client(
            name="uv pip",
            installs="uv==0.13.9",
            words=f"{UV} pip install -q --python {{python}} --default-index {{index}} --target target",
            read=installed,
        ),
        Client(
            name="uv lock",
            installs="uv==0.13.9",
            words=f"{UV} lock -q --python {{python}} --default-index {{index}}",
            read=locked,
            asks=False,
            takes_files=False,
        ),
        Client(
            name="poetry",
            installs="poetry==2.5.1",
            words="{bin}/poetry lock -n",
            read=locked,
            asks=False,
            takes_files=False,
            reads_twice="case-newer-python",
            environment={"POETRY_CACHE_DIR": "cache", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        ),
        Client(
            name="pdm",
            installs="pdm==2.29.4 hishel<2",
            words="{bin}/pdm lock -q",
            read=locked,
            asks=False,
            takes_files=False,
            environment={
                "PDM_CHECK_UPDATE": "0",
                "PDM_USE_VENV": "0",
                "PDM_CACHE_DIR": "cache",
                "PDM_PYTHON": "{python}",
            },
        ),
        Client(
            name="pip-compile",
            installs="pip-tools==7.6.2 pip==26.3",
            words="{bin}/pip-compile -q --cache-dir cache --index-url {index} -o requirements.txt requirements.in",
            read=pinned,
            asks=False,
            takes_files=False,
        ),
        Client(
            name="conda-lock",
            installs="conda-lock==4.0.3",
            words="{bin}/conda-lock lock --conda ./conda -p linux-64 -f environment.yml --lockfile lock.yml"
            " --pypi_to_conda_lookup_file none.json",
            read=conda_locked,
            asks=False,
            takes_files=False,
            reads_twice="case-newer-python",
        ),
    )
}


def install_pip(packages: str, folder: Path) -> None:
    """A pip in packages/, for whichever Python runs it."""
    uv = Path(sys.executable).with_name("uv")
    where = ("--python", sys.executable, "--target", folder / "packages")
    subprocess.run([uv, "pip", "install", "-q", *where, packages], check=True, capture_output=True)
