"""Parsers of other projects over foreign text: whatever they raise means that the text can't be read.

packaging, email and urllib each have an exception for bad input, and raise others as well (IndexError, RecursionError,
ValueError for a number of 5000 digits). An archive must not be able to make of that an error of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Text = TypeVar("Text", str, bytes)
Value = TypeVar("Value")


def parsed(parser: Callable[[Text], Value], text: Text) -> Value | None:
    """What a parser makes of a text; None where it gives up, in whatever way."""
    try:
        return parser(text)
    except MemoryError:  # says nothing about the text, and nothing that is left can be relied on
        raise
    except Exception:
        return None
