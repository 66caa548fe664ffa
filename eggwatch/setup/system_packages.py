"""Packages to install with the distribution's package manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from eggwatch.errors import InstallationError
from eggwatch.setup.interpreter import Interpreter, probed
from eggwatch.setup.machine import Machine, Step
from eggwatch.setup.versions import Versions

WITHOUT_SYSTEMD = (
    "Without it eggwatch sends systemd the same messages itself; only the journal's structured fields are missing."
)
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=0", "-y", "-q")
QUIETLY = {"DEBIAN_FRONTEND": "noninteractive"}


def whole_python(interpreter: Interpreter, machine: Machine) -> Iterator[Step]:
    """A step that installs python3-venv, which Debian packages separately."""
    if not interpreter.whole:
        yield Step(what="install python3-venv by apt-get", do=lambda: _install_venv(machine))


def _install_venv(machine: Machine) -> None:
    machine.run(
        *APT, "install", "--no-install-recommends", "python3-venv", environment=QUIETLY,
        remedy="Install the package python3-venv by hand, and run this again.",
    )  # fmt: skip


class SystemdPython:
    """The distribution's systemd-python; without it, only the journal's fields are missing."""

    def __init__(self, machine: Machine, versions: Versions) -> None:
        self._machine, self._versions = machine, versions
        self.lacking = ""
        """Why it could not be installed; empty if it was."""

    def there(self, interpreter: Interpreter, home: Path) -> Iterator[Step]:
        """Steps that install it, and link it into a version."""
        if interpreter.systemd is not None:
            yield from self._versions.linked_systemd(home, interpreter)
        elif interpreter.is_the_distributions and (command := self._command()) is not None:
            yield Step(
                what=f"install python3-systemd by {command[0]}, and link it into {home}",
                do=lambda: self._install(command, interpreter, home),
            )

    def _command(self) -> tuple[str, ...] | None:
        if self._machine.has("apt-get"):
            return (*APT, "install", "--no-install-recommends", "python3-systemd")
        return ("dnf", "-y", "-q", "install", "python3-systemd") if self._machine.has("dnf") else None

    def _install(self, command: tuple[str, ...], interpreter: Interpreter, home: Path) -> None:
        try:
            self._machine.run(*command, environment=QUIETLY)
        except InstallationError as error:
            self.lacking = f"python3-systemd could not be installed. {WITHOUT_SYSTEMD}\n  {error.message}"
            return
        found = probed(interpreter.path, self._machine)
        if found is not None and found.systemd is not None:
            self._versions.link_systemd(home, found)
