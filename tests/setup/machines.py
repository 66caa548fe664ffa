"""A stand-in for a machine: a folder and prepared answers, which records the commands that it is to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from eggwatch.errors import InstallationError
from eggwatch.setup.installation import Installation
from eggwatch.setup.interpreter import Interpreter
from eggwatch.setup.machine import UNCHANGED, Machine
from eggwatch.setup.paths import Places

PYTHON = Interpreter(path=Path("/usr/bin/python3"), version=(3, 11, 2), whole=True, systemd=None)


class ToldMachine(Machine):
    """Answers from a table by the beginning of a command; fails where it is told to."""

    def __init__(self, answers: Mapping[str, str] = UNCHANGED, *, booted: bool = False) -> None:  # type: ignore[assignment]
        self.answers, self.booted = dict(answers), booted
        self.lacks = {"apt-get", "dnf"}
        self.fails: set[str] = set()
        self.ran: list[str] = []

    def has(self, program: str) -> bool:
        """All that it does not lack."""
        return program not in self.lacks

    @property
    def is_booted_by_systemd(self) -> bool:
        """As told."""
        return self.booted

    def says(self, *command: str | Path) -> str:
        """The answer to the longest beginning that is known."""
        line = " ".join(map(str, command))
        known = [beginning for beginning in self.answers if line.startswith(beginning)]
        return self.answers[max(known, key=len)] if known else ""

    def grants(self, *command: str | Path) -> bool:
        """Written down."""
        line = " ".join(map(str, command))
        self.ran.append(line)
        return not any(line.startswith(failing) for failing in self.fails)

    def run(
        self, *command: str | Path, given: str = "", remedy: str = "", environment: Mapping[str, str | None] = UNCHANGED
    ) -> str:
        """Written down, with what it was given."""
        if not self.grants(*command):
            raise InstallationError(f"{command[0]} ended with 1:", remedy=remedy)
        if given:
            self.ran.append(given)
        return ""


class Code:
    """Something to install: a folder with a stand-in for the program."""

    def __init__(self, version: str, shipped: Mapping[str, bytes]) -> None:
        self.version, self.fingerprint, self._shipped = version, f"bytes of {version}", dict(shipped)

    def __str__(self) -> str:
        return f"code of {self.version}"

    def shipped(self) -> dict[str, bytes]:
        """As given."""
        return dict(self._shipped)

    def install(self, python: Path, machine: Machine) -> None:
        """The parts of an environment that are looked at."""
        home = python.parents[1]
        (home / "bin").mkdir(parents=True)
        python.touch()
        packages = home / "lib/python3.11/site-packages"
        packages.mkdir(parents=True)
        folder = home / "share/eggwatch/systemd"
        folder.mkdir(parents=True)
        for name, data in self._shipped.items():
            (folder / name).write_bytes(data)


def installation_on(machine: Machine, root: Path, interpreter: Interpreter = PYTHON) -> Installation:
    """An installation below a folder."""
    return Installation(places=Places(root=root), machine=machine, interpreter=interpreter)
