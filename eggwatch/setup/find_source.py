"""Finds what to install, from `--from` or, without it, from the running code."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

import eggwatch
from eggwatch.errors import ConfigurationError
from eggwatch.setup.interpreter import Interpreter
from eggwatch.setup.machine import Machine
from eggwatch.setup.paths import Places
from eggwatch.setup.source import Checkout, Installed, Source, Wheels

GRAMMAR = "Name a checkout, a wheel, a folder of wheels, or a requirement like 'eggwatch==1.0' for pip's index."


class Finder:
    """Finds sources; downloads go to `scratch`."""

    def __init__(self, places: Places, machine: Machine, interpreter: Interpreter, scratch: Path) -> None:
        self._places, self._machine, self._interpreter, self._scratch = places, machine, interpreter, scratch

    def named(self, text: str) -> Source:
        """The source for a path or requirement."""
        path = Path(text).absolute()
        if path.is_dir():
            return checkout_in(path) or newest_wheel(path)
        if path.is_file() and path.suffix == ".whl":
            return Wheels(wheel=path)
        if "/" in text or path.exists():
            raise ConfigurationError(f"eggwatch can't be installed from {text}.", remedy=GRAMMAR)
        return self._fetched(text)

    def unnamed(self) -> Source:
        """The default source: the installed version, or what the running code was installed from."""
        if Path(sys.prefix).is_relative_to(self._places.versions):
            return Installed(home=self._places.current.resolve())
        return running_checkout() or running_wheel() or self._fetched(f"eggwatch=={eggwatch.__version__}")

    def _fetched(self, text: str) -> Source:
        try:
            if canonicalize_name(Requirement(text).name) != "eggwatch":
                raise ConfigurationError(f"{text} is not eggwatch.", remedy=GRAMMAR)
        except InvalidRequirement:
            raise ConfigurationError(f"eggwatch can't be installed from {text!r}.", remedy=GRAMMAR) from None
        pip = (sys.executable, "-I", "-m", "pip", "--python", self._interpreter.path)
        self._machine.run(*pip, "download", "--quiet", "--only-binary", ":all:", "--dest", self._scratch, text)
        return newest_wheel(self._scratch)


def checkout_in(folder: Path) -> Checkout | None:
    """The working copy in a folder, if it is one."""
    parts = ("pyproject.toml", "eggwatch/__init__.py", "contrib/systemd/eggwatch.service")
    return Checkout(folder=folder) if all((folder / part).is_file() for part in parts) else None


def newest_wheel(folder: Path) -> Wheels:
    """The highest version of eggwatch in a folder of wheels."""
    wheels = sorted(folder.glob("eggwatch-*.whl"), key=lambda path: parse_wheel_filename(path.name)[1])
    if not wheels:
        raise ConfigurationError(f"{folder} contains neither the code nor a wheel of eggwatch.", remedy=GRAMMAR)
    return Wheels(wheel=wheels[-1], folder=folder)


def running_checkout() -> Checkout | None:
    """The working copy that contains the running code, or from which it was installed."""
    beside = checkout_in(Path(eggwatch.__file__).parents[1])
    origin = _origin()
    return beside or (checkout_in(origin) if origin is not None and origin.is_dir() else None)


def running_wheel() -> Wheels | None:
    """The wheel that the running code was installed from, if it still exists."""
    origin = _origin()
    return Wheels(wheel=origin) if origin is not None and origin.suffix == ".whl" and origin.is_file() else None


def _origin() -> Path | None:
    """What pip has installed, if it was not a name on an index (PEP 610)."""
    try:
        text = metadata.distribution("eggwatch").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    parts = urlsplit(json.loads(text)["url"] if text else "")
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
