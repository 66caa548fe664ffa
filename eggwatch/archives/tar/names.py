"""What the members of a tar are to each other: no two of them one file, and none unpacked through a link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped, located
from eggwatch.archives.folder_tree import respelled, with_others_below
from eggwatch.archives.limits import refuse_many_folders
from eggwatch.archives.paths import folded
from eggwatch.archives.tar.links import MemberPlace, check_links, refuse_member
from eggwatch.archives.tar.walk import LINKS
from eggwatch.archives.windows_names import note_strange
from eggwatch.model.codes import Code

METADATA = "PKG-INFO"


def check_places(places: Sequence[MemberPlace], findings: Findings, twins: Set[int] = frozenset()) -> None:
    """Look at all members together; `twins` are the offsets of those that are copies of the first of their path."""
    if refuse_many_folders((place.path for place in places), findings):
        return
    links = {folded(place.path) for place in places if place.kind in LINKS}
    if links:
        twins = twins | check_links(places, links, findings)
    _check_names(places, links, twins, findings)
    # Of colons, which uv takes in no tar, `tar_path_danger` tells.
    note_strange([place.path for place in places if ":" not in place.path], findings)


def _check_names(places: Sequence[MemberPlace], links: Set[str], twins: Set[int], findings: Findings) -> None:
    """No two members may be one file: by path, as file and folder, or where case is not told apart.

    Folders may come again, as old distutils wrote them; of links `_check_links` tells.
    """
    _check_folders(places, findings)
    names = [folded(place.path) for place in places]
    firsts = dict(zip(reversed(names), reversed(places), strict=True))
    crowded = with_others_below(firsts)
    _tell_twins([place for place in places if place.offset in twins], firsts, findings)
    for place, name in zip(places, names, strict=True):
        if findings.full:
            return
        first = firsts[name]
        if name in links or (place.is_folder and first.is_folder):
            continue
        if first is not place and place.offset not in twins:
            _refuse_second(place, first, findings)
        elif first is place and name in crowded and not place.is_folder:
            _refuse_file(place, firsts[crowded[name]], findings)


def _check_folders(places: Iterable[MemberPlace], findings: Findings) -> None:
    """No two folders may be one where case is not told apart, be they members or only lain in."""
    folders: dict[str, MemberPlace] = {}
    for place in places:
        folders.setdefault(place.path if place.is_folder else place.path.rpartition("/")[0], place)
    for folder, other in respelled(folders):
        _refuse_collision(folders[folder], other, findings)
        if findings.full:
            return


def _refuse_file(place: MemberPlace, inner: MemberPlace, findings: Findings) -> None:
    if inner.path.startswith(f"{place.path}/"):
        message = f"Other members lie in a folder of this name. {BUILD_AGAIN}"
        refuse_member(Code.TAR_DUPLICATE_MEMBER, place.path, message, place.offset, findings)
    else:
        _refuse_collision(place, f"a folder of {inner.path}", findings)


def _tell_twins(places: Sequence[MemberPlace], firsts: Mapping[str, MemberPlace], findings: Findings) -> None:
    """All copies in one warning: a build tool that writes one writes dozens."""
    if not places:
        return
    path, offset = places[0].path, places[0].offset
    found = f"The tar holds it twice, the other at byte {firsts[folded(path)].offset}; both are the same."
    others = f" So it is with {len(places) - 1} more." if len(places) > 1 else ""
    findings.warn(Code.TAR_DUPLICATE_MEMBER, path, located(f"{found}{others} {BUILD_AGAIN}", offset, " of the tar"))


def _refuse_second(place: MemberPlace, first: MemberPlace, findings: Findings) -> None:
    path, offset = place.path, place.offset
    if path == first.path:
        code = Code.TAR_DUPLICATE_METADATA if is_metadata(path) else Code.TAR_DUPLICATE_MEMBER
        message = f"The tar holds it twice, the other at byte {first.offset}; which one counts is anyone's guess."
        refuse_member(code, path, f"{message} {BUILD_AGAIN}", offset, findings)
    else:
        _refuse_collision(place, f"{first.path} at byte {first.offset}", findings)


def _refuse_collision(place: MemberPlace, other: str, findings: Findings) -> None:
    message = f"On Windows or macOS it has the place of {clipped(other)}, and one overwrites the other. Rename one."
    refuse_member(Code.TAR_CASE_COLLISION, place.path, message, place.offset, findings)


def is_metadata(path: str) -> bool:
    """Whether this is the place of PKG-INFO, in whichever top folder."""
    return path.count("/") == 1 and path.endswith(f"/{METADATA}")
