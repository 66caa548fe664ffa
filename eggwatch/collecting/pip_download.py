"""pip's own `download`: its configuration, indexes, credentials and proxies; wheels only, so that nothing is built."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eggwatch.errors import EggwatchError

QUIET = ("--quiet", "--disable-pip-version-check", "--no-input")

_UNREACHED = re.compile(r"Could not fetch URL (?P<url>\S+): (?!404 Client Error)(?P<why>.*) - skipping")
"""How pip's log names an index that does not answer; on the terminal it only says that nothing matches."""


_SAVED = re.compile(r"(?:Saved|File was already downloaded) (?:.*/)?(?P<name>[^/\n]+)$", re.MULTILINE)


class NotDownloadedError(Exception):
    """Why pip has downloaded nothing, in its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """A pip that downloads for one Python; `options` choose others (--platform) or other indexes."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()

    def download(self, wanted: Sequence[str], folder: Path) -> list[str]:
        """The wheels that pip has chosen, which lie in the folder then; what was there is not fetched again."""
        log = folder.with_name(f"{folder.name}.log")
        command = [*self.command, "download", *QUIET, "--only-binary", ":all:", "--log", str(log), *self.options]
        command += ["--dest", str(folder), *wanted]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        text = log.read_text("utf-8", "replace") if log.exists() else ""
        log.unlink(missing_ok=True)
        if done.returncode:
            _raise_if_unreached(text)
            raise NotDownloadedError(_last_error(done.stderr))
        return [found["name"] for found in _SAVED.finditer(text)]

    def download_each(self, pins: Sequence[str], folder: Path) -> tuple[list[str], dict[str, str]]:
        """The wheels of pins without their dependencies, and the reason for each pin that has none."""
        if not pins:
            return [], {}
        try:
            return self.download(["--no-deps", *pins], folder), {}
        except NotDownloadedError as error:
            if len(pins) == 1:
                return [], {pins[0]: str(error)}
        half = len(pins) // 2  # pip stops at the first that is missing
        names, reasons = self.download_each(pins[:half], folder)
        more_names, more_reasons = self.download_each(pins[half:], folder)
        return names + more_names, reasons | more_reasons


def pip_for(python: Path, options: Sequence[str] = ()) -> Pip:
    """The pip of that Python, else one that downloads for it; EggwatchError if there is none."""
    others = [(sys.executable, "-m", "pip"), *([(found,)] if (found := shutil.which("pip")) else [])]
    candidates = [(str(python), "-m", "pip"), *((*other, "--python", str(python)) for other in others)]
    command = next((one for one in candidates if _works(one)), None)
    if command is None:
        raise EggwatchError(
            f"There is no pip for {python}.", remedy=f"Install one (22.3 or newer): {python} -m ensurepip."
        )
    return Pip(command=command, options=tuple(options))


def _works(command: Sequence[str]) -> bool:
    return subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0


def _raise_if_unreached(log: str) -> None:
    """What nobody could look for is not missing."""
    found = _UNREACHED.search(log)
    if found is not None:
        raise EggwatchError(
            f"pip can't reach an index: {found['url']}: {found['why']}",
            remedy="Check 'pip config list' and the network, and run the command again: it goes on where it stopped.",
        )


def _last_error(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["pip failed, and said nothing."]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1]
