"""Which of many paths lie below which, without ever writing down the folders on the way.

A hundred folders in each of ten thousand names are a million folders, and gigabytes of text, out of a few packed
kilobytes. So paths are compared with their neighbours in an order in which all that lies in a folder follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import pairwise, takewhile


def _in_order(paths: Iterable[str]) -> list[str]:
    # Were '/' not the lowest of all characters, `a-b` would stand between `a` and `a/b`.
    return sorted(set(paths), key=lambda path: path.replace("/", "\0"))


def with_others_below(paths: Iterable[str]) -> set[str]:
    """Those of the paths that are the folder of another one too."""
    neighbours = pairwise(_in_order(paths))
    return {path for path, after in neighbours if after.startswith(path) and after.startswith("/", len(path))}


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
