"""Which of many paths lie below which, without ever writing down the folders on the way.

A hundred folders in each of ten thousand names are a million folders, and gigabytes of text, out of a few packed
kilobytes. So paths are compared with their neighbours in an order in which all that lies in a folder follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import pairwise

from eggwatch.archives.paths import folded


def _in_order(paths: Iterable[str]) -> list[str]:
    # Were '/' not the lowest of all characters, `a-b` would stand between `a` and `a/b`.
    return sorted(set(paths), key=lambda path: path.replace("/", "\0"))


def with_others_below(paths: Iterable[str]) -> dict[str, str]:
    """Those of the paths that are the folder of another one too, each with one that lies in it."""
    neighbours = pairwise(_in_order(paths))
    return {path: after for path, after in neighbours if after.startswith(path) and after.startswith("/", len(path))}


def below_any(paths: Iterable[str], tops: Set[str]) -> set[str]:
    """Those of the paths that lie, at whatever depth, in one of `tops`."""
    return set(_below(_in_order([*paths, *tops]), tops))


def _below(in_order: Iterable[str], tops: Set[str]) -> Iterator[str]:
    top = None
    for path in in_order:
        if top is not None and path.startswith(top):
            yield path
        elif path in tops:
            top = f"{path}/"


def respelled(folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of folders that differ in nothing but how they are spelled, among these and those that they lie in.

    The first of a pair is one of `folders` that is it, or lies in it. Of pairs within each other only the outermost is
    given, and each spelling only once.
    """
    told: set[str] = set()
    before: list[str] = []
    levels: list[str | None] = []
    for key, folder in sorted((folded(folder).replace("/", "\0"), folder) for folder in folders if folder):
        parts, names = key.split("\0"), _names(folder)
        shared = _shared(before, parts)
        before = parts
        del levels[shared:]
        at = _difference(levels, names)
        if at is not None and (spelling := _path(names[: at + 1])) not in told:
            told.add(spelling)
            yield folder, _path(levels[: at + 1])
        levels += names[shared:]


def _names(folder: str) -> list[str | None]:
    """The names on the way to a folder; None where only a backslash, which folded is a slash, stands for one."""
    if "\\" not in folder:
        return [*folder.split("/")]
    return [name for part in folder.split("/") for name in (*[None] * part.count("\\"), part)]


def _difference(levels: list[str | None], names: list[str | None]) -> int | None:
    """Where the names first differ from those of the same folders before, if they do; unknown ones become known."""
    if levels == names[: len(levels)]:
        return None
    for at, (level, name) in enumerate(zip(levels, names, strict=False)):
        if level is None:
            levels[at] = name
        elif name not in (level, None):
            return at
    return None


def _path(names: Iterable[str | None]) -> str:
    return "/".join(name for name in names if name is not None)


def count_folders(paths: Iterable[str]) -> int:
    """How many folders there have to be for all of these files: what unpacking makes beside them."""
    count = 0
    before: list[str] = []
    for folder in _in_order([path.rpartition("/")[0] for path in paths]):
        parts = folder.split("/") if folder else []
        count += len(parts) - _shared(before, parts)
        before = parts
    return count


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts both begin with: found by halving, since slices are compared a hundred times faster than parts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
