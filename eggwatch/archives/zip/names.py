"""What the directory of a zip says of its members, before any of them is read: names, types, comments."""

from __future__ import annotations

import stat
from collections.abc import Iterable

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.archives.folder_tree import respelled, with_others_below
from eggwatch.archives.limits import refuse_many_folders
from eggwatch.archives.paths import CONTROL, folded, zip_name_oddity, zip_path_danger
from eggwatch.archives.windows_names import note_strange
from eggwatch.archives.zip.directory import UTF8_NAME, Directory, ZipMember
from eggwatch.archives.zip.local_header import DESCRIPTOR
from eggwatch.model.counting import counted


def check_names(directory: Directory, findings: Findings) -> None:
    """No two members may be one file: by name, as file and folder, or where case is not told apart."""
    members = directory.members
    if refuse_many_folders((member.name for member in members), findings):
        return
    _check_folders(members, findings)
    places = [folded(member.name.removesuffix("/")) for member in members]
    firsts = dict(zip(reversed(places), reversed(members), strict=True))
    crowded = with_others_below(firsts)
    for member, place in zip(members, places, strict=True):
        if findings.full:
            return
        first = firsts[place]
        if first is not member:
            _refuse_second(member, first, findings)
        elif place in crowded and not member.is_folder:
            _refuse_file(member, firsts[crowded[place]], findings)


def _check_folders(members: Iterable[ZipMember], findings: Findings) -> None:
    """No two folders may be one where case is not told apart, be they members or only lain in."""
    folders: dict[str, ZipMember] = {}
    for member in members:
        folders.setdefault(member.name.rpartition("/")[0], member)
    for folder, other in respelled(folders):
        _refuse_collision(folders[folder], other, findings)
        if findings.full:
            return


def _refuse_file(member: ZipMember, inner: ZipMember, findings: Findings) -> None:
    if inner.name.startswith(f"{member.name}/"):
        message = f"Other members lie in a folder of this name. {BUILD_AGAIN}"
        findings.refuse("zip-duplicate-member", member.name, message, at=member.offset)
    else:
        _refuse_collision(member, f"a folder of {inner.name}", findings)


def _refuse_second(member: ZipMember, first: ZipMember, findings: Findings) -> None:
    if member.name.removesuffix("/") == first.name.removesuffix("/"):
        message = (
            f"The zip holds two members of this name, the other at byte {first.offset}; which one counts is "
            f"anyone's guess. {BUILD_AGAIN}"
        )
        findings.refuse("zip-duplicate-member", member.name, message, at=member.offset)
    elif not (member.is_folder and first.is_folder):
        _refuse_collision(member, f"{first.name} at byte {first.offset}", findings)


def _refuse_collision(member: ZipMember, other: str, findings: Findings) -> None:
    message = f"On Windows or macOS it has the place of {clipped(other)}, and one overwrites the other. Rename one."
    findings.refuse("zip-case-collision", member.name, message, at=member.offset)


def check_entries(directory: Directory, findings: Findings) -> None:
    """Names that are safe to unpack, files that are files, nothing beside the members."""
    for member in directory.members:
        _check_entry(member, findings)
        if findings.full:
            return
    note_strange([member.name for member in directory.members], findings)
    _note_comments(directory, findings)
    _note_descriptors(directory, findings)


def _check_entry(member: ZipMember, findings: Findings) -> None:
    if CONTROL.search(member.name):
        message = f"The member's name holds control characters. {BUILD_AGAIN}"
        findings.refuse("zip-name-characters", member.name, message, at=member.offset)
    if not member.flags & UTF8_NAME and not member.raw_name.isascii():
        message = f"The member's name is not marked as UTF-8 (bit 11): pip reads it as code page 437. {BUILD_AGAIN}"
        findings.refuse("zip-name-characters", member.name, message, at=member.offset)
    elif oddity := zip_name_oddity(member.name):
        message = f"The member's name can't stay: {oddity}. Rename the file in the project."
        findings.refuse("zip-name-invisible", member.name, message, at=member.offset)
    elif "\u2028" in member.name or "\u2029" in member.name:
        message = "The member's name holds a line separator (U+2028, U+2029): installer parts RECORD's lines there."
        findings.warn("zip-name-invisible", member.name, f"{message} Rename the file in the project.")
    danger = zip_path_danger(member.name)
    if danger:
        message = f"The member's name is not safe to unpack: {danger}. {BUILD_AGAIN}"
        findings.refuse("zip-unsafe-path", member.name, message, at=member.offset)
    if member.name.endswith("/"):
        _check_folder(member, findings)
    elif member.mode & _NOT_A_FILE:
        _check_type(member, findings)


def _check_folder(member: ZipMember, findings: Findings) -> None:
    """Some readers go by the slash at the name's end, others by the mode: both have to say folder."""
    if member.size:
        message = f"A folder with {member.size} bytes of contents. {BUILD_AGAIN}"
        findings.refuse("zip-malformed", member.name, message, at=member.offset)
    if stat.S_IFMT(member.mode) not in (0, stat.S_IFDIR):
        message = f"Its name is a folder's, and its mode {member.mode:o} another member's. {BUILD_AGAIN}"
        findings.refuse("zip-malformed", member.name, message, at=member.offset)


_NOT_A_FILE = 0o070000
"""Bits of a mode that are set for all types but regular file (0o100000)."""


def _check_type(member: ZipMember, findings: Findings) -> None:
    if member.is_link:
        message = f"A symbolic link; installers write a file with its target's path in it. {BUILD_AGAIN}"
        findings.refuse("zip-link", member.name, message, at=member.offset)
    elif member.is_device:
        message = f"A device or pipe, which has no place in a wheel. {BUILD_AGAIN}"
        findings.refuse("zip-device", member.name, message, at=member.offset)
    else:
        message = f"Its mode {member.mode:o} is a folder's, and its name a file's. {BUILD_AGAIN}"
        findings.refuse("zip-malformed", member.name, message, at=member.offset)


def _note_comments(directory: Directory, findings: Findings) -> None:
    members = [member for member in directory.members if member.comment]
    if directory.comment:
        message = f"The zip ends in a comment of {len(directory.comment)} bytes; PyPI takes none. {BUILD_AGAIN}"
        findings.note("zip-comment", "end record", message)
    if members:
        what = counted(len(members), "member has a comment", "members have comments")
        message = f"{what}, this one first; PyPI takes none. {BUILD_AGAIN}"
        findings.note("zip-comment", members[0].name, message)


def _note_descriptors(directory: Directory, findings: Findings) -> None:
    members = [member for member in directory.members if member.flags & DESCRIPTOR]
    if members:
        what = counted(len(members), "member has its size", "members have their sizes")
        message = (
            f"{what} behind the data (data descriptors), this one first; "
            f"PyPI takes none. Write the zip to a file that can seek. {BUILD_AGAIN}"
        )
        findings.note("zip-data-descriptor", members[0].name, message)
