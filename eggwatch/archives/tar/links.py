"""Links in a tar: nothing is unpacked through one, and pip and uv can make each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped, located
from eggwatch.archives.folder_tree import below_any
from eggwatch.archives.paths import folded, link_danger, plain
from eggwatch.archives.tar.walk import FOLDER, HARD_LINK, LINKS, REGULAR, SYMBOLIC_LINK
from eggwatch.model.codes import Code

MOST_STEPS = 256
"""Links that uv follows from one link on."""

MOST_WORK = 8 << 20
"""Bytes of paths that uv looks at to follow all links of a tar."""


class MemberPlace(NamedTuple):
    """A member: its plain path, the offset of its header in the inflated tar, its type flag, a link's target.

    `size` are the bytes of a file, `mode` its permissions.
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
    """Note the flaw of one member, whose header begins at `offset` of the inflated tar."""
    findings.refuse(code, subject, located(message, offset, " of the tar"))


def check_links(places: Sequence[MemberPlace], links: Set[str], findings: Findings) -> Set[int]:
    """No member may be unpacked through a link, nor in a link's place, and so onto what it points at.

    Also not where case is not told apart: `links` are folded. A hard link is another name of a file that is there
    already: tarfile, and so pip, stops where it is not. Returned are the offsets of links that stand there once more.
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
            message = f"It would be unpacked through another member, which is a link. {BUILD_AGAIN}"
            refuse_member(Code.TAR_UNSAFE_LINK, path, message, place.offset, findings)
        elif _dangles(place, files):
            message = f"A hard link to {clipped(place.target)}, which is no file that came before it. {BUILD_AGAIN}"
            refuse_member(Code.TAR_UNSAFE_LINK, path, message, place.offset, findings)
        elif place.kind == HARD_LINK and _starts_with_dot(place):
            message = f"A hard link to {clipped(place.target)}: pip does not find what is called './…'. {BUILD_AGAIN}"
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
    """True for a hard link that pip does not find the target of: it takes the top folder off where it stands first."""
    own_top, top = link.path.partition("/")[0], link.target.partition("/")[0]
    return own_top != top and link_danger(link.path, link.target, from_root=True) is None


def _check_ends(places: Iterable[MemberPlace], findings: Findings) -> None:
    """Each symbolic link has to lead to an end, as uv follows it; and to a folder, if it is spelled as one's name."""
    kinds = {place.path: place for place in places}
    work = [0]
    for place in kinds.values():
        is_safe = place.kind == SYMBOLIC_LINK and link_danger(place.path, place.target, from_root=False) is None
        if findings.full or not is_safe:
            continue
        end = _end_of(place, kinds, work)
        if end is None:
            message = f"The link to {clipped(place.target)} leads back to itself, or on and on; uv refuses that."
        elif place.target.endswith(("/", "/.")) and end in kinds and kinds[end].kind != FOLDER:
            message = f"The link to {clipped(place.target)} is spelled as one to a folder, and uv refuses that."
        else:
            continue
        refuse_member(Code.TAR_BROKEN_LINK, place.path, f"{message} {BUILD_AGAIN}", place.offset, findings)


def _end_of(link: MemberPlace, places: Mapping[str, MemberPlace], work: list[int]) -> str | None:
    """The path that a symbolic link leads to at last; None if there is none. `work` counts up over all links."""
    path, seen = _landing(link), set[str]()
    for _ in range(MOST_STEPS):
        work[0] += 2 * len(path) + sum(at for at, letter in enumerate(path) if letter == "/")
        if path in seen or work[0] > MOST_WORK:
            return None
        seen.add(path)
        # The symbolic link that stands first on the way to this path, the path itself included.
        ends = [at for at, letter in enumerate(path) if letter == "/"] + [len(path)]
        on_the_way = (places.get(path[:end]) for end in ends)
        through = next((place for place in on_the_way if place is not None and place.kind == SYMBOLIC_LINK), None)
        if through is None:
            return path
        path = plain(f"{_landing(through)}{path[len(through.path) :]}")
    return None


def _landing(link: MemberPlace) -> str:
    """Where a symbolic link points, from the root of the archive; '..' stand only in front (`link_danger`)."""
    here = link.path.split("/")[:-1]
    for part in plain(link.target).split("/"):
        here = here[:-1] if part == ".." else [*here, part]
    return "/".join(part for part in here if part)


def _dangles(place: MemberPlace, files: Set[str]) -> bool:
    """True for a hard link that can't be made, unless it is refused for its target already."""
    return (
        place.kind == HARD_LINK
        and plain(place.target) not in files
        and link_danger(place.path, place.target, from_root=True) is None
    )
