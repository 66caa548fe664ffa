"""Where installers put the members of a wheel: no two onto one path, and none in the place of what was judged.

Source: PyPUG, binary distribution format, "Installing a wheel" and "The .data directory". The root is unpacked to
purelib or platlib, which are one folder nearly everywhere; the data folder is spread over it afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.archives.paths import folded, folders_of
from eggwatch.archives.zip_directory import Directory, ZipMember

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
file that is there already.
"""


def check_places(directory: Directory, info: str, findings: Findings) -> None:
    """Look at all members where they will be installed; `info` is the lawful dist-info."""
    _check_projects(directory.members, info, findings)
    # Most wheels have none, and one look at all names is cheaper than one at each.
    if DATA in "/".join(member.name for member in directory.members).lower():
        _check_collisions(directory.members, findings)


def installed_place(name: str) -> tuple[str, str]:
    """The place and the path below it that a member is installed to, folded; the place '' is site-packages."""
    path = folded(name)
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


def _check_projects(members: Iterable[ZipMember], info: str, findings: Findings) -> None:
    """Site-packages gets one dist-info out of a wheel, the lawful one, with nothing in it that installers write."""
    told: set[str] = set()
    for member in members:
        # Nearly every name; to take it apart would cost ten times as much.
        if "-info" not in member.name.lower():
            continue
        place, path = installed_place(member.name)
        top, _, inner = path.partition("/")
        if place or not top.endswith((SUFFIX, ".egg-info")):
            continue
        lawful = member.name.partition("/")[0] == info
        # Of other dist-info folders at the root `find_dist_info` has told.
        if not lawful and top not in told and not _is_told(member.name):
            told.add(top)
            message = f"It would be installed as another project's metadata, or in the place of {clipped(info)}."
            findings.refuse("dist-info-ambiguous", member.name, f"{message} {BUILD_AGAIN}", at=member.offset)
        elif lawful and inner in _INSTALLERS:
            message = f"The installer writes this file, to say by whom and where from it was installed. {BUILD_AGAIN}"
            findings.refuse("dist-info-installer", member.name, message, at=member.offset)
        if findings.full:
            return


def _is_told(name: str) -> bool:
    top, slash, _ = name.partition("/")
    return bool(slash) and top.lower().endswith(SUFFIX)


def _check_collisions(members: Iterable[ZipMember], findings: Findings) -> None:
    """No two files become one when the data folder is spread; what is one in the zip already, zip_names tells."""
    seen: dict[str, ZipMember] = {}
    files = [member for member in members if not member.is_folder]
    places = [":".join(installed_place(member.name)) for member in files]
    folders = folders_of(places)
    for member, place in zip(files, places, strict=True):
        first = seen.setdefault(place, member)
        if first is not member and _is_data(member.name) | _is_data(first.name):
            message = f"It is installed to the same path as {clipped(first.name)}. {BUILD_AGAIN}"
            findings.refuse("wheel-collision", member.name, message, at=member.offset)
        elif place in folders:
            message = f"It is installed as a file where other members need a folder. {BUILD_AGAIN}"
            findings.refuse("wheel-collision", member.name, message, at=member.offset)
        if findings.full:
            return
