"""Which of many paths lie below which, without ever writing down the folders on the way.

A hundred folders in each of ten thousand names are a million folders, and gigabytes of text, out of a few packed
kilobytes. So paths are compared with their neighbours in an order in which all that lies in a folder follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import takewhile


def name_bytes(name: str) -> int:
    """Bytes of memory that a name takes at most: one foreign letter widens all the others too."""
    return len(name) if name.isascii() else 4 * len(name)


def _in_order(paths: Iterable[str]) -> list[str]:
    # Were '/' not the lowest of all characters, `a-b` would stand between `a` and `a/b`.
    return sorted(set(paths), key=lambda path: path.replace("/", "\0"))


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


def measure_folders(paths: Iterable[str]) -> tuple[int, int]:
    """How many folders these files lie in, which unpacking makes beside them, and the memory for their paths."""
    count = size = 0
    before: list[str] = []
    for folder in _in_order([path.rpartition("/")[0] for path in paths]):
        parts = folder.split("/") if folder else []
        shared = _shared(before, parts)
        count += len(parts) - shared
        # At most so many: the new folders on the way are no longer than the lowest of them.
        size += (len(parts) - shared) * name_bytes(folder)
        before = parts
    return count, size


def _shared(one: list[str], other: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
