"""Runs `pip download`, with its own configuration, indexes, credentials and proxies; wheels only: nothing is built."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from eggwatch.errors import EggwatchError

NOT_BUILT = "it would have to be built, which runs its code"

GUARDED = f"""
import os, runpy, shutil, sys
keep, opened = os.environ.pop("EGGWATCH_KEEP", ""), ""
def refuse_builds(event, arguments):
    global opened
    if event == "open" and str(arguments[0]).endswith((".tar.gz", ".zip", ".tgz", ".tar.bz2")):
        opened = str(arguments[0])
    elif event == "subprocess.Popen":
        program = str(arguments[0])
        if program == sys.executable or os.path.basename(program).startswith(("python", "pypy")):
            if keep and opened:
                shutil.copy(opened, keep)
            raise RuntimeError({NOT_BUILT!r})
sys.argv[0] = "pip"
source = sys.argv.pop(1)
if source:
    sys.path.append(source)
sys.addaudithook(refuse_builds)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""pip that cannot build: it does not apply --only-binary to folders, repositories and URLs, nor as dependencies.

pip starts another Python to build something, and for nothing else. By then it has downloaded an sdist, compared it with
its hash, and opened it: it is copied to $EGGWATCH_KEEP, because pip itself saves none without building its metadata.
"""

ALWAYS = ("--disable-pip-version-check", "--no-input")

_UNREACHED = re.compile(r"Could not fetch URL (?P<url>\S+): (?!404 Client Error)(?P<why>.*) - skipping")
"""How pip's log reports an index that does not answer; its output only says that nothing matches."""
_ERROR = re.compile(r"^\S+ ERROR: (.*)$", re.MULTILINE)
_EXCEPTION = re.compile(r"^\S+ ([A-Za-z_][\w.]*: .*)$", re.MULTILINE)
"""The last line of a traceback in pip's log."""
_COLLECTED = re.compile(r"^\S+ (?:Processing|Collecting) (.+)$", re.MULTILINE)
_SAVED = re.compile(r"(?:Saved|File was already downloaded) (?:.*/)?(?P<name>[^/\n]+)$", re.MULTILINE)


class NotDownloadedError(Exception):
    """pip has downloaded nothing; the message is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """A pip that downloads for one Python; `options` choose others (--platform), `indexes` where it looks."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    is_watched: bool = False
    """Whether pip shows its progress on standard error."""

    def download(self, wanted: Sequence[str], folder: Path) -> list[str]:
        """Download wheels into the folder, unless they are there, and return the names of all that pip has chosen."""
        command = [*self.command, "download", *ALWAYS, "--only-binary", ":all:", *self.indexes, *self.options]
        code, log = self._run([*command, "--dest", str(folder), *wanted], folder)
        if code:
            raise _failure(log, folder)
        return [found["name"] for found in _SAVED.finditer(log)]

    def download_sdist(self, pin: str, folder: Path) -> str:
        """Download the sdist of a pin into an empty folder, and return its name; nothing is built."""
        command = [*self.command, "download", *ALWAYS, "--no-deps", "--no-binary", ":all:", "--ignore-requires-python"]
        _, log = self._run([*command, "--dest", str(folder), pin], folder, keep=folder)
        if not (names := os.listdir(folder)):
            raise _failure(log, folder)
        return names[0]

    def look_up(self, wanted: Sequence[str], folder: Path) -> list[str]:
        """The URLs of the wheels that `download` would choose; `folder` is for pip's report."""
        report = folder / "report.json"
        command = [*self.command, "install", *ALWAYS, "--dry-run", "--ignore-installed", "--only-binary", ":all:"]
        command += ["--report", str(report), "--target", str(folder / "target"), *self.indexes, *self.options]
        code, log = self._run([*command, *wanted], folder)
        if code:
            raise _failure(log, folder)
        return [one["download_info"]["url"] for one in json.loads(report.read_text("utf-8"))["install"]]

    def _run(self, command: Sequence[str], folder: Path, *, keep: Path | None = None) -> tuple[int, str]:
        """The exit code of pip, and its log."""
        log = folder.with_name(f"{folder.name}.log")
        log.unlink(missing_ok=True)
        done = subprocess.run(
            [*command, "--log", str(log), *([] if self.is_watched else ["--quiet"])],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr if self.is_watched else subprocess.DEVNULL,
            stderr=None if self.is_watched else subprocess.DEVNULL,
            env={**os.environ, "EGGWATCH_KEEP": str(keep or "")},
            check=False,
        )
        return done.returncode, log.read_text("utf-8", "replace") if log.exists() else ""

    def download_each(self, pins: Sequence[str], folder: Path) -> tuple[list[str], dict[str, str]]:
        """Download the wheels of pins, without dependencies; return their names, and why others are missing."""
        return each(pins, lambda some: self.download(["--no-deps", *some], folder))

    def look_up_each(self, pins: Sequence[str], folder: Path) -> tuple[list[str], dict[str, str]]:
        """The URLs of the wheels of pins, and why others are missing."""
        return each(pins, lambda some: self.look_up(["--no-deps", *some], folder))


def each(pins: Sequence[str], get: Callable[[Sequence[str]], list[str]]) -> tuple[list[str], dict[str, str]]:
    """What pip answers for pins, and its reason for each that is missing."""
    if not pins:
        return [], {}
    try:
        return get(pins), {}
    except NotDownloadedError as error:
        if len(pins) == 1:
            return [], {pins[0]: str(error)}
    half = len(pins) // 2  # because pip stops at the first missing one
    found, reasons = each(pins[:half], get)
    more_found, more_reasons = each(pins[half:], get)
    return found + more_found, reasons | more_reasons


def pip_for(python: Path) -> Pip:
    """The pip of that Python, or another one that it can run; EggwatchError if there is none."""
    commands = ((str(python), "-c", GUARDED, source) for source in _sources())
    command = next((one for one in commands if _works(one)), None)
    if command is None:
        raise EggwatchError(f"There is no pip for {python}.", remedy=f"Install one: {python} -m ensurepip.")
    return Pip(command=command)


def _sources() -> Iterator[str]:
    """Folders to import pip from: that of the Python, ours, that of PATH."""
    yield ""
    ours = find_spec("pip")
    if ours is not None and ours.origin is not None:
        yield str(Path(ours.origin).parents[1])
    if program := shutil.which("pip"):
        with suppress(OSError):  # a script of a Python that is gone
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            yield from (found["folder"] for found in re.finditer(r" from (?P<folder>/.+)/pip \(", said))


def _works(command: Sequence[str]) -> bool:
    try:
        said = subprocess.run([*command, "--version"], capture_output=True, check=False).stdout
    except OSError as error:
        raise EggwatchError(
            f"{command[0]} does not run: {error.strerror}.", remedy="Choose another one with --python."
        ) from error
    return said.startswith(b"pip ")


def _failure(log: str, folder: Path) -> Exception:
    """Why pip has failed; EggwatchError if packages may exist that could not be downloaded, as on a full disk."""
    if (found := _UNREACHED.search(log)) is not None:
        return EggwatchError(
            f"pip can't reach an index: {found['url']}: {found['why']}",
            remedy="Check 'pip config list' and the network, and run the command again: it continues where it stopped.",
        )
    if NOT_BUILT in log:
        return NotDownloadedError(f"{_COLLECTED.findall(log)[-1]}: {NOT_BUILT}")
    if errors := _ERROR.findall(log):
        return _of_errors(errors, log, folder)
    return NotDownloadedError("pip has failed without a message")


def _of_errors(errors: Sequence[str], log: str, folder: Path) -> Exception:
    if errors[-1] == "Exception:" and (found := _EXCEPTION.findall(log)):
        return EggwatchError(
            f"pip has failed: {found[-1]}",
            remedy="Check the network and the disk, and run the command again: it continues where it stopped.",
        )
    # What was linked into the folder lies in the collection itself.
    return NotDownloadedError(errors[-1].strip().replace(f"{folder.parent.name}/{folder.name}/", ""))
