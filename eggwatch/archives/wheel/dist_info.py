"""Checks the folders at the root of a wheel: one dist-info and at most one data folder, both named like the file."""

from __future__ import annotations

from packaging.version import Version

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.archives.wheel.collisions import DATA, SUFFIX
from eggwatch.archives.zip.directory import Directory, ZipMember
from eggwatch.model.codes import Code
from eggwatch.model.names import Filename, project_name
from eggwatch.model.parsing import parsed

_LONGEST_FOLDER = 400
_SCHEMES = frozenset(("purelib", "platlib", "headers", "scripts", "data"))
"""What a data folder may contain (binary distribution format, "The .data directory")."""


def find_dist_info(directory: Directory, filename: Filename, findings: Findings) -> str | None:
    """The valid dist-info folder; every other one at the root is a flaw (pip rejects a wheel with two)."""
    expected = f"{filename.name_part}-{filename.version_part}{SUFFIX}"
    tops = {member.name.partition("/")[0] for member in directory.members if "/" in member.name}
    infos = sorted(top for top in tops if top.lower().endswith(SUFFIX))
    if len(infos) > 1:
        message = f"The root contains more than one {SUFFIX} folder: {clipped(', '.join(infos))}. {BUILD_AGAIN}"
        findings.refuse(Code.DIST_INFO_AMBIGUOUS, expected, message)
    equals = [info for info in infos if is_named_as(info, SUFFIX, filename)]
    if len(infos) == 1 and not equals:
        return _renamed(infos[0], expected, findings)
    if expected in equals:
        return expected
    if len(equals) != 1:
        message = f"There is no {clipped(expected)}, where installers look for METADATA. {BUILD_AGAIN}"
        findings.refuse(Code.METADATA_MISSING, expected, message)
        return None
    return equals[0]


def _renamed(info: str, expected: str, findings: Findings) -> str:
    """A dist-info with another name or version; its METADATA says what the file was built as."""
    message = (
        f"The wheel was renamed after it was built: there is no {clipped(expected)}, but a {clipped(info)}. Set "
        "name and version in the project, and build it again; don't rename the file."
    )
    findings.refuse(Code.METADATA_MISSING, expected, message)
    return info


def check_data_folders(directory: Directory, info: str, filename: Filename, findings: Findings) -> None:
    """Check that the data folder is `{name}-{version}.data` and contains nothing but the known schemes.

    pip unpacks every folder `*.data`, installer the one named like the file, uv the one named like the dist-info; they
    have to be the same.
    """
    valid = f"{filename.name_part}-{filename.version_part}{DATA}"
    if info.removesuffix(SUFFIX) != valid.removesuffix(DATA):
        valid = ""
    told: set[tuple[str, str]] = set()
    for member in directory.members:
        top, _, rest = member.name.partition("/")
        if not top.lower().endswith(DATA):
            continue
        scheme, slash, inner = rest.partition("/")
        has_place = top == valid and _has_place(member, scheme, inner if slash else None)
        if has_place or (top, scheme) in told:
            continue
        told.add((top, scheme))
        message = (
            f"Only {clipped(filename.name_part)}-{filename.version_part}{DATA}/ with "
            f"{', '.join(sorted(_SCHEMES))} in it, and no folders in scripts, can be installed. "
            f"{BUILD_AGAIN}"
        )
        findings.refuse(Code.WHEEL_DATA_FOLDER, member.name, message)
        if findings.full:
            return


def _has_place(member: ZipMember, scheme: str, path: str | None) -> bool:
    """True for the data folder itself, its schemes, and their contents."""
    if path is None:
        return member.is_folder and not scheme
    # uv can't install a folder in scripts; pip and installer can.
    return scheme in _SCHEMES and not (scheme == "scripts" and "/" in path)


def is_named_as(folder: str, suffix: str, filename: Filename) -> bool:
    """True if the folder has the name and version of the file, once normalised (older tools differ)."""
    name, _, version = folder.removesuffix(suffix).partition("-")
    return (
        len(folder) < _LONGEST_FOLDER
        and folder.endswith(suffix)
        and project_name(name) == filename.project
        and parsed(Version, version) == filename.version
    )
