"""How settings are written: a function answers with the value, or says the grammar by a ValueError."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def duration(value: object) -> float:
    """Seconds from `90s`, `10m`, `1h`, `30d`; ValueError says the grammar."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('is no time; write "90s", "10m", "1h" or "30d"')
    return float(match[1]) * _UNITS[match[2]]


def size(value: object) -> int:
    """Bytes from `64MiB`, `2GiB`; ValueError says the grammar."""
    match = re.fullmatch(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('is no size; write "64MiB" or "2GiB"')
    return int(match[1]) * _SIZES[match[2]]


def text(value: object) -> str:
    """One line of printable text; ValueError if it is none."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("is no line of text")
    return value


def url(value: object) -> str:
    """An http or https URL; ValueError with an example if it is none."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text(value)) or not _has_host(str(value)):
        raise ValueError('is no URL; write "https://packages.example.com/"')
    return str(value)


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that are no IPv6 address, a port that is no number
        return False


class SeveralError(ValueError):
    """Several things are wrong within one setting: (the path of keys that leads there from it, what)."""

    def __init__(self, problems: Sequence[tuple[tuple[str, ...], str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(path)}: {what}" for path, what in problems))
        self.problems = problems


def flag(value: object) -> bool:
    """true or false; ValueError for anything else."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value
