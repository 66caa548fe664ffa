"""The clients that people upload with: how each is installed, what is typed, and where it finds address and password.

Each has a fixed version, and so prints the same in every run. docs/uploading-seen.json has what it prints.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.installers import clean_environment

PYPIRC = """
[distutils]
index-servers = local

[local]
repository = {url}
username = {user}
password = {password}
"""
"""~/.pypirc, as twine, flit and the oldest clients read it."""

QUICK = ("twine 7", "uv", "curl", "distutils, Python 3.11")
"""Of the others the tests are marked `long`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client; in `command` and `environment` stand {url}, {simple}, {user}, {password}, {bin}, {packages}, {file}.

    `installs` is what goes into a virtual environment of its own. `retries`: an upload that was answered with 503 is
    sent again by the client itself.
    """

    name: str
    command: str
    installs: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    retries: bool = False
    own_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What its user must see where it does not even ask the index."""

    def __str__(self) -> str:
        return self.name


TWINE = "{bin}/twine upload --disable-progress-bar -r local {file}"
UV = {"UV_PUBLISH_URL": "{url}", "UV_PUBLISH_USERNAME": "{user}", "UV_PUBLISH_PASSWORD": "{password}"}
MODERN = (
    Client(name="twine 7", installs="twine==7.0.0", command=TWINE, retries=True),
    Client(name="twine 3", installs="twine==3.8.0 packaging", command=TWINE, retries=True),
    Client(name="uv", installs="uv==0.13.9", command="{bin}/uv publish {file}", environment=UV),
    Client(
        name="uv --check-url",
        installs="uv==0.13.9",
        command="{bin}/uv publish --check-url {simple} {file}",
        environment=UV,
        own_words={"conflict": ("Local file and index file do not match",)},
    ),
    Client(
        name="poetry",
        installs="poetry==2.5.1",
        command="{bin}/poetry publish --no-interaction --repository local",
        environment={
            "POETRY_REPOSITORIES_LOCAL_URL": "{url}",
            "POETRY_HTTP_BASIC_LOCAL_USERNAME": "{user}",
            "POETRY_HTTP_BASIC_LOCAL_PASSWORD": "{password}",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        },
    ),
    Client(
        name="flit",
        installs="flit==4.2.0",
        command="{bin}/flit publish --format sdist --no-use-vcs --repository local",
        environment={"SOURCE_DATE_EPOCH": "1700000000"},  # else it never builds the same bytes twice
    ),
    Client(
        name="pdm",
        installs="pdm==2.29.4 hishel<2",
        command="{bin}/pdm publish --no-build",
        environment={
            "PDM_PUBLISH_REPO": "{url}",
            "PDM_PUBLISH_USERNAME": "{user}",
            "PDM_PUBLISH_PASSWORD": "{password}",
            "PDM_CHECK_UPDATE": "0",
            "PDM_USE_VENV": "0",
        },
    ),
    Client(
        name="hatch",
        installs="hatch==1.18.2",
        command="{bin}/hatch publish --no-prompt {file}",
        environment={"HATCH_INDEX_REPO": "{url}", "HATCH_INDEX_USER": "{user}", "HATCH_INDEX_AUTH": "{password}"},
    ),
    Client(
        name="curl",
        command="curl -sS --fail-with-body -u {user}:{password} -F :action=file_upload -F content=@{file} {url}",
    ),
)


def _pythons() -> Iterator[tuple[str, Path]]:
    """The interpreters on this machine that still have distutils, one of each minor version."""
    folders = [*Path.home().glob(".pyenv/versions/*/bin"), Path("/usr/local/bin"), Path("/usr/bin")]
    for version in ("2.7", *(f"3.{minor}" for minor in range(6, 12))):
        places = [folder / f"python{version}" for folder in folders]
        yield from ((version, place) for place in [*filter(_has_distutils, places)][:1])


def _has_distutils(python: Path) -> bool:
    words = (python, "-S", "-c", "import distutils.command.upload")
    return python.exists() and subprocess.run(words, capture_output=True, check=False).returncode == 0


def _of_setup_py() -> Iterator[Client]:
    """distutils as it comes with each Python, and the last setuptools that uploads."""
    upload, quiet = "setup.py -q upload -r local", {"PYTHONWARNINGS": "ignore"}
    for version, python in PYTHONS.items():
        yield Client(name=f"distutils, Python {version}", command=f"{python} -S {upload}", environment=quiet)
        yield Client(
            name=f"setuptools 41, Python {version}",
            installs="setuptools==41.6.0",
            command=f"{python} {upload}",
            environment={**quiet, "PYTHONPATH": "{packages}", "WITH": "setuptools"},
        )


PYTHONS = dict(_pythons())
CLIENTS = {client.name: client for client in (*MODERN, *_of_setup_py())}


def install(client: Client, folder: Path) -> None:
    """Make its virtual environment."""
    uv = Path(sys.executable).with_name("uv")
    for words in (
        ("venv", "-q", "--allow-existing", "--python", sys.executable, folder),
        ("pip", "install", "-q", "--python", folder / "bin/python", *client.installs.split()),
    ):
        subprocess.run([uv, *words], check=True, capture_output=True)


def environment(client: Client, home: Path, filled: Mapping[str, str]) -> dict[str, str]:
    """Where it finds its settings, and nothing of whoever runs the tests."""
    kept = {key: value for key, value in clean_environment(home).items() if key not in _OF_CI}
    own = {key: value.format(**filled) for key, value in client.environment.items()}
    return {**kept, "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "2000", "LC_ALL": "C.UTF-8", **own}


_OF_CI = ("CI", "GITHUB_ACTIONS", "FORCE_COLOR")
