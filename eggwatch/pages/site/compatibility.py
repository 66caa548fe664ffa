"""For which Pythons and platforms there are wheels, as a table: from filenames alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

MOST_ROWS, MOST_COLUMNS = 40, 20

_INTERPRETERS = {"py": "Python", "cp": "CPython", "pp": "PyPy", "graalpy": "GraalPy"}
_PLATFORMS = (
    (re.compile(r"any"), "any platform"),
    (re.compile(r"manylinux(?:1|2010|2014|_\d+_\d+)_(\w+)"), "Linux {}"),
    (re.compile(r"musllinux_\d+_\d+_(\w+)"), "Linux (musl) {}"),
    (re.compile(r"linux_(\w+)"), "Linux {}"),
    (re.compile(r"macosx_\d+_\d+_(\w+)"), "macOS {}"),
    (re.compile(r"win_amd64"), "Windows x86_64"),
    (re.compile(r"win32"), "Windows x86"),
    (re.compile(r"win_(\w+)"), "Windows {}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compatibility:
    """The names of platforms, and for each kind of Python the wheels by platform, "" where there is none."""

    platforms: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def compatibility(filenames: Iterable[str]) -> Compatibility | None:
    """The table of a release's wheels; None without any."""
    cells: dict[tuple[str, str], str] = {}
    for filename in filenames:
        for cell in _cells(filename):
            cells.setdefault(cell, filename)
    pythons = sorted({python for python, _ in cells}, key=_natural)[:MOST_ROWS]
    platforms = sorted({platform for _, platform in cells})[:MOST_COLUMNS]
    rows = tuple((python, tuple(cells.get((python, one), "") for one in platforms)) for python in pythons)
    return Compatibility(platforms=tuple(platforms), rows=rows) if rows else None


def _cells(filename: str) -> Iterator[tuple[str, str]]:
    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return
    for tag in tags:
        yield _python(tag.interpreter, tag.abi), _platform(tag.platform)


def _python(interpreter: str, abi: str) -> str:
    match = re.fullmatch(r"([a-z]+)(\d)_?(\d*)", interpreter)
    if match is None:
        return interpreter
    version = f"{match[2]}.{match[3]}" if match[3] else match[2]
    name = f"{_INTERPRETERS.get(match[1], match[1])} {version}"
    if abi == "abi3":
        return f"{name} and later"
    return f"{name}, free-threaded" if re.fullmatch(r"cp\d+t", abi) else name


def _platform(platform: str) -> str:
    for pattern, label in _PLATFORMS:
        if match := pattern.fullmatch(platform):
            return label.format(*match.groups())
    return platform


def _natural(text: str) -> list[tuple[int, str]]:
    """3.9 before 3.10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]
