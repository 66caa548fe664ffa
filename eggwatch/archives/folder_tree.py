"""Finds which paths are inside which folders, without building a list of all folders.

Ten thousand names with a hundred folders each have a million folders: gigabytes of text, from a few compressed
kilobytes. So paths are sorted such that the contents of a folder follow it, and compared with their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import pairwise

from eggwatch.archives.paths import folded


def _in_order(paths: Iterable[str]) -> list[str]:
    # With '/' as the lowest character, `a-b` does not sort between `a` and `a/b`.
    return sorted(set(paths), key=lambda path: path.replace("/", "\0"))


def with_others_below(paths: Iterable[str]) -> dict[str, str]:
    """The paths that are also a folder of another path, each with one of its contents."""
    neighbours = pairwise(_in_order(paths))
    return {path: after for path, after in neighbours if after.startswith(path) and after.startswith("/", len(path))}


def below_any(paths: Iterable[str], tops: Set[str]) -> set[str]:
    """The paths that are inside one of `tops`, at any depth."""
    return set(_below(_in_order([*paths, *tops]), tops))


def _below(in_order: Iterable[str], tops: Set[str]) -> Iterator[str]:
    top = None
    for path in in_order:
        if top is not None and path.startswith(top):
            yield path
        elif path in tops:
            top = f"{path}/"


def respelled(folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of folders, among these and their parents, whose names are the same to Windows or macOS.

    The first of a pair is one of `folders` that is it, or is inside it. Of nested pairs only the outermost is returned,
    and each spelling only once.
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
    """The names in the path of a folder; None for each that a backslash separates, which is a slash once folded."""
    if "\\" not in folder:
        return [*folder.split("/")]
    return [name for part in folder.split("/") for name in (*[None] * part.count("\\"), part)]


def _difference(levels: list[str | None], names: list[str | None]) -> int | None:
    """The first level at which the names differ from those of the same folders before; fills in unknown ones."""
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
    """The number of folders that unpacking these files creates."""
    count = 0
    before: list[str] = []
    for folder in _in_order([path.rpartition("/")[0] for path in paths]):
        parts = folder.split("/") if folder else []
        count += len(parts) - _shared(before, parts)
        before = parts
    return count


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many leading parts are equal. A binary search: comparing slices is a hundred times faster than parts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
