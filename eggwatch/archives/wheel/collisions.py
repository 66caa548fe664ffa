"""Checks where installers write the members of a wheel: no two to the same path, and none over the checked metadata.

Source: PyPUG, binary distribution format, "Installing a wheel" and "The .data directory". The root is unpacked to
purelib or platlib, which are the same folder on nearly all systems; afterwards the contents of the data folder are
moved to their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, clipped
from eggwatch.archives.folder_tree import with_others_below
from eggwatch.archives.paths import folded, plain
from eggwatch.archives.wheel import egg_info
from eggwatch.archives.zip.directory import Directory, ZipMember
from eggwatch.archives.zip.walk import ZipContents
from eggwatch.model.codes import Code
from eggwatch.model.names import project_name

SUFFIX = ".dist-info"
DATA = ".data"
_LOT = 500

_PACKAGES = ""
"""site-packages: purelib, platlib and the root."""

_PLACES = {"purelib": _PACKAGES, "platlib": _PACKAGES}
_BELOW_PREFIX = re.compile(
    r"(?P<packages>lib(?:64)?/python[0-9.]+t?/(?:site|dist)-packages|lib/site-packages)/"
    r"|(?P<scripts>bin|scripts)/",
)
"""Where `data` overlaps with the other schemes, folded: on Linux, macOS and Windows."""

_INSTALLERS = frozenset(("installer", "requested", "direct_url.json"))
"""Files of a dist-info that the installer writes (PyPUG: recording installed projects), folded.

pip keeps a direct_url.json that a wheel contains, and reports it as the origin of the project; installer fails if one
of these files exists already.
"""


def check_places(directory: Directory, info: str, contents: ZipContents, findings: Findings) -> None:
    """Check all members where they will be installed; `info` is the valid dist-info."""
    _check_projects(directory.members, info, contents.kept, findings)
    if in_data_folders(directory):
        _check_collisions(directory.members, contents.sha256, findings)


def in_data_folders(directory: Directory) -> list[ZipMember]:
    """The members that may be in a data folder."""
    members = directory.members
    # Most wheels have none, and one search in many names is cheaper than one in each.
    lots = (members[at : at + _LOT] for at in range(0, len(members), _LOT))
    found = (lot for lot in lots if DATA in "/".join(member.name for member in lot).lower())
    return [member for lot in found for member in lot if DATA in member.name.lower()]


def installed_scripts(directory: Directory) -> dict[str, str]:
    """The members that installers copy into the folder of scripts, by their folded path in it."""
    names = (member.name for member in in_data_folders(directory) if not member.is_folder)
    return {path: name for name in names for place, path in [installed_place(name)] if place == "scripts"}


def installed_place(name: str) -> tuple[str, str]:
    """The place where a member is installed, and its path there, folded; the place '' is site-packages."""
    path = folded(plain(name))
    if not _is_data(name):
        return _PACKAGES, path
    _, _, path = path.partition("/")
    scheme, _, path = path.partition("/")
    if scheme != "data":
        return _PLACES.get(scheme, scheme), path
    inside = _BELOW_PREFIX.match(path)
    if inside is None:
        return scheme, path
    return _PACKAGES if inside["packages"] else "scripts", path[inside.end() :]


def _is_data(name: str) -> bool:
    return name.partition("/")[0].lower().endswith(DATA)


def _check_projects(
    members: Iterable[ZipMember], info: str, kept: Mapping[str, bytes], findings: Findings
) -> None:  # fmt: skip
    """Check that only one dist-info is installed, the valid one, without files that installers write."""
    told: set[str] = set()
    for member in members:
        # This is true of nearly every name; parsing each would cost ten times as much.
        if "-info" not in member.name.lower():
            continue
        place, path = installed_place(member.name)
        top, _, inner = path.partition("/")
        if place or not top.endswith((SUFFIX, egg_info.SUFFIX)):
            continue
        valid = member.name.partition("/")[0] == info
        # `find_dist_info` has reported other dist-info folders at the root.
        if not valid and top not in told and not _is_at_root(member.name):
            told.add(top)
            spelled = member.name[: len(member.name) - len(inner) - 1] if inner else member.name.removesuffix("/")
            _note_second(spelled, member, kept, info, findings)
        elif valid and inner in _INSTALLERS:
            message = f"Only installers write this file, to record who installed the project and from where. {IF_YOURS}"
            findings.note(Code.DIST_INFO_INSTALLER, member.name, message)
        if findings.full:
            return


def _note_second(path: str, member: ZipMember, kept: Mapping[str, bytes], info: str, findings: Findings) -> None:
    """Report a second metadata folder. Installers ignore an .egg-info of an old tool; lists of projects do not."""
    if not path.lower().endswith(egg_info.SUFFIX):
        message = f"It would be installed as the metadata of another project, or over {clipped(info)}."
    elif trouble := egg_info.trouble(path, kept, project_name(info.partition("-")[0])):
        message = f"{trouble}."
    else:
        message = (
            f"There is metadata in an older format beside {clipped(info)}, which neither pip nor uv uses to install."
        )
        findings.warn(Code.DIST_INFO_AMBIGUOUS, member.name, f"{message} {IF_YOURS}")
        return
    findings.refuse(Code.DIST_INFO_AMBIGUOUS, member.name, f"{message} {BUILD_AGAIN}", at=member.offset)


def _is_at_root(name: str) -> bool:
    top, slash, _ = name.partition("/")
    return bool(slash) and top.lower().endswith(SUFFIX)


def _check_collisions(members: Iterable[ZipMember], sha256: Mapping[str, bytes], findings: Findings) -> None:
    """Check that no two files get the same path by the data folder. (`zip.names` checks paths in the zip.)"""
    seen: dict[str, ZipMember] = {}
    files = [member for member in members if not member.is_folder]
    places = [":".join(installed_place(member.name)) for member in files]
    crowded = with_others_below(places)
    equal: list[tuple[str, str]] = []
    for member, place in zip(files, places, strict=True):
        first = seen.setdefault(place, member)
        if first is not member and _is_data(member.name) | _is_data(first.name):
            if place.startswith(f"{_PACKAGES}:") and _is_equal(member, first, sha256):
                equal.append((member.name, first.name))
                continue
            message = f"It is installed to the same path as {clipped(first.name)}. {BUILD_AGAIN}"
            findings.refuse(Code.WHEEL_COLLISION, member.name, message, at=member.offset)
        elif place in crowded:
            message = f"It is installed as a file where other members need a folder. {BUILD_AGAIN}"
            findings.refuse(Code.WHEEL_COLLISION, member.name, message, at=member.offset)
        if findings.full:
            return
    if equal:
        (name, first_name), more = equal[0], len(equal) - 1
        same = f"It is installed to the same path as {clipped(first_name)}, and has the same bytes."
        more_text = f" (The same is true of {more} more.)" if more else ""
        findings.warn(Code.WHEEL_COLLISION, name, f"{same} {IF_YOURS}{more_text}")


def _is_equal(one: ZipMember, other: ZipMember, sha256: Mapping[str, bytes]) -> bool:
    """True if both are intact and have the same bytes, so that it does not matter which of them is kept."""
    return one.name in sha256 and sha256[one.name] == sha256.get(other.name)
