"""Checks the links of a tar: no member is unpacked through one, and both pip and uv can create each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped, located
from eggwatch.archives.folder_tree import below_any
from eggwatch.archives.paths import folded, link_danger, plain
from eggwatch.archives.tar.walk import FOLDER, HARD_LINK, LINKS, REGULAR, SYMBOLIC_LINK
from eggwatch.model.codes import Code

MOST_STEPS = 256
"""Most links that uv follows from one link."""

MOST_WORK = 8 << 20
"""Most bytes of paths that uv reads to follow all links of a tar."""


class MemberPlace(NamedTuple):
    """A member: its path, the offset of its header in the inflated tar, its type flag, the target of a link.

    `size` is that of a file in bytes, `mode` its permissions.
    """

    path: str
    offset: int
    kind: bytes
    target: str
    size: int = 0
    mode: int = 0o644

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.kind == FOLDER


def refuse_member(code: Code, subject: str, message: str, offset: int, findings: Findings) -> None:
    """Add the flaw of one member, whose header begins at `offset` of the inflated tar."""
    findings.refuse(code, subject, located(message, offset, " of the tar"))


def check_links(places: Sequence[MemberPlace], links: Set[str], findings: Findings) -> Set[int]:
    """Check that no member is unpacked through a link, or over a link and so onto its target.

    Case is ignored, as on Windows and macOS; `links` are folded. The target of a hard link has to precede it: else
    tarfile, and so pip, fails. Returns the offsets of links that repeat an earlier one.
    """
    _check_ends(places, findings)
    copies: set[int] = set()
    firsts: dict[str, MemberPlace] = {}
    seen: set[str] = set()
    files: set[str] = set()
    behind = below_any((folded(place.path) for place in places), links)
    for place in places:
        path, name = place.path, folded(place.path)
        first = firsts.setdefault(path, place)
        if first is not place and name not in behind and _is_same_link(place, first):
            copies.add(place.offset)
        elif (name in links and name in seen) or name in behind:
            message = f"It would be unpacked through another member that is a link. {BUILD_AGAIN}"
            refuse_member(Code.TAR_UNSAFE_LINK, path, message, place.offset, findings)
        elif _dangles(place, files):
            message = f"A hard link to {clipped(place.target)}, which is not a file that precedes it. {BUILD_AGAIN}"
            refuse_member(Code.TAR_UNSAFE_LINK, path, message, place.offset, findings)
        elif place.kind == HARD_LINK and _starts_with_dot(place):
            message = (
                f"A hard link to {clipped(place.target)}: pip does not find a target that begins with './'. "
                f"{BUILD_AGAIN}"
            )
            refuse_member(Code.TAR_BROKEN_LINK, path, message, place.offset, findings)
        if findings.full:
            break
        seen.add(name)
        if place.kind in REGULAR or place.kind == HARD_LINK:
            files.add(path)
    return copies


def _is_same_link(place: MemberPlace, first: MemberPlace) -> bool:
    return place.kind in LINKS and (place.kind, place.target) == (first.kind, first.target)


def _starts_with_dot(link: MemberPlace) -> bool:
    """True if pip does not find the target of a hard link, because the target does not begin with the top folder."""
    own_top, top = link.path.partition("/")[0], link.target.partition("/")[0]
    return own_top != top and link_danger(link.path, link.target, from_root=True) is None


def _check_ends(places: Iterable[MemberPlace], findings: Findings) -> None:
    """Check that each symbolic link leads somewhere, as uv follows it, and to a folder if it ends in a slash."""
    kinds = {place.path: place for place in places}
    work = [0]
    for place in kinds.values():
        is_safe = place.kind == SYMBOLIC_LINK and link_danger(place.path, place.target, from_root=False) is None
        if findings.full or not is_safe:
            continue
        end = _end_of(place, kinds, work)
        if end is None:
            message = (
                f"The link to {clipped(place.target)} leads back to itself or through too many links, which uv rejects."
            )
        elif place.target.endswith(("/", "/.")) and end in kinds and kinds[end].kind != FOLDER:
            message = f"The link to {clipped(place.target)} ends in a slash but leads to a file, which uv rejects."
        else:
            continue
        refuse_member(Code.TAR_BROKEN_LINK, place.path, f"{message} {BUILD_AGAIN}", place.offset, findings)


def _end_of(link: MemberPlace, places: Mapping[str, MemberPlace], work: list[int]) -> str | None:
    """The path to which a symbolic link finally leads; None if there is none. `work` adds up over all links."""
    path, seen = _landing(link), set[str]()
    for _ in range(MOST_STEPS):
        work[0] += 2 * len(path) + sum(at for at, letter in enumerate(path) if letter == "/")
        if path in seen or work[0] > MOST_WORK:
            return None
        seen.add(path)
        # The first symbolic link on the way to this path, including the path itself.
        ends = [at for at, letter in enumerate(path) if letter == "/"] + [len(path)]
        on_the_way = (places.get(path[:end]) for end in ends)
        through = next((place for place in on_the_way if place is not None and place.kind == SYMBOLIC_LINK), None)
        if through is None:
            return path
        path = plain(f"{_landing(through)}{path[len(through.path) :]}")
    return None


def _landing(link: MemberPlace) -> str:
    """Where a symbolic link points, from the root of the archive. '..' is only at the beginning (`link_danger`)."""
    here = link.path.split("/")[:-1]
    for part in plain(link.target).split("/"):
        here = here[:-1] if part == ".." else [*here, part]
    return "/".join(part for part in here if part)


def _dangles(place: MemberPlace, files: Set[str]) -> bool:
    """True for a hard link that can't be created, unless its target is rejected anyway."""
    return (
        place.kind == HARD_LINK
        and plain(place.target) not in files
        and link_danger(place.path, place.target, from_root=True) is None
    )
