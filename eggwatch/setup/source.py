"""The sources to install from: a checkout, wheels, or a version that is already installed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

from eggwatch.setup.machine import Machine

PARTS = ("pyproject.toml", "README.rst", "LICENSE", "eggwatch", "contrib/systemd", "contrib/httpd", "contrib/man")
"""The files that a wheel is built from."""
SHIPPED = "share/eggwatch/systemd"
"""The path of the units in a wheel and in a virtual environment; in a checkout it is contrib/systemd."""
STAMP = "made-from.json"
REPRODUCIBLE = {"SOURCE_DATE_EPOCH": "315532800"}  # 1980, where zip begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout of the code. It is only read: builds run in a copy."""

    folder: Path

    def __str__(self) -> str:
        return f"the checkout {self.folder}"

    @property
    def version(self) -> str:
        """The version in the code."""
        match = re.search(r'^__version__ = "([^"]+)"', (self.folder / "eggwatch/__init__.py").read_text("utf-8"), re.M)
        return match[1] if match else "0"

    @property
    def fingerprint(self) -> str:
        """A hash of the names and contents of all files in the wheel."""
        digest = hashlib.sha256()
        for path in self._files():
            digest.update(f"{path.relative_to(self.folder)}\0{_sha256(path)}\n".encode())
        return digest.hexdigest()

    def _files(self) -> list[Path]:
        found = [path for part in PARTS for path in (self.folder / part, *(self.folder / part).rglob("*"))]
        return sorted(path for path in found if path.is_file() and path.suffix != ".pyc")

    def shipped(self) -> dict[str, bytes]:
        """The files of contrib/systemd, by name, unchanged."""
        return _files_in(self.folder / "contrib/systemd")

    def install(self, python: Path, machine: Machine) -> None:
        """Build a wheel of a copy, and install it into the environment of `python`."""
        with tempfile.TemporaryDirectory(prefix="eggwatch-build-") as scratch:
            copy, wheels = Path(scratch, "copy"), Path(scratch, "wheels")
            for part in filter(lambda part: (self.folder / part).exists(), PARTS):
                _copy(self.folder / part, copy / part)
            pip = (python, "-I", "-m", "pip")
            machine.run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, copy, environment=REPRODUCIBLE)
            machine.run(*pip, "install", "--quiet", *wheels.glob("*.whl"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheels:
    """A wheel of eggwatch; with a `folder`, which contains all dependencies, no network is used."""

    wheel: Path
    folder: Path | None = None

    def __str__(self) -> str:
        return f"{self.wheel}{' and the wheels beside it' if self.folder else ''}"

    @property
    def version(self) -> str:
        """The version in the filename."""
        return str(parse_wheel_filename(self.wheel.name)[1])

    @property
    def fingerprint(self) -> str:
        """A hash of the wheel, and of the wheels of its dependencies beside it."""
        others = [] if self.folder is None else self.folder.glob("*.whl")
        wheels = {self.wheel, *(path for path in others if not path.name.startswith("eggwatch-"))}
        lines = sorted(f"{path.name}\0{_sha256(path)}\n" for path in wheels)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def shipped(self) -> dict[str, bytes]:
        """The files, read from the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            names = [name for name in archive.namelist() if f".data/data/{SHIPPED}/" in name]
            return {name.rpartition("/")[2]: archive.read(name) for name in names}

    def install(self, python: Path, machine: Machine) -> None:
        """Install with pip, from the folder if there is one."""
        self.add(self.wheel, python, machine)

    def add(self, wanted: str | Path, python: Path, machine: Machine) -> None:
        """Install something else likewise."""
        pip = (python, "-I", "-m", "pip", "install", "--quiet")
        if self.folder is None:
            machine.run(*pip, wanted)
            return
        remedy = f"The folder needs eggwatch and all that it depends on, for this Python: {python} -m pip download."
        offline = {**{name: None for name in os.environ if name.startswith("PIP_")}, "PIP_CONFIG_FILE": os.devnull}
        machine.run(*pip, "--no-index", "--find-links", self.folder, wanted, environment=offline, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A version that is already installed."""

    home: Path

    def __str__(self) -> str:
        return f"{self.home}"

    @property
    def version(self) -> str:
        """As it was noted when it was made."""
        return self._noted("version")

    @property
    def fingerprint(self) -> str:
        """Likewise."""
        return self._noted("fingerprint")

    def _noted(self, what: str) -> str:
        return str(json.loads((self.home / STAMP).read_text())[what])

    def shipped(self) -> dict[str, bytes]:
        """As the wheel brought them."""
        return _files_in(self.home / SHIPPED)

    def install(self, python: Path, machine: Machine) -> None:
        """It is."""


Source = Checkout | Wheels | Installed
"""Something to install from; equal fingerprints mean equal installations."""


def add_extras(source: Source, extras: str, python: Path, machine: Machine) -> None:
    """Install the dependencies of extras (`eggwatch[metrics]`) into an environment, from where the program came."""
    if isinstance(source, Wheels):
        source.add(extras, python, machine)
    else:
        machine.run(python, "-I", "-m", "pip", "install", "--quiet", extras)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _copy(part: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if part.is_dir():
        shutil.copytree(part, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(part, to)
