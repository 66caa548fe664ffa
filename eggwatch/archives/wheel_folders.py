"""The folders at the root of a wheel: one dist-info, at most one data folder, both named as the file."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.archives.zip_directory import Directory
from eggwatch.model.names import Filename, project_name

SUFFIX = ".dist-info"
_DATA = ".data"
_LONGEST_FOLDER = 400
_SCHEMES = frozenset(("purelib", "platlib", "headers", "scripts", "data"))
"""What a data folder may hold (binary distribution format, "The .data directory")."""


def find_dist_info(directory: Directory, filename: Filename, findings: Findings) -> str | None:
    """The lawful dist-info folder; every other one at the root is a flaw (pip takes no wheel with two)."""
    expected = f"{filename.name_part}-{filename.version_part}{SUFFIX}"
    tops = {member.name.partition("/")[0] for member in directory.members if "/" in member.name}
    infos = sorted(top for top in tops if top.lower().endswith(SUFFIX))
    if len(infos) > 1:
        message = f"The root holds more than one {SUFFIX} folder: {clipped(', '.join(infos))}. {BUILD_AGAIN}"
        findings.refuse("dist-info-ambiguous", expected, message)
    equals = [info for info in infos if is_named_as(info, SUFFIX, filename)]
    if len(infos) == 1 and not equals:
        return _renamed(infos[0], expected, findings)
    if expected in equals:
        return expected
    if len(equals) != 1:
        message = f"There is no {clipped(expected)}, where installers look for METADATA. {BUILD_AGAIN}"
        findings.refuse("metadata-missing", expected, message)
        return None
    return equals[0]


def _renamed(info: str, expected: str, findings: Findings) -> str:
    """The dist-info of another name or version, whose METADATA will say what the file was built as."""
    message = f"There is no {clipped(expected)}, but a {clipped(info)}. Do not rename wheels. {BUILD_AGAIN}"
    findings.refuse("metadata-missing", expected, message)
    return info


def check_data_folders(directory: Directory, filename: Filename, findings: Findings) -> None:
    """Installers move what lies in `{name}-{version}.data/SCHEME`; anything else there has no place to go."""
    told: set[tuple[str, str]] = set()
    for member in directory.members:
        top, slash, rest = member.name.partition("/")
        if not top.endswith(_DATA) or "-" not in top or not slash or not rest:
            continue
        scheme = rest.partition("/")
        lawful = is_named_as(top, _DATA, filename) and scheme[0] in _SCHEMES and scheme[1]
        if lawful or (top, scheme[0]) in told:
            continue
        told.add((top, scheme[0]))
        message = (
            f"Only {clipped(filename.name_part)}-{filename.version_part}{_DATA}/ with "
            f"{', '.join(sorted(_SCHEMES))} in it has a place to be installed to. {BUILD_AGAIN}"
        )
        findings.refuse("wheel-data-folder", member.name, message)
        if findings.full:
            return


def data_scripts(directory: Directory) -> list[str]:
    """The files that installers put into the folder of scripts as they are: `*.data/scripts/NAME`."""
    places = (member.name.split("/", 2) for member in directory.members if not member.is_folder)
    return [place[2] for place in places if len(place) == 3 and place[0].endswith(".data") and place[1] == "scripts"]


def is_named_as(folder: str, suffix: str, filename: Filename) -> bool:
    """True if the folder's name and version are the filename's, once normalised (older tools differ)."""
    name, _, version = folder.removesuffix(suffix).partition("-")
    try:
        return (
            len(folder) < _LONGEST_FOLDER
            and folder.endswith(suffix)
            and project_name(name) == filename.project
            and Version(version) == filename.version
        )
    except InvalidVersion:
        return False
