"""How settings are written: a function answers with the value, or says the grammar by a ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote, urlsplit

Grammar = Callable[[object], Any]
KeyPath = tuple[str, ...]
"""The names of the tables that contain a key, and its own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A key of the configuration: what it does, in a sentence, how its value is read, and a value as in the file.

    That value is the `default`, or an `example` if the key has no default.
    """

    says: str
    read: Grammar
    default: str | None = None
    example: str | None = None


def declared(key: str, settings: Mapping[str, Setting]) -> Setting:
    """The setting of that name; raises ValueError with a suggestion if there is none."""
    if key not in settings:
        near = get_close_matches(key, settings, n=1)
        raise ValueError(f"unknown{f'; did you mean {near[0]}?' if near else ''}")
    return settings[key]


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 36_500 * 86400.0
"""A century: a moment that is so far ahead can still be written as a date."""
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def duration(value: object) -> float:
    """Seconds from `90s`, `10m`, `1h`, `30d`; ValueError says the grammar."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('is not a time; write "90s", "10m", "1h" or "30d"')
    if (seconds := float(match[1]) * _UNITS[match[2]]) > _LONGEST:
        raise ValueError('is longer than "36500d"')
    return seconds


def size(value: object) -> int:
    """Bytes from `64MiB`, `2GiB`; ValueError says the grammar."""
    match = re.fullmatch(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('is not a size; write "64MiB" or "2GiB"')
    return int(match[1]) * _SIZES[match[2]]


def text(value: object) -> str:
    """One line of printable text; raises ValueError for anything else."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("is not a line of text")
    return value


def url(value: object) -> str:
    """An http or https URL; raises ValueError with an example for anything else."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text(value)) or not _has_host(str(value)):
        raise ValueError('is not a URL; write "https://packages.example.com/"')
    return str(value)


_UNLAWFUL = (
    (r"\?", "has a query (?)"),
    ("#", "has a fragment (#)"),
    (r"//[^/]*@", "has an account or a password (@), which everybody would read"),
    ("%(?![0-9A-Fa-f]{2})", "has a % that two hexadecimal digits do not follow"),
)


def index_url(value: object) -> str:
    """The base URL of the pages, its scheme in lower case; raises ValueError for what can't be in one."""
    scheme, colon, rest = text(value).partition("://")
    address = url(f"{scheme.lower()}{colon}{rest}")
    for pattern, what in _UNLAWFUL:
        if re.search(pattern, address):
            raise ValueError(f"{what}; {_PLAIN}")
    if {".", ".."} & {unquote(part) for part in urlsplit(address).path.split("/")}:
        raise ValueError(f"has '.' or '..' for a folder; {_PLAIN}")
    return address


_PLAIN = 'write "https://packages.example.com/"'

_COPIED_TO = re.compile(
    r"\\\\[^\\\s]+\\.+"  # a Windows share
    r"|rsync://[^/\s].*"
    r"|(~[\w.-]*)?/.*"
    r"|(?!\w:\\|[A-Z]:/)(?:\w[\w.+-]*@)?(?:\[[\w:.%]+\]|\w[\w.-]*)::?(?!//).*"
)


def upload_to(value: object) -> str:
    """Where uploaders copy to, in a form that one of their programs knows; ValueError names the forms."""
    if not _COPIED_TO.fullmatch(text(value)):
        forms = r"HOST:FOLDER, rsync://HOST/MODULE/, HOST::MODULE, \\HOST\SHARE or an absolute path"
        raise ValueError(f"is not a place to copy to; write {forms}")
    return str(value)


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that are no IPv6 address, a port that is no number
        return False


class SeveralError(ValueError):
    """Several things are wrong within one setting: (the path of keys that leads there from it, what)."""

    def __init__(self, problems: Sequence[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(path)}: {what}" for path, what in problems))
        self.problems = problems


def accent(value: object) -> str:
    """A colour for links, `#rrggbb`, dark enough to be read on white."""
    from eggwatch.pages.site.colours import LEAST, WHITE, contrast  # loaded for those who have one

    if not re.fullmatch("#[0-9a-fA-F]{6}", text(value)):
        raise ValueError('is not a colour; write "#7a1f5c"')
    if (found := contrast(str(value), WHITE)) < LEAST:
        raise ValueError(f"is too light for links on a white page (its contrast is {found:.1f}, at least {LEAST:g})")
    return str(value).lower()


def textfile(value: object) -> str:
    """The name of a file that node_exporter reads."""
    if not text(value).endswith(".prom"):
        raise ValueError("does not end in .prom, and node_exporter reads no other files")
    return str(value)


def file_mode(value: object) -> int:
    """A mode in octal digits, as text."""
    if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3}", value):
        raise ValueError('is not a mode; write "0644" or "0640"')
    if (mode := int(value, 8)) & 0o600 != 0o600:
        raise ValueError('keeps the daemon itself from reading or writing; write "0644" or "0640"')
    return mode


def either(one: str, other: str) -> Grammar:
    """One of two words."""

    def read(value: object) -> str:
        if value not in (one, other):
            raise ValueError(f'is neither "{one}" nor "{other}"')
        return str(value)

    return read


def flag(value: object) -> bool:
    """true or false; ValueError for anything else."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def read_table(value: object, settings: Mapping[str, Setting], above: KeyPath = ()) -> dict[str, Any]:
    """The values of a table by their names in Python; SeveralError names all that is wrong."""
    if not isinstance(value, dict):
        raise ValueError("is not a table")
    values: dict[str, Any] = {}
    problems: list[tuple[KeyPath, str]] = []
    for key, item in value.items():
        try:
            values[key.replace("-", "_")] = declared(key, settings).read(item)
        except ValueError as error:
            said = f"{item!r} {error}" if key in settings else str(error)
            problems.append(((*above, key), said))
    if problems:
        raise SeveralError(problems)
    return values
