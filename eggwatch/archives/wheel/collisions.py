"""Where installers put the members of a wheel: no two onto one path, and none in the place of what was judged.

Source: PyPUG, binary distribution format, "Installing a wheel" and "The .data directory". The root is unpacked to
purelib or platlib, which are one folder nearly everywhere; the data folder is spread over it afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, clipped
from eggwatch.archives.folder_tree import with_others_below
from eggwatch.archives.paths import folded, in_lots, plain
from eggwatch.archives.wheel import egg_info
from eggwatch.archives.zip.directory import Directory, ZipMember
from eggwatch.archives.zip.walk import ZipContents
from eggwatch.model.codes import Code
from eggwatch.model.names import project_name

SUFFIX = ".dist-info"
DATA = ".data"

_PACKAGES = ""
"""purelib, platlib and the root, as one: site-packages."""

_PLACES = {"purelib": _PACKAGES, "platlib": _PACKAGES}
_BELOW_PREFIX = re.compile(
    r"(?P<packages>lib(?:64)?/python[0-9.]+t?/(?:site|dist)-packages|lib/site-packages)/"
    r"|(?P<scripts>bin|scripts)/",
)
"""Where `data` reaches into the other schemes, folded: of Linux, macOS and Windows."""

_INSTALLERS = frozenset(("installer", "requested", "direct_url.json"))
"""Files of a dist-info that the installer writes (PyPUG: recording installed projects), folded.

pip keeps a direct_url.json that a wheel brings along, and tells that the project came from there; installer fails on a
file that already exists.
"""


def check_places(directory: Directory, info: str, contents: ZipContents, findings: Findings) -> None:
    """Look at all members where they will be installed; `info` is the lawful dist-info."""
    _check_projects(directory.members, info, contents.kept, findings)
    # Most wheels have none, and one look at all names is cheaper than one at each.
    if any(DATA in "/".join(lot).lower() for lot in in_lots([member.name for member in directory.members])):
        _check_collisions(directory.members, contents.sha256, findings)


def installed_scripts(directory: Directory) -> dict[str, str]:
    """The members that installers put into the folder of scripts as they are, by their folded path in it."""
    names = (member.name for member in directory.members if not member.is_folder and DATA in member.name.lower())
    return {path: name for name in names for place, path in [installed_place(name)] if place == "scripts"}


def installed_place(name: str) -> tuple[str, str]:
    """The place and the path below it that a member is installed to, folded; the place '' is site-packages."""
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
    """Site-packages gets one dist-info out of a wheel, the lawful one, with nothing in it that installers write."""
    told: set[str] = set()
    for member in members:
        # Nearly every name; to take it apart would cost ten times as much.
        if "-info" not in member.name.lower():
            continue
        place, path = installed_place(member.name)
        top, _, inner = path.partition("/")
        if place or not top.endswith((SUFFIX, egg_info.SUFFIX)):
            continue
        lawful = member.name.partition("/")[0] == info
        # Of other dist-info folders at the root `find_dist_info` has told.
        if not lawful and top not in told and not _is_told(member.name):
            told.add(top)
            spelled = member.name[: len(member.name) - len(inner) - 1] if inner else member.name.removesuffix("/")
            _note_second(spelled, member, kept, info, findings)
        elif lawful and inner in _INSTALLERS:
            message = (
                f"This is a file that installers write, to say by whom and where from it was installed. {IF_YOURS}"
            )
            findings.note(Code.DIST_INFO_INSTALLER, member.name, message)
        if findings.full:
            return


def _note_second(path: str, member: ZipMember, kept: Mapping[str, bytes], info: str, findings: Findings) -> None:
    """Installers go by the dist-info, whatever .egg-info an older tool has left beside it; who lists them does not."""
    if not path.lower().endswith(egg_info.SUFFIX):
        message = f"It would be installed as another project's metadata, or in the place of {clipped(info)}."
    elif trouble := egg_info.trouble(path, kept, project_name(info.partition("-")[0])):
        message = f"{trouble}."
    else:
        message = f"There is metadata of an older form beside {clipped(info)}, by which neither pip nor uv installs."
        findings.warn(Code.DIST_INFO_AMBIGUOUS, member.name, f"{message} {IF_YOURS}")
        return
    findings.refuse(Code.DIST_INFO_AMBIGUOUS, member.name, f"{message} {BUILD_AGAIN}", at=member.offset)


def _is_told(name: str) -> bool:
    top, slash, _ = name.partition("/")
    return bool(slash) and top.lower().endswith(SUFFIX)


def _check_collisions(members: Iterable[ZipMember], sha256: Mapping[str, bytes], findings: Findings) -> None:
    """No two files become one when the data folder is spread; what is one in the zip already, zip_names tells."""
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
        more_text = f" (The same holds for {more} more.)" if more else ""
        findings.warn(Code.WHEEL_COLLISION, name, f"{same} {IF_YOURS}{more_text}")


def _is_equal(one: ZipMember, other: ZipMember, sha256: Mapping[str, bytes]) -> bool:
    """Whether both are sound and have the same bytes: then it is all the same which of them stays."""
    return one.name in sha256 and sha256[one.name] == sha256.get(other.name)
