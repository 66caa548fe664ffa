"""Installed versions: each has a virtual environment, and a link selects the one in use."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from eggwatch.errors import InstallationError
from eggwatch.setup import files
from eggwatch.setup.interpreter import Interpreter
from eggwatch.setup.machine import Machine, Step
from eggwatch.setup.paths import COMPLETIONS, Places, completion_in
from eggwatch.setup.source import STAMP, Installed, Source, add_extras

KEPT = 3


class Versions:
    """The installed versions in /opt/eggwatch."""

    def __init__(self, places: Places, machine: Machine) -> None:
        self._places, self._machine = places, machine

    def current(self) -> Installed | None:
        """The version in use."""
        return _whole(self._places.current)

    def previous(self) -> Installed | None:
        """The version that was in use before."""
        return _whole(self._places.previous)

    def home_of(self, source: Source, interpreter: Interpreter) -> Path:
        """The folder for a source: the same for the same bytes and the same Python."""
        if isinstance(source, Installed):
            return source.home
        text = f"{source.fingerprint} {interpreter.path} {interpreter.version[:2]}"
        return self._places.versions / f"{source.version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def built(self, source: Source, interpreter: Interpreter) -> Iterator[Step]:
        """A step that creates the environment of a version, if it does not exist."""
        home = self.home_of(source, interpreter)
        if _whole(home) is None:
            yield Step(
                what=f"install eggwatch {source.version} from {source} into {home}, with {interpreter}",
                do=lambda: self._build(source, interpreter, home),
            )

    def _build(self, source: Source, interpreter: Interpreter, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        self._machine.run(interpreter.path, "-I", "-m", "venv", home)
        source.install(home / "bin/python", self._machine)
        self._machine.run(home / "bin/eggwatch", "--version")
        for shell in COMPLETIONS:
            script = self._machine.run(home / "bin/eggwatch", environment={"_EGGWATCH_COMPLETE": f"{shell}_source"})
            files.write(completion_in(home, shell), script.encode())
        noted = {"version": source.version, "fingerprint": source.fingerprint, "python": str(interpreter)}
        files.write(home / STAMP, json.dumps(noted).encode())

    def linked_systemd(self, home: Path, interpreter: Interpreter) -> Iterator[Step]:
        """A step that links the distribution's systemd-python, and no other of its packages, into the environment."""
        link = self._packages(home, interpreter) / "systemd"
        is_of_another_python = home.exists() and not link.parent.is_dir()
        if interpreter.systemd is not None and not os.path.lexists(link) and not is_of_another_python:
            yield Step(what=f"link {interpreter.systemd} into {home}", do=lambda: self.link_systemd(home, interpreter))

    def link_systemd(self, home: Path, interpreter: Interpreter) -> None:
        """Link it, and keep the link only if it can be imported."""
        link = self._packages(home, interpreter) / "systemd"
        files.link(link, str(interpreter.systemd))
        if not self._machine.grants(home / "bin/python", "-I", "-c", "import systemd.journal, systemd.daemon"):
            link.unlink()

    def with_extras(
        self, home: Path, source: Source, interpreter: Interpreter, modules: Mapping[str, str]
    ) -> Iterator[Step]:
        """A step that installs the extras that the configuration needs into the environment of the version."""
        packages = self._packages(home, interpreter)
        is_of_another_python = home.exists() and not packages.is_dir()
        extras = [extra for extra, module in modules.items() if not (packages / module).exists()]
        if extras and not is_of_another_python:
            wanted = f"eggwatch[{','.join(extras)}]"
            yield Step(
                what=f"install {wanted} into {home}, which the configuration needs",
                do=lambda: add_extras(source, wanted, home / "bin/python", self._machine),
            )

    def _packages(self, home: Path, interpreter: Interpreter) -> Path:
        return home / "lib" / f"python{'.'.join(map(str, interpreter.version[:2]))}" / "site-packages"

    def in_use(self, home: Path) -> Iterator[Step]:
        """Steps that point the links to a version."""
        current = self.current()
        if current is None or current.home != home:
            yield Step(what=f"switch {self._places.current} to {home.name}", do=lambda: self._switch(home))
        yield from files.linked(self._places.program, "../current/bin/eggwatch")

    def _switch(self, home: Path) -> None:
        current = self.current()
        if current is not None and current.home != home:
            files.link(self._places.previous, f"versions/{current.home.name}")
        files.link(self._places.current, f"versions/{home.name}")

    def remember(self, previous: Installed | None) -> None:
        """Record the version to roll back to: never the one that has just failed."""
        if previous is None:
            self._places.previous.unlink(missing_ok=True)
        else:
            files.link(self._places.previous, f"versions/{previous.home.name}")

    def forgotten(self, home: Path) -> Iterator[Step]:
        """Remove old versions, except the last three: `home`, which will be used, and two before it."""
        current = self.current()
        kept = [home, *([] if current is None else [current.home])]
        if current is not None and current.home == home and (previous := self.previous()) is not None:
            kept.append(previous.home)
        others = [path for path in self._places.versions.glob("*") if path not in kept]
        others.sort(key=lambda path: path.stat().st_mtime_ns)
        for path in others[: max(0, len(others) + len(set(kept)) - KEPT)]:
            yield Step(what=f"remove {path}, an old version", do=partial(shutil.rmtree, path))

    def refuse_what_is_not_ours(self) -> None:
        """InstallationError where an environment made by hand is in the way."""
        home = self._places.home
        if (home / "pyvenv.cfg").exists():
            raise InstallationError(
                f"{home} is a virtual environment that was created by hand.",
                remedy=f"Move it away: mv {home} {home}.old",
            )


def _whole(path: Path) -> Installed | None:
    """The version in a folder, or behind a link, if it was built to its end and its Python is still there."""
    home = path.resolve()
    return Installed(home=home) if (home / STAMP).is_file() and (home / "bin/python").exists() else None
