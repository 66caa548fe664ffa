"""How numbers of things are written."""

from __future__ import annotations


def counted(number: int, what: str, more: str | None = None) -> str:
    """A number with its noun: 0 files, 1 file, 2 files; `more` is a plural that is not the noun with an s."""
    return f"{number} {what if number == 1 else more or f'{what}s'}"
