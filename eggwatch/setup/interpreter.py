"""Chooses the Python for the program: one that other accounts can run, preferably the distribution's own."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from eggwatch.errors import InstallationError
from eggwatch.setup.machine import Machine

DISTRIBUTION = Path("/usr/bin/python3")
OLDEST = (3, 11)
MINORS = range(19, OLDEST[1] - 1, -1)
PRIVATE = ("/root", "/home", "/run", "/tmp", "/var/tmp")  # noqa: S108  # where the units see nothing

PROBE = """
import importlib.util as u, json, os, sys
try:
    import systemd.journal
    systemd = os.path.dirname(systemd.__file__)
except ImportError:
    systemd = None
whole = all(u.find_spec(name) for name in ("ensurepip", "sqlite3", "venv", "zlib"))
print(json.dumps({"version": list(sys.version_info[:3]), "whole": whole, "systemd": systemd}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python; `systemd` is the path of its systemd-python, `whole` whether it can create virtual environments."""

    path: Path
    version: tuple[int, ...]
    whole: bool
    systemd: Path | None

    @property
    def is_the_distributions(self) -> bool:
        """Whether it is the distribution's own Python."""
        return self.path == DISTRIBUTION

    def __str__(self) -> str:
        return f"{self.path} ({'.'.join(map(str, self.version))})"


def find_interpreter(machine: Machine) -> Interpreter:
    """The first that is new enough and accessible, preferably whole."""
    names = [DISTRIBUTION, *(Path(f"/usr/bin/python3.{minor}") for minor in MINORS), Path("/usr/local/bin/python3")]
    own = Path(getattr(sys, "_base_executable", sys.executable))
    found = [probed(path, machine) for path in [*names, own] if is_in_reach(path)]
    fitting = [one for one in found if one is not None and one.version >= OLDEST]
    if not fitting:
        raise InstallationError(
            "There is no Python 3.11 or newer here that other accounts can reach.",
            remedy="Install one below /usr or /opt: the service has no access to home directories.",
        )
    return next((one for one in fitting if one.whole or one.is_the_distributions), fitting[0])


def probed(path: Path, machine: Machine) -> Interpreter | None:
    """Ask a Python for its version and modules; None if it does not answer."""
    said = machine.says(path, "-I", "-c", PROBE)
    if not said:
        return None
    facts = json.loads(said)
    systemd = None if facts["systemd"] is None else Path(facts["systemd"])
    return Interpreter(path=path, version=tuple(facts["version"]), whole=facts["whole"], systemd=systemd)


def is_in_reach(path: Path) -> bool:
    """Whether every account, and a sandboxed service, can run it."""
    real = Path(os.path.realpath(path))
    if any(real.is_relative_to(folder) for folder in PRIVATE) or not real.is_file():
        return False
    modes = [above.stat().st_mode for above in (real, *real.parents)]
    return all(mode & stat.S_IXOTH for mode in modes)
