"""Which of many paths lie below which, without ever writing down the folders on the way.

A hundred folders in each of ten thousand names are a million folders, and gigabytes of text, out of a few packed
kilobytes. So paths are compared with their neighbours in an order in which all that lies in a folder follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import pairwise, takewhile
from typing import NamedTuple

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

    The first of a pair is one of `folders`, or the start of one: given are that whole path and the other of the pair.
    Of pairs within each other only the outermost is given, and each spelling only once.
    """
    told: set[str] = set()
    before: list[str] = []
    levels: dict[int, _Level] = {}
    for key, folder in sorted((folded(folder).replace("/", "\0"), folder) for folder in folders if folder):
        parts = key.split("\0")
        shared = _shared(before, parts)
        before, levels = parts, {depth: level for depth, level in levels.items() if depth <= shared}
        pair = _entered(levels, folder)
        if pair is not None and pair[0] not in told:
            told.add(pair[0])
            yield folder, pair[1]


class _Level(NamedTuple):
    """One of the folders on the way to the path that was looked at last: its name, and where in `path` it ends."""

    name: str
    path: str
    end: int


def _entered(levels: dict[int, _Level], folder: str) -> tuple[str, str] | None:
    """Add what is new on the way to `folder`; the first pair that differs, or None."""
    depth = end = 0
    for name in folder.split("/"):
        depth += 1 + name.count("\\")  # once folded it is a slash
        end += len(name)
        level = levels.setdefault(depth, _Level(name, folder, end))
        if level.name != name:
            return folder[:end], level.path[: level.end]
        end += 1
    return None


def count_folders(paths: Iterable[str]) -> int:
    """How many folders there have to be for all of these files: what unpacking makes beside them."""
    count = 0
    before: list[str] = []
    for folder in _in_order([path.rpartition("/")[0] for path in paths]):
        parts = folder.split("/") if folder else []
        count += len(parts) - _shared(before, parts)
        before = parts
    return count


def _shared(one: list[str], other: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
