"""An .egg-info in a wheel: metadata of an older form, which lists of what is installed read beside the dist-info.

Tried with pip 26.3 and uv 0.13.9: both install by the dist-info. But `pip list` and `uv pip list` then tell what the
.egg-info says, too, and pip fails over one without a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.parser import HeaderParser

from packaging.version import Version

from eggwatch.archives.zip.directory import ZipMember
from eggwatch.model.names import Project, project_name
from eggwatch.model.parsing import parsed

SUFFIX = ".egg-info"
LARGEST = 64 << 10
"""Bytes of a PKG-INFO in it that are read."""

_LONGEST_NAME = 255


def may_hold_metadata(member: ZipMember) -> bool:
    """True for the .egg-info itself, if it is a file, and for what is read of one that is a folder."""
    folder, slash, name = member.name.rpartition("/")
    at = folder if slash and name in ("PKG-INFO", "METADATA") else member.name
    return not member.is_folder and at.lower().endswith(SUFFIX) and member.size <= LARGEST


def is_named_as(top: str, project: Project) -> bool:
    """True if such a folder is called as the project; what stands behind a '-' is its version."""
    name = top.lower().removesuffix(SUFFIX).partition("-")[0]
    return len(name) <= _LONGEST_NAME and project_name(name) == project


def trouble(top: str, kept: Mapping[str, bytes], project: Project) -> str | None:
    """What a list of installed projects makes of this .egg-info, a path in the wheel; None if it is only doubled."""
    if not is_named_as(top.rpartition("/")[2], project):
        return "It would be installed as another project's metadata, and 'pip list' and 'uv pip list' tell that project"
    read = [kept[path] for path in (f"{top}/METADATA", f"{top}/PKG-INFO", top) if kept.get(path)]
    if not read:
        return "pip, once it is installed, fails over an .egg-info without a PKG-INFO"
    fields = HeaderParser().parsestr(read[0].decode("utf-8", "replace"))
    name, version = fields.get("Name") or "", fields.get("Version") or ""
    if len(name) > _LONGEST_NAME or project_name(name) != project:
        return "Its PKG-INFO names another project, which 'pip list' and 'uv pip list' tell then"
    if len(version) > _LONGEST_NAME or parsed(Version, version) is None:
        return "Its PKG-INFO has no version, and pip, once it is installed, fails over that"
    return None
