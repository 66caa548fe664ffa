"""Checks the members of a tar together: no two are the same file, and none is unpacked through a link."""

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
    """Check all members together; `twins` are the offsets of members that are copies of the first of their path."""
    if refuse_many_folders((place.path for place in places), findings):
        return
    links = {folded(place.path) for place in places if place.kind in LINKS}
    if links:
        twins = twins | check_links(places, links, findings)
    _check_names(places, links, twins, findings)
    # `tar_path_danger` reports colons, which uv always rejects.
    note_strange([place.path for place in places if ":" not in place.path], findings)


def _check_names(places: Sequence[MemberPlace], links: Set[str], twins: Set[int], findings: Findings) -> None:
    """Check that no two members are the same file, or a file and a folder, also where case is ignored.

    Folders may be repeated, as old distutils wrote them. `check_links` reports links.
    """
    _check_folders(places, findings)
    names = [folded(place.path) for place in places]
    firsts = dict(zip(reversed(names), reversed(places), strict=True))
    crowded = with_others_below(firsts)
    _warn_of_twins([place for place in places if place.offset in twins], firsts, findings)
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
    """Check that no two folders are the same where case is ignored, whether or not they are members."""
    folders: dict[str, MemberPlace] = {}
    for place in places:
        folders.setdefault(place.path if place.is_folder else place.path.rpartition("/")[0], place)
    for folder, other in respelled(folders):
        _refuse_collision(folders[folder], other, findings)
        if findings.full:
            return


def _refuse_file(place: MemberPlace, inner: MemberPlace, findings: Findings) -> None:
    if inner.path.startswith(f"{place.path}/"):
        message = f"Other members are in a folder of this name. {BUILD_AGAIN}"
        refuse_member(Code.TAR_DUPLICATE_MEMBER, place.path, message, place.offset, findings)
    else:
        _refuse_collision(place, f"a folder of {inner.path}", findings)


def _warn_of_twins(places: Sequence[MemberPlace], firsts: Mapping[str, MemberPlace], findings: Findings) -> None:
    """Report all copies in one warning, because a build tool that writes one writes dozens."""
    if not places:
        return
    path, offset = places[0].path, places[0].offset
    found = f"The tar contains it twice with the same bytes, the other at byte {firsts[folded(path)].offset}."
    others = f" The same is true of {len(places) - 1} more." if len(places) > 1 else ""
    findings.warn(Code.TAR_DUPLICATE_MEMBER, path, located(f"{found}{others} {BUILD_AGAIN}", offset, " of the tar"))


def _refuse_second(place: MemberPlace, first: MemberPlace, findings: Findings) -> None:
    path, offset = place.path, place.offset
    if path == first.path:
        code = Code.TAR_DUPLICATE_METADATA if is_metadata(path) else Code.TAR_DUPLICATE_MEMBER
        message = f"The tar contains it twice, the other at byte {first.offset}; tools choose differently."
        refuse_member(code, path, f"{message} {BUILD_AGAIN}", offset, findings)
    else:
        _refuse_collision(place, f"{first.path} at byte {first.offset}", findings)


def _refuse_collision(place: MemberPlace, other: str, findings: Findings) -> None:
    message = f"On Windows or macOS it is the same as {clipped(other)}, and one overwrites the other. Rename one."
    refuse_member(Code.TAR_CASE_COLLISION, place.path, message, place.offset, findings)


def is_metadata(path: str) -> bool:
    """True for the path of PKG-INFO in any top folder."""
    return path.count("/") == 1 and path.endswith(f"/{METADATA}")
