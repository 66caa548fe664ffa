"""Reads metadata that leaves no choice to a parser: known fields, each in a line of its own, in printable UTF-8.

Nine of ten archives have such metadata, but for the description. email, with which packaging and pkginfo read it, takes
ten times as long.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from packaging.metadata import parse_email

_LINES = re.compile(rb"(?>[A-Za-z-]+: (?! )[ -~\x80-\xff]+(?<! )\n)++\n?")


@lru_cache(maxsize=1)  # all who read the metadata of an archive ask one after the other
def plain_fields(head: bytes) -> dict[str, Any] | None:
    """The fields as packaging names and divides them; None if packaging has to read them.

    `head` is metadata without its description; where one is among the fields, packaging has to decide, too. The same
    result may be given again: it is not to be changed.
    """
    text = _text(head)
    if text is None:
        return None
    values: dict[str, list[str]] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(": ")
        values.setdefault(name.lower(), []).append(value)
    fields = {_form(name)[0]: _divided(name, said) for name, said in values.items()}
    return None if "" in fields or None in fields.values() else fields


def _text(head: bytes) -> str | None:
    if not _LINES.fullmatch(head):
        return None
    text = head.decode("utf-8", "replace").rstrip("\n")
    return text if "\ufffd" not in text and text.replace("\n", "").isprintable() else None


def _divided(name: str, values: list[str]) -> Any:
    """The values of a field in the form that packaging returns; None if it sets them aside."""
    _, is_list = _form(name)
    if name == "project-url":
        links = {label: url for value in values for label, url in divided(name, value).items()}
        return links if len(links) == len(values) else None
    if is_list:
        return values
    return divided(name, values[0]) if len(values) == 1 else None


def divided(name: str, value: str) -> Any:
    """One value of a field in the form that packaging returns; `name` is in lower case."""
    if name == "project-url":
        label, _, url = value.partition(",")
        return {label.strip(): url.strip()}
    return [word.strip() for word in value.split(",")] if name == "keywords" else value


@lru_cache(maxsize=128)
def _form(name: str) -> tuple[str, bool]:
    """What packaging calls a field, nothing if it does not know it, and whether the field may occur several times."""
    fields, _ = parse_email(f"{name}: one\n")
    repeated, _ = parse_email(f"{name}: one\n{name}: two\n")
    return "" if name == "description" else next(iter(fields), ""), bool(repeated)
