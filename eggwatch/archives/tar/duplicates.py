"""Members of a tar that stand twice: nothing is ambiguous about two copies of the same bytes.

Build tools that collect files by patterns write some twice (pyarrow's sdists have two LICENSE.txt). Their contents are
passed over unread at first, so that they are compared in a second pass; a sound archive costs none.
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
"""Bytes of a member that is compared; they are in memory one at a time."""
_RUNS = 0o111
MOST_TWINS = 1000
"""Members that are compared with the first of their path. More of them is no accident of a build tool."""


def twins(file: BinaryIO, size: int, places: Sequence[MemberPlace]) -> Set[int]:
    """The offsets of all files that have the same path and bytes as the first one of that path.

    `file` is a gzip of `size` bytes that was read to its end and found whole, `places` are all members of its tar.
    """
    firsts = _candidates(places)
    if not firsts:
        return frozenset()
    compared = {*firsts, *firsts.values()}
    paths = {place.path for place in places if place.offset in compared}
    digests = _digests(file, size, paths)
    return {offset for offset, first in firsts.items() if digests[offset] == digests[first]}


def _candidates(places: Iterable[MemberPlace]) -> Mapping[int, int]:
    """The offset of each file that may be a copy → that of the first of its path; none where there are too many."""
    seen: dict[str, MemberPlace] = {}
    programs: set[str] = set()
    found: dict[int, int] = {}
    for place in places:
        first = seen.setdefault(place.path, place)
        # What was a program once stays one to pip, and not to uv.
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
