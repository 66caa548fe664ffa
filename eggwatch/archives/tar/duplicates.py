"""Finds members of a tar that occur twice with the same bytes, which is harmless.

Build tools that collect files by patterns write some files twice (pyarrow's sdists have two LICENSE.txt). The first
pass does not keep contents, so a second pass compares them; archives without duplicates need none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import BinaryIO

from eggwatch.archives.findings import Findings
from eggwatch.archives.paths import plain
from eggwatch.archives.tar.gzip_stream import GzipStream
from eggwatch.archives.tar.links import MemberPlace
from eggwatch.archives.tar.walk import REGULAR, ByteStream, TarWalk

LARGEST_TWIN = 4 << 20
"""Most bytes of a member that is compared; one is in memory at a time."""
_RUNS = 0o111
MOST_TWINS = 1000
"""Most members that are compared with the first of their path. No build tool writes more of them by accident."""


def twins(file: BinaryIO, size: int, places: Sequence[MemberPlace]) -> Set[int]:
    """The offsets of all files that have the same path and bytes as the first one of that path.

    `file` is a complete gzip file of `size` bytes, `places` are all members of its tar.
    """
    firsts = _candidates(places)
    if not firsts:
        return frozenset()
    compared = {*firsts, *firsts.values()}
    paths = {place.path for place in places if place.offset in compared}
    digests = _digests(file, size, paths)
    return {offset for offset, first in firsts.items() if digests[offset] == digests[first]}


def _candidates(places: Iterable[MemberPlace]) -> Mapping[int, int]:
    """The offset of each file that may be a copy → that of the first of its path. Empty if there are too many."""
    seen: dict[str, MemberPlace] = {}
    programs: set[str] = set()
    found: dict[int, int] = {}
    for place in places:
        first = seen.setdefault(place.path, place)
        # pip keeps the execute bit of an earlier copy, uv does not.
        was_program = place.path in programs
        if place.mode & _RUNS:
            programs.add(place.path)
        if first is not place and was_program <= bool(place.mode & _RUNS) and _may_be_same(place, first):
            found[place.offset] = first.offset
            if len(found) > MOST_TWINS:
                return {}
    return found


def _may_be_same(place: MemberPlace, first: MemberPlace) -> bool:
    is_file = place.kind in REGULAR and first.kind in REGULAR
    return is_file and place.size == first.size and place.size <= LARGEST_TWIN


def _digests(file: BinaryIO, size: int, paths: Set[str]) -> dict[int, bytes]:
    """The sha256 of each file with one of these paths, by its offset."""
    stream = ByteStream(iter(GzipStream(file, size, Findings())))
    walk = TarWalk(stream, lambda name, count: count <= LARGEST_TWIN and plain(name) in paths)
    return {member.offset: hashlib.sha256(member.content).digest() for member in walk if member.content is not None}
