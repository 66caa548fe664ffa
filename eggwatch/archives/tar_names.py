"""What the members of a tar are to each other: no two of them one file, and none unpacked through a link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped, located
from eggwatch.archives.limits import refuse_many_folders
from eggwatch.archives.nesting import below_any, with_others_below
from eggwatch.archives.paths import folded, link_danger, plain
from eggwatch.archives.tar_walk import FOLDER, HARD_LINK, LINKS, REGULAR

METADATA = "PKG-INFO"


class Place(NamedTuple):
    """A member: its plain path, the offset of its header in the inflated tar, its type flag, a link's target."""

    path: str
    offset: int
    kind: bytes
    target: str

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.kind == FOLDER


def refuse_member(code: str, subject: str, message: str, offset: int, findings: Findings) -> None:
    """Note the flaw of one member, whose header begins at `offset` of the inflated tar."""
    findings.refuse(code, subject, located(message, offset, " of the tar"))


def check_places(places: Sequence[Place], findings: Findings) -> None:
    """Look at all members together."""
    if refuse_many_folders((place.path for place in places), findings):
        return
    links = {folded(place.path) for place in places if place.kind in LINKS}
    if links:
        _check_links(places, links, findings)
    _check_names(places, links, findings)


def _check_links(places: Iterable[Place], links: Set[str], findings: Findings) -> None:
    """No member may be unpacked through a link, nor in a link's place, and so onto what it points at.

    Also not where case is not told apart: `links` are folded. A hard link is another name of a file that is there
    already: tarfile, and so pip, stops where it is not.
    """
    seen: set[str] = set()
    files: set[str] = set()
    behind = below_any((folded(place.path) for place in places), links)
    for place in places:
        path, name = place.path, folded(place.path)
        if (name in links and name in seen) or name in behind:
            message = f"It would be unpacked through another member, which is a link. {BUILD_AGAIN}"
            refuse_member("tar-unsafe-link", path, message, place.offset, findings)
        elif _dangles(place, files):
            message = f"A hard link to {clipped(place.target)}, which is no file that came before it. {BUILD_AGAIN}"
            refuse_member("tar-unsafe-link", path, message, place.offset, findings)
        if findings.full:
            return
        seen.add(name)
        if place.kind in REGULAR or place.kind == HARD_LINK:
            files.add(path)


def _dangles(place: Place, files: Set[str]) -> bool:
    """True for a hard link that can't be made, unless it is refused for its target already."""
    return (
        place.kind == HARD_LINK
        and plain(place.target) not in files
        and link_danger(place.path, place.target, from_root=True) is None
    )


def _check_names(places: Sequence[Place], links: Set[str], findings: Findings) -> None:
    """No two members may be one file: by path, as file and folder, or where case is not told apart.

    Folders may come again, as old distutils wrote them; of links `_check_links` tells.
    """
    crowded = with_others_below(place.path for place in places)
    seen: dict[str, Place] = {}
    for place in places:
        path, name = place.path, folded(place.path)
        first = seen.setdefault(name, place)
        if name in links or (place.is_folder and first.path == path and first.is_folder):
            continue
        if first is not place:
            _refuse_second(place, first, findings)
        elif path in crowded and not place.is_folder:
            message = f"Other members lie in a folder of this name. {BUILD_AGAIN}"
            refuse_member("tar-duplicate-member", path, message, place.offset, findings)
        if findings.full:
            return


def _refuse_second(place: Place, first: Place, findings: Findings) -> None:
    path, offset = place.path, place.offset
    if path == first.path:
        code = "tar-duplicate-metadata" if _is_metadata(path) else "tar-duplicate-member"
        message = f"The tar holds it twice, the other at byte {first.offset}; which one counts is anyone's guess."
        refuse_member(code, path, f"{message} {BUILD_AGAIN}", offset, findings)
    else:
        other = f"{clipped(first.path)} at byte {first.offset}"
        message = f"On Windows and macOS it is one file with {other}, and one overwrites the other. Rename one."
        refuse_member("tar-case-collision", path, message, offset, findings)


def _is_metadata(path: str) -> bool:
    return path.count("/") == 1 and path.endswith(f"/{METADATA}")
