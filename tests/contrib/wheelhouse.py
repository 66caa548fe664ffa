"""Folders of wheels, for a machine without a network: this code, under several versions, and what it depends on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import eggwatch
from eggwatch.setup.machine import Machine
from eggwatch.setup.source import PARTS
from tests.archive_factory import record_line

CLONE = Path(eggwatch.__file__).parents[1]
DISTRIBUTIONS_PYTHON = "/usr/bin/python3"
BROKEN = b"\nraise SystemExit('broken on purpose')\n"


def fill(folder: Path) -> None:
    """This code and its dependencies in wheels/, and beside that a folder for each of the other versions."""
    wheels = folder / "wheels"
    wheels.mkdir()
    with tempfile.TemporaryDirectory() as build:
        wheel = build_wheel(Path(build))
        download(wheels, wheel)
        beside(wheels, reversioned(wheel, "0.98"))
        beside(wheels, reversioned(wheel, "0.99", broken=True))


def build_wheel(to: Path) -> Path:
    """A wheel of this clone, by pip, out of a copy."""
    copy = to / "copy"
    for part in PARTS:
        target = copy / part
        target.parent.mkdir(parents=True, exist_ok=True)
        source = CLONE / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    Machine().run(sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", to, copy)
    return next(to.glob("eggwatch-*.whl"))


def download(folder: Path, wheel: Path) -> None:
    """The wheel and its dependencies, for the distribution's Python."""
    pip = [sys.executable, "-I", "-m", "pip", "--python", DISTRIBUTIONS_PYTHON]
    command = [*pip, "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder), f"{wheel}[uploads]"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def beside(folder: Path, wheel: Path) -> Path:
    """A folder with the same dependencies, and another wheel of eggwatch."""
    other = folder.with_name(f"{folder.name}-{wheel.name.split('-')[1]}")
    other.mkdir()
    for path in folder.glob("*.whl"):
        if not path.name.startswith("eggwatch-"):
            os.link(path, other / path.name)
    shutil.copyfile(wheel, other / wheel.name)
    return other


def reversioned(wheel: Path, version: str, *, broken: bool = False) -> Path:
    """The same code under another version; if `broken`, its daemon ends at once."""
    old = wheel.name.split("-")[1]
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "eggwatch/__init__.py" or name.endswith(".dist-info/METADATA"):
                data = data.replace(old.encode(), version.encode(), 1)
            if name == "eggwatch/service/daemon.py" and broken:
                data += BROKEN
            members[name.replace(f"eggwatch-{old}.", f"eggwatch-{version}.", 1)] = data
    record = f"eggwatch-{version}.dist-info/RECORD"
    del members[record]
    members[record] = "".join([record_line(*member) for member in members.items()] + [f"{record},,\n"]).encode()
    path = wheel.with_name(f"eggwatch-{version}-py3-none-any.whl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path
