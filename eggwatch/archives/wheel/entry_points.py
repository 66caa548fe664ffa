"""Checks entry_points.txt: an INI file that all tools read alike, with names of scripts that are safe in a bin folder.

Source: PyPUG, entry points specification; PyPI checks the names in the same way. Installers read it with configparser,
or line by line like importlib.metadata; what the two could read differently is a flaw. Neither is called here, because
configparser takes minutes for a few kilobytes that are not an INI file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, quoted
from eggwatch.archives.paths import folded
from eggwatch.archives.wheel.scripts import interpreter_named, is_interpreter
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted
from eggwatch.model.verdicts import Level

LARGEST_ENTRY_POINTS = 1 << 20
"""Most bytes of an entry_points.txt."""

MOST_LINES = 10_000
"""Most lines of an entry_points.txt; each script becomes a file."""

LONGEST_LINE = 1000
"""Most characters of a line."""

MOST_FLAWS = 10
"""Most flaws of one entry_points.txt that are reported."""

Case = tuple[Code, Level]
"""A code and its level: what installers read alike only warns."""

_INVALID: Case = (Code.ENTRY_POINTS_INVALID, Level.REFUSE)
_ODD: Case = (Code.ENTRY_POINTS_INVALID, Level.WARN)
_COLLISION: Case = (Code.WHEEL_COLLISION, Level.REFUSE)
_TWICE: Case = (Code.WHEEL_COLLISION, Level.WARN)
_UNSAFE: Case = (Code.SCRIPT_NAME_UNSAFE, Level.REFUSE)
_UNSUPPORTED: Case = (Code.SCRIPT_UNSUPPORTED, Level.REFUSE)
_SCRIPTS = ("console_scripts", "gui_scripts")
_SECTION = re.compile(r"\[([^\[\]]+)\]")
_NAME = re.compile(r"[\w.-]+")
_ODD_NAME = re.compile(r"[\w.-]*[+@][\w.+@-]*")
_OUTSIDE = re.compile(r"[/\\:]|\A\.*\Z")
_REFERENCE = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[[^\[\]]*\])?")
# No spaces around the colon; extras of letters, digits and '_', the first also with '-'.
_OF_PIP = re.compile(r"[\w.]+:[\w.]+\s*(?:\[\s*[\w-]+(?:,\s*\w+)*\s*\])?")
# str.splitlines ends a line at each of these, configparser only at a newline.
_OTHER_BREAK = re.compile(r"\r(?!\n)|[\v\f\x1c-\x1e\x85\u2028\u2029]")

Trouble = tuple[Case, str]
"""The case, and what was found."""


def check_entry_points(content: bytes, path: str, scripts: Mapping[str, str], findings: Findings) -> None:
    """Add the flaws of an entry_points.txt; `scripts` are members, by their path in the folder of scripts."""
    refusing = islice((one for one in _troubles(content, scripts) if one[0][1] is Level.REFUSE), MOST_FLAWS)
    for (code, _), sentence in refusing:
        findings.refuse(code, path, f"{sentence} {BUILD_AGAIN}")
    # A second pass, so that many warnings do not hide a flaw that rejects.
    milds: dict[Code, str] = {}
    for (code, level), sentence in _troubles(content, scripts):
        if level is Level.WARN:
            milds.setdefault(code, sentence)
    for code, sentence in milds.items():
        findings.warn(code, path, f"{sentence} {IF_YOURS}")


def script_names(content: bytes) -> frozenset[str]:
    """The names of the programs in an entry_points.txt, whether or not it is valid."""
    group, names = "", set()
    for line in content.decode("utf-8", "replace").split("\n"):
        text = line.strip()
        if text.startswith("["):
            group = text.strip("[] ")
        elif group in _SCRIPTS and "=" in text:
            names.add(text.partition("=")[0].strip())
    return frozenset(names)


def _troubles(content: bytes, scripts: Mapping[str, str]) -> Iterator[Trouble]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        yield _INVALID, f"Byte {error.start} is not UTF-8."
        return
    if match := _OTHER_BREAK.search(text):
        yield (
            _INVALID,
            f"Character {match.start()} is {match[0]!a}, which only some tools take for the end of a line.",
        )
        return
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        yield _INVALID, f"It has {counted(len(lines), 'line')}; {MOST_LINES} are allowed."
        return
    reader = _Reader(scripts)
    for number, line in enumerate(lines, 1):
        for case, sentence in reader.troubles(line):
            yield case, f"Line {number}: {sentence}"


class _Reader:
    """Reads line by line, and reports the flaws of each."""

    def __init__(self, scripts: Mapping[str, str]) -> None:
        self._group: str | None = None
        self._groups: set[str] = set()
        self._names: set[str] = set()
        self._files = dict(scripts)
        """The contents of the folder of scripts so far, by folded name: a member, or the name of an entry point."""
        self._indent: int | None = None
        """The indent of the last entry; to configparser a line with a larger indent continues it."""

    def troubles(self, line: str) -> Iterator[Trouble]:
        """The flaws of the next line."""
        text = line.strip()
        if len(line) > LONGEST_LINE:
            # Other sections are only read by programs that have plugins.
            mild = self._group not in (None, *_SCRIPTS)
            yield _ODD if mild else _INVALID, f"It has more than {LONGEST_LINE} characters."
            if not mild:
                return
        if not text or text.startswith("#"):
            return
        elif text.startswith(";"):
            yield _INVALID, f"{quoted(text)} is a comment only for some tools; use '#'."
        elif self._indent is not None and _indent_of(line) > self._indent:
            yield _INVALID, f"{quoted(text)} continues the line before for some tools, and not for others."
        elif text.startswith("["):
            yield from self._section(text)
        else:
            self._indent = _indent_of(line)
            yield from self._entry(text)

    def _section(self, text: str) -> Iterator[Trouble]:
        match = _SECTION.fullmatch(text)
        self._group = match[1].strip() if match else text.strip("[]")
        self._indent, self._names = None, set()
        if match is None:
            yield _INVALID, f"{quoted(text)} should be like [console_scripts]; tools read it differently."
        elif self._group == "DEFAULT":
            yield _INVALID, "[DEFAULT] applies to every other section for some tools."
        elif self._group in self._groups:
            yield _INVALID, f"{quoted(text)} occurs twice."
        self._groups.add(self._group)

    def _entry(self, text: str) -> Iterator[Trouble]:
        name, equals, reference = (part.strip() for part in text.partition("="))
        if self._group is None:
            yield _INVALID, f"{quoted(text)} precedes the first section."
        elif not equals or not name:
            yield _INVALID, f"{quoted(text)} should be 'name = module:function'."
        elif name in self._names:
            yield _INVALID, f"{quoted(name)} occurs twice in one section."
        elif self._group in _SCRIPTS:
            yield from self._script(name, reference)
        self._names.add(name)

    def _script(self, name: str, reference: str) -> Iterator[Trouble]:
        where = f"{self._group} has the name {quoted(name)}"
        if _OUTSIDE.search(name):
            yield _UNSAFE, f"{where}, which would be written outside the folder of scripts."
        elif _ODD_NAME.fullmatch(name):
            yield _ODD, f"{where}; letters, digits, '_', '.' and '-' are allowed."
        elif not _NAME.fullmatch(name):
            yield _INVALID, f"{where}; letters, digits, '_', '.' and '-' are allowed."
        elif (other := self._files.get(folded(name))) is not None:
            yield self._collision(name, other, where)
        # `module.path:object.path`, optionally with extras; installers write it into a Python program.
        match = _REFERENCE.fullmatch(reference)
        if not (match is not None and all(part.isidentifier() for path in match.groups() for part in path.split("."))):
            yield _INVALID, f"{quoted(name)} is {quoted(reference)}, and should be module:function."
        elif not _OF_PIP.fullmatch(reference):
            yield _UNSUPPORTED, f"pip can't read {quoted(reference)}; the form is 'module:function [extra]'."
        if is_interpreter(name):
            yield _UNSUPPORTED, interpreter_named(name)
        self._files.setdefault(folded(name), name)

    def _collision(self, name: str, other: str, where: str) -> Trouble:
        """If two names are exactly the same, pip and uv install the entry point, and of two entry points the last."""
        if other == name or (other.endswith(f".data/scripts/{name}")):
            return _TWICE, f"{where}, like another script of this wheel: the last entry point is installed."
        return _COLLISION, f"{where}, and {quoted(other)} is installed under the same name: one overwrites the other."


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())
