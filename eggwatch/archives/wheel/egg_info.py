"""Checks an .egg-info in a wheel: metadata in an older format, which lists of installed projects read, too.

Tried with pip 26.3 and uv 0.13.9: both use the dist-info to install. But afterwards `pip list` and `uv pip list` also
show what the .egg-info says, and pip fails at one without a version.
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
"""Most bytes of its PKG-INFO."""

_LONGEST_NAME = 255


def may_hold_metadata(member: ZipMember) -> bool:
    """True for an .egg-info that is a file, and for the metadata in one that is a folder."""
    if SUFFIX not in member.name.lower():
        return False
    folder, slash, name = member.name.rpartition("/")
    at = folder if slash and name in ("PKG-INFO", "METADATA") else member.name
    return not member.is_folder and at.lower().endswith(SUFFIX) and member.size <= LARGEST


def is_named_as(top: str, project: Project) -> bool:
    """True if such a folder has the name of the project; its version may follow a '-'."""
    name = top.lower().removesuffix(SUFFIX).partition("-")[0]
    return len(name) <= _LONGEST_NAME and project_name(name) == project


def trouble(top: str, kept: Mapping[str, bytes], project: Project) -> str | None:
    """What goes wrong in a list of installed projects because of this .egg-info; None if it is only listed twice."""
    if not is_named_as(top.rpartition("/")[2], project):
        return "It would be installed as the metadata of another project, which 'pip list' and 'uv pip list' would show"
    read = [kept[path] for path in (f"{top}/METADATA", f"{top}/PKG-INFO", top) if kept.get(path)]
    if not read:
        return "It has no PKG-INFO, and once it is installed, pip fails"
    fields = HeaderParser().parsestr(read[0].decode("utf-8", "replace"))
    name, version = fields.get("Name") or "", fields.get("Version") or ""
    if len(name) > _LONGEST_NAME or project_name(name) != project:
        return "Its PKG-INFO names another project, which 'pip list' and 'uv pip list' would show"
    if len(version) > _LONGEST_NAME or parsed(Version, version) is None:
        return "Its PKG-INFO has no version, and once it is installed, pip fails"
    return None
