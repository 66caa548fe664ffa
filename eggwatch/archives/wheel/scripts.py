"""Checks the programs that a wheel installs in bin/: none replaces the interpreter, and each is executable.

Tried with pip 26.3, uv 0.13.9 and pypa/installer 1.1 (tests/hostile/test_clients.py).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Set

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.archives.wheel.collisions import in_data_folders, installed_scripts
from eggwatch.archives.zip.directory import Directory
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted
from eggwatch.model.names import Filename

_IN_SCRIPTS = re.compile(r"[^/]+\.data/scripts/([^/]+)", re.IGNORECASE)
_INTERPRETER = re.compile(r"python|pythonw|python3(\.[0-9]+t?)?|pypy[23]?|graalpy", re.IGNORECASE)


def is_interpreter(name: str) -> bool:
    """True for a name that uv reserves for interpreters, and with which pip would overwrite one."""
    return _INTERPRETER.fullmatch(name) is not None


def interpreter_named(name: str) -> str:
    """The message for a script with such a name."""
    return (
        f"A script is named {clipped(name)}: uv refuses to install it, and pip overwrites the interpreter of that name."
    )


def check_scripts(directory: Directory, filename: Filename, programs: Set[str], findings: Findings) -> None:
    """Reject scripts of the data folder that are named like an interpreter, or that are not executable after pip.

    `programs` are those of entry points, which pip and uv install instead of a script of the same name.
    """
    reserved = set()
    for path, name in installed_scripts(directory).items():
        # Also as a folder: no installer can create one where the interpreter is.
        if is_interpreter(path.partition("/")[0].removesuffix(".exe")):
            reserved.add(name)
            message = f"{interpreter_named(path)} Give it another name."
            findings.refuse(Code.SCRIPT_UNSUPPORTED, name, message)
    idle = []
    for member in in_data_folders(directory):
        match = _IN_SCRIPTS.fullmatch(member.name)
        if match is None or member.name in reserved or match[1] in programs:
            continue
        if not (stat.S_ISREG(member.mode) and member.mode & 0o111):
            idle.append(member.name)
    if idle and not all(tag.platform.startswith("win") for tag in filename.tags):
        message = (
            f"{counted(len(idle), 'script')} can't be run after pip has installed the wheel, this one first: the zip "
            f"has no execute bit for it. uv sets one, pip and pypa/installer do not. {BUILD_AGAIN}"
        )
        findings.refuse(Code.SCRIPT_NOT_EXECUTABLE, idle[0], message)
