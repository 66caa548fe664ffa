"""entry_points.txt: an INI file whose scripts have names that are safe to write into a bin folder.

Source: PyPUG, entry points specification; PyPI checks the same of names.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped

LARGEST_ENTRY_POINTS = 1 << 20
"""Bytes of an entry_points.txt."""

_SCRIPTS = ("console_scripts", "gui_scripts")
_NAME = re.compile(r"[\w.-]+")
_BLANKS = re.compile(r"[^\S\n]{100}")
_REFERENCE = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[[^\]]*\]\s*)?")


def check_entry_points(content: bytes, path: str, findings: Findings) -> None:
    """Note all that is wrong with an entry_points.txt."""
    for sentence in _troubles(content):
        findings.refuse("entry-points-invalid", path, f"{sentence} {BUILD_AGAIN}")
        if findings.full:
            return


def _troubles(content: bytes) -> Iterator[str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    text = content.decode("utf-8", "replace")
    if _BLANKS.search(text):
        yield "It has a line with a hundred blanks in a row, which configparser takes minutes over."
        return
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        yield f"Byte {error.start} is not UTF-8."
    except (configparser.Error, AttributeError) as error:
        yield f"It is no INI file: {clipped(str(error))}."
    else:
        for group in _SCRIPTS:
            if parser.has_section(group):
                yield from _script_troubles(group, parser.items(group))


def _script_troubles(group: str, items: list[tuple[str, str]]) -> Iterator[str]:
    for name, reference in items:
        if not _NAME.fullmatch(name) or not name.strip("."):
            yield f"{group} has the name {clipped(name)!r}; letters, digits, '_', '.' and '-' are allowed."
        if not _REFERENCE.fullmatch(reference.strip()):
            yield f"{group} says {clipped(name)} = {clipped(reference)!r}, and should say module:function."
