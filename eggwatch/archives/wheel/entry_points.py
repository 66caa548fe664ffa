"""entry_points.txt: an INI file whose scripts have names that are safe to write into a bin folder.

Source: PyPUG, entry points specification; PyPI checks the same of names. Installers read it by configparser, or as
importlib.metadata does, line by line: what the two could understand differently is a flaw, and neither is called here,
because configparser takes minutes over a few kilobytes that are no INI file.
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
"""Bytes of an entry_points.txt."""

MOST_LINES = 10_000
"""Lines of an entry_points.txt; each script becomes a file."""

LONGEST_LINE = 1000
"""Characters of a line."""

MOST_TOLD = 10
"""Flaws of one entry_points.txt that are told."""

Case = tuple[Code, Level]
"""Of one code what installers read alike is a case that only warns."""

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
# No blanks around the colon, and extras of letters, digits and '_', the first with '-' too.
_OF_PIP = re.compile(r"[\w.]+:[\w.]+\s*(?:\[\s*[\w-]+(?:,\s*\w+)*\s*\])?")
# str.splitlines ends a line at each of them, configparser only at a newline.
_OTHER_BREAK = re.compile(r"\r(?!\n)|[\v\f\x1c-\x1e\x85\u2028\u2029]")

Trouble = tuple[Case, str]
"""The case, and what was found."""


def check_entry_points(content: bytes, path: str, scripts: Mapping[str, str], findings: Findings) -> None:
    """Note what is wrong with an entry_points.txt; `scripts` are members, by the paths in the folder of its scripts."""
    refusing = islice((told for told in _troubles(content, scripts) if told[0][1] is Level.REFUSE), MOST_TOLD)
    for (code, _), sentence in refusing:
        findings.refuse(code, path, f"{sentence} {BUILD_AGAIN}")
    # Read once more: however many programs stand twice, they hide nothing that refuses.
    milds: dict[Code, str] = {}
    for (code, level), sentence in _troubles(content, scripts):
        if level is Level.WARN:
            milds.setdefault(code, sentence)
    for code, sentence in milds.items():
        findings.warn(code, path, f"{sentence} {IF_YOURS}")


def script_names(content: bytes) -> frozenset[str]:
    """The names of the programs that an entry_points.txt asks for; whether it is sound is not judged here."""
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
            f"Character {match.start()} is {match[0]!a}, which only some readers take for the end of a line.",
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
    """Takes the lines one after the other, and says what is wrong with each."""

    def __init__(self, scripts: Mapping[str, str]) -> None:
        self._group: str | None = None
        self._groups: set[str] = set()
        self._names: set[str] = set()
        self._files = dict(scripts)
        """What lies in the folder of scripts already, by its folded name: a member, or the name of an entry point."""
        self._indent: int | None = None
        """That of the entry before, which a line with a larger one continues, for configparser."""

    def troubles(self, line: str) -> Iterator[Trouble]:
        """What is wrong with the next line."""
        text = line.strip()
        if len(line) > LONGEST_LINE:
            # Other sections are read by whoever has plugins only.
            mild = self._group not in (None, *_SCRIPTS)
            yield _ODD if mild else _INVALID, f"It has more than {LONGEST_LINE} characters."
            if not mild:
                return
        if not text or text.startswith("#"):
            return
        elif text.startswith(";"):
            yield _INVALID, f"{quoted(text)} is a comment for some readers; those of all begin with '#'."
        elif self._indent is not None and _indent_of(line) > self._indent:
            yield _INVALID, f"{quoted(text)} is the rest of the line before for some readers, and not for others."
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
            yield _INVALID, f"{quoted(text)} should be like [console_scripts]; readers differ in what they make of it."
        elif self._group == "DEFAULT":
            yield _INVALID, "[DEFAULT] stands for every other section too, for some readers."
        elif self._group in self._groups:
            yield _INVALID, f"{quoted(text)} is there twice."
        self._groups.add(self._group)

    def _entry(self, text: str) -> Iterator[Trouble]:
        name, equals, reference = (part.strip() for part in text.partition("="))
        if self._group is None:
            yield _INVALID, f"{quoted(text)} stands before the first section."
        elif not equals or not name:
            yield _INVALID, f"{quoted(text)} should be 'name = module:function'."
        elif name in self._names:
            yield _INVALID, f"{quoted(name)} is there twice in one section."
        elif self._group in _SCRIPTS:
            yield from self._script(name, reference)
        self._names.add(name)

    def _script(self, name: str, reference: str) -> Iterator[Trouble]:
        where = f"{self._group} has the name {quoted(name)}"
        if _OUTSIDE.search(name):
            yield _UNSAFE, f"{where}, which would be written somewhere else than into the folder of scripts."
        elif _ODD_NAME.fullmatch(name):
            yield _ODD, f"{where}; letters, digits, '_', '.' and '-' are allowed."
        elif not _NAME.fullmatch(name):
            yield _INVALID, f"{where}; letters, digits, '_', '.' and '-' are allowed."
        elif (other := self._files.get(folded(name))) is not None:
            yield self._collision(name, other, where)
        # `module.path:object.path`, extras behind it or not; installers write it into a Python program.
        match = _REFERENCE.fullmatch(reference)
        if not (match is not None and all(part.isidentifier() for path in match.groups() for part in path.split("."))):
            yield _INVALID, f"{quoted(name)} is {quoted(reference)}, and should be module:function."
        elif not _OF_PIP.fullmatch(reference):
            yield _UNSUPPORTED, f"pip can't read {quoted(reference)}; it has to be like 'module:function [extra]'."
        if is_interpreter(name):
            yield _UNSUPPORTED, interpreter_named(name)
        self._files.setdefault(folded(name), name)

    def _collision(self, name: str, other: str, where: str) -> Trouble:
        """pip and uv install the entry point, and of two the last, where the name is the same to the letter."""
        if other == name or (other.endswith(f".data/scripts/{name}")):
            return _TWICE, f"{where}, and so has another script of this wheel: the last entry point is installed."
        return _COLLISION, f"{where}, and {quoted(other)} is installed under that name, too: one overwrites the other."


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())
