"""Where the fields of core metadata end and the description begins, which every reader has to see alike.

email, and so pip, packaging and pkginfo, ends the fields at the first line that is none, and takes a lone carriage
return for the end of a line; others read on, and see dependencies that pip does not.
"""

from __future__ import annotations

import re

from eggwatch.archives.findings import clipped

_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_FIELD = re.compile(rb"[!-9;-~]+:")
# What a carriage return parts is one field all the same where the next line goes on with it.
_LONE_RETURN = re.compile(rb"\r(?![\n \t])")


def head_of(content: bytes) -> bytes:
    """The fields, as email parts them from the description, with the blank line."""
    blank = _BLANK_LINE.search(content)
    return content if blank is None else content[: blank.end()]


def ambiguity(head: bytes) -> str | None:
    """Why readers would see other fields than email does, or None."""
    lone = _LONE_RETURN.search(head)
    if lone is not None:
        return f"A carriage return stands alone at byte {lone.start()}: to some readers it ends the line."
    # What is indented goes on with a field, where there is one before it.
    lines = head.splitlines()
    fields = (line for at, line in enumerate(lines) if at == 0 or not line.startswith((b" ", b"\t")))
    stray = next((line for line in fields if line and not _FIELD.match(line)), None)
    if stray is None:
        return None
    text = clipped(stray.decode("utf-8", "surrogateescape"))
    return f"The line '{text}' is no field: some readers take it and all that follows for the description."
