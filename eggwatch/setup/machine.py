"""The machine: runs its programs, and returns their output."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eggwatch.errors import InstallationError, LockHeldError

LAST_LINES = 15
LOCK = Path("/run/eggwatch-setup.lock")
UNCHANGED: Mapping[str, str | None] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: `what` describes it, and `do` carries it out."""

    what: str
    do: Callable[[], object]


class Machine:
    """This machine, through its programs."""

    def has(self, program: str) -> bool:
        """Whether a program is in PATH."""
        return shutil.which(program, path=_PATH) is not None

    @property
    def is_booted_by_systemd(self) -> bool:
        """Whether systemd is running, as in sd_booted(3)."""
        return Path("/run/systemd/system").is_dir()

    def says(self, *command: str | Path) -> str:
        """The output of a program; empty if it fails or is missing."""
        try:
            done = _done(command, "", {})
        except FileNotFoundError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    def grants(self, *command: str | Path) -> bool:
        """Whether a program exits with 0."""
        try:
            return _done(command, "", {}).returncode == 0
        except FileNotFoundError:
            return False

    def run(
        self, *command: str | Path, given: str = "", remedy: str = "", environment: Mapping[str, str | None] = UNCHANGED
    ) -> str:
        """Run a program; InstallationError has its last lines if it fails. A variable that is None is unset."""
        try:
            done = _done(command, given, environment)
        except FileNotFoundError:
            raise InstallationError(f"{command[0]} is not installed on this machine.", remedy=remedy) from None
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines()[-LAST_LINES:]
            line = " ".join(map(str, command))
            raise InstallationError("\n  ".join([f"{line} ended with {done.returncode}:", *said]), remedy=remedy)
        return done.stdout


@contextmanager
def alone(path: Path = LOCK) -> Iterator[None]:
    """Hold a lock, so that only one setup runs at a time; LockHeldError if another is running."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeldError("Another 'eggwatch setup' is running.", remedy="Wait until it has finished.") from None
        yield


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _done(
    command: tuple[str | Path, ...], given: str, more: Mapping[str, str | None]
) -> subprocess.CompletedProcess[str]:
    merged = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": _PATH, **more}
    return subprocess.run(
        [str(word) for word in command],
        input=given,
        env={name: value for name, value in merged.items() if value is not None},
        cwd="/",  # Python must not import modules from the administrator's current directory
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
