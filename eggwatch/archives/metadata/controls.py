"""Control characters in the fields of core metadata, which 'pip show' writes to the terminal as they are."""

from __future__ import annotations

import re

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, clipped
from eggwatch.model.codes import Code

CODE = Code.METADATA_CONTROL_CHARACTER

# ECMA-48: ESC, and of its one-character forms those that begin a command or a text for the terminal.
_COMMANDS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\x90\x98\x9b\x9d-\x9f]")
# The other C1 controls, which mistaken encodings leave in old metadata, and what turns the direction of a line.
_ODD = re.compile(r"[\x80-\x84\x86-\x8f\x91-\x97\x99\x9a\x9c\u202a-\u202e\u2066-\u2069]")
_NAME = re.compile(rb"([!-9;-~]+):")

_OTHERS = ("description", "metadata-version", "name", "version", "requires-python")
"""Fields that no program shows in a terminal, or that are nothing but text without controls by other rules."""


def check_controls(head: bytes, findings: Findings) -> None:
    """Refuse the first field with a character that commands a terminal, and warn of one that only looks odd."""
    whole = head.decode("utf-8", "replace")
    if not _COMMANDS.search(whole) and not _ODD.search(whole):
        return  # as nearly always: it is not worth while to look at each line
    odd: tuple[str, str] | None = None
    name = ""
    for line in head.splitlines():
        if match := _NAME.match(line):
            name = match[1].decode("ascii")
        if not name or name.lower() in _OTHERS:
            continue
        text = line.decode("utf-8", "replace")
        if found := _COMMANDS.search(text):
            message = f"It holds {clipped(found[0])}, which a terminal obeys when 'pip show' shows the field."
            findings.refuse(CODE, name, f"{message} {BUILD_AGAIN}")
            return
        if odd is None and (found := _ODD.search(text)):
            odd = name, f"It holds {clipped(found[0])}, which is shown as nothing, or turns the rest of the line."
    if odd is not None:
        findings.warn(CODE, odd[0], f"{odd[1]} {IF_YOURS}")
