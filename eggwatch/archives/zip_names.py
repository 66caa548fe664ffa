"""What the directory of a zip says of its members, before any of them is read: names, types, comments."""

from __future__ import annotations

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.archives.limits import refuse_many_folders
from eggwatch.archives.nesting import with_others_below
from eggwatch.archives.paths import CONTROL, folded, zip_path_danger
from eggwatch.archives.zip_directory import Directory, ZipMember
from eggwatch.archives.zip_local import DESCRIPTOR


def check_names(directory: Directory, findings: Findings) -> None:
    """No two members may be one file: by name, as file and folder, or where case is not told apart."""
    members = directory.members
    if refuse_many_folders((member.name for member in members), findings):
        return
    crowded = with_others_below(member.name.removesuffix("/") for member in members)
    # A folder that is a member too is compared as one.
    crowded -= {member.name.removesuffix("/") for member in members if member.is_folder}
    seen: dict[str, ZipMember] = {}
    for member in members:
        name = member.name.removesuffix("/")
        first = seen.setdefault(folded(name), member)
        if first is not member:
            _refuse_second(member, name, first, findings)
        elif name in crowded and not member.is_folder:
            message = f"Other members lie in a folder of this name. {BUILD_AGAIN}"
            findings.refuse("zip-duplicate-member", member.name, message, at=member.offset)
        if findings.full:
            return


def _refuse_second(member: ZipMember, name: str, first: ZipMember, findings: Findings) -> None:
    if name == first.name.removesuffix("/"):
        message = (
            f"The zip holds two members of this name, the other at byte {first.offset}; which one counts is "
            f"anyone's guess. {BUILD_AGAIN}"
        )
        findings.refuse("zip-duplicate-member", member.name, message, at=member.offset)
    else:
        message = (
            f"On Windows and macOS it is one file with {clipped(first.name)} at byte {first.offset}, and one "
            "overwrites the other. Rename one."
        )
        findings.refuse("zip-case-collision", member.name, message, at=member.offset)


def check_entries(directory: Directory, findings: Findings) -> None:
    """Names that are safe to unpack, files that are files, nothing beside the members."""
    for member in directory.members:
        _check_entry(member, findings)
        if findings.full:
            return
    _note_comments(directory, findings)
    _note_descriptors(directory, findings)


def _check_entry(member: ZipMember, findings: Findings) -> None:
    if CONTROL.search(member.name):
        message = f"The member's name holds control characters. {BUILD_AGAIN}"
        findings.refuse("zip-name-characters", member.name, message, at=member.offset)
    danger = zip_path_danger(member.name)
    if danger:
        message = f"The member's name is not safe to unpack: {danger}. {BUILD_AGAIN}"
        findings.refuse("zip-unsafe-path", member.name, message, at=member.offset)
    if member.name.endswith("/") and member.size:
        message = f"A folder with {member.size} bytes of contents. {BUILD_AGAIN}"
        findings.refuse("zip-malformed", member.name, message, at=member.offset)
    if member.mode & _NOT_A_FILE:
        _check_type(member, findings)


_NOT_A_FILE = 0o070000
"""Bits of a mode that are set for all types but regular file (0o100000)."""


def _check_type(member: ZipMember, findings: Findings) -> None:
    if member.is_link:
        message = f"A symbolic link; installers write a file with its target's path in it. {BUILD_AGAIN}"
        findings.refuse("zip-link", member.name, message, at=member.offset)
    elif member.is_device:
        message = f"A device or pipe, which has no place in a wheel. {BUILD_AGAIN}"
        findings.refuse("zip-device", member.name, message, at=member.offset)


def _note_comments(directory: Directory, findings: Findings) -> None:
    members = [member for member in directory.members if member.comment]
    if directory.comment:
        message = f"The zip ends in a comment of {directory.comment} bytes; PyPI takes none. {BUILD_AGAIN}"
        findings.note("zip-comment", "end record", message)
    if members:
        message = f"{len(members)} members have comments, this one first; PyPI takes none. {BUILD_AGAIN}"
        findings.note("zip-comment", members[0].name, message)


def _note_descriptors(directory: Directory, findings: Findings) -> None:
    members = [member for member in directory.members if member.flags & DESCRIPTOR]
    if members:
        message = (
            f"{len(members)} members have their sizes behind their data (data descriptors), this one first; "
            f"PyPI takes none. Write the zip to a file that can seek. {BUILD_AGAIN}"
        )
        findings.note("zip-data-descriptor", members[0].name, message)
