"""Checks the directory of a zip before any member is read: names, types, flags, comments."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, clipped, located
from eggwatch.archives.folder_tree import respelled, with_others_below
from eggwatch.archives.limits import refuse_many_folders
from eggwatch.archives.paths import (
    CONTROL,
    are_ordinary,
    folded,
    on_a_drive,
    plain,
    respelled_zip_name,
    zip_name_oddity,
    zip_path_danger,
)
from eggwatch.archives.windows_names import note_strange
from eggwatch.archives.zip.directory import UTF8_NAME, Directory, ZipMember
from eggwatch.archives.zip.local_header import DESCRIPTOR
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted

KNOWN_FLAGS = 1 << 1 | 1 << 2 | DESCRIPTOR | UTF8_NAME
"""The flags of APPNOTE 4.4.4 that a wheel needs: the level of compression, a data descriptor, a UTF-8 name."""
_LOT = 500
ENCRYPTED = 1 | 1 << 6 | 1 << 13
PATCHED = 1 << 5

Doubles = list[tuple[ZipMember, ZipMember]]
"""Members that may be copies, each with the first of its name."""


def check_names(directory: Directory, findings: Findings) -> Doubles:
    """Check that no two members are the same file, or a file and a folder, also where case is ignored.

    Returns the members that may be copies of another, if their bytes are the same.
    """
    members = directory.members
    doubles: Doubles = []
    if refuse_many_folders((member.name for member in members), findings):
        return doubles
    _check_folders(members, findings)
    places = [place for lot in _lots(members) for place in _places([member.name for member in lot])]
    firsts = dict(zip(reversed(places), reversed(members), strict=True))
    crowded = with_others_below(firsts)
    for member, place in zip(members, places, strict=True):
        if findings.flaws and findings.full:
            break
        first = firsts[place]
        if first is not member and _may_be_copy(member, first):
            doubles.append((member, first))
        elif first is not member:
            _refuse_second(member, first, findings)
        elif place in crowded and not member.is_folder:
            _refuse_file(member, firsts[crowded[place]], findings)
    return doubles


def _lots(members: Sequence[ZipMember]) -> Iterator[Sequence[ZipMember]]:
    """Members, as many at a time as are likely to be all ordinary, or not."""
    return (members[at : at + _LOT] for at in range(0, len(members), _LOT))


def _places(names: Sequence[str]) -> list[str]:
    """The paths as Windows and macOS compare them."""
    if are_ordinary(names):
        return [name.removesuffix("/").lower() for name in names]
    return [folded(plain(name)) for name in names]


def _may_be_copy(member: ZipMember, first: ZipMember) -> bool:
    return (member.name, member.mode, member.size, member.crc) == (first.name, first.mode, first.size, first.crc)


def note_doubles(doubles: Doubles, digests: Mapping[int, bytes], findings: Findings) -> None:
    """Warn of all copies at once, and reject members that differ; `digests` are those of intact members, by offset."""
    copies = [
        (member, first)
        for member, first in doubles
        if member.offset in digests and digests[member.offset] == digests.get(first.offset)
    ]
    for member, first in doubles:
        if (member, first) not in copies:
            _refuse_second(member, first, findings)
    if copies:
        member, first = copies[0]
        others = f" The same is true of {len(copies) - 1} more." if len(copies) > 1 else ""
        message = f"The zip contains it twice with the same bytes, the other at byte {first.offset}.{others} {IF_YOURS}"
        findings.note(Code.ZIP_REPEATED_MEMBER, member.name, located(message, member.offset))


def _check_folders(members: Iterable[ZipMember], findings: Findings) -> None:
    """Check that no two folders are the same where case is ignored, whether or not they are members."""
    written: dict[str, ZipMember] = {}
    for member in members:
        written.setdefault(member.name.rpartition("/")[0], member)
    folders: dict[str, ZipMember] = {}
    for folder, member in written.items():
        folders.setdefault(plain(folder), member)
    for folder, other in respelled(folders):
        _refuse_collision(folders[folder], other, findings)
        if findings.full:
            return


def _refuse_file(member: ZipMember, inner: ZipMember, findings: Findings) -> None:
    if plain(inner.name).startswith(f"{plain(member.name)}/"):
        message = f"Other members are in a folder of this name. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_DUPLICATE_MEMBER, member.name, message, at=member.offset)
    else:
        _refuse_collision(member, f"a folder of {inner.name}", findings)


def _refuse_second(member: ZipMember, first: ZipMember, findings: Findings) -> None:
    if plain(member.name) == plain(first.name):
        message = (
            f"The zip contains two members with this path, the other at byte {first.offset}; tools choose "
            f"differently. {BUILD_AGAIN}"
        )
        findings.refuse(Code.ZIP_DUPLICATE_MEMBER, member.name, message, at=member.offset)
    elif not (member.is_folder and first.is_folder):
        _refuse_collision(member, f"{first.name} at byte {first.offset}", findings)


def _refuse_collision(member: ZipMember, other: str, findings: Findings) -> None:
    message = f"On Windows or macOS it is the same as {clipped(other)}, and one overwrites the other. Rename one."
    findings.refuse(Code.ZIP_CASE_COLLISION, member.name, message, at=member.offset)


def check_entries(directory: Directory, findings: Findings) -> None:
    """Check the names, types, flags and comments of all members."""
    respelled: list[ZipMember] = []
    for lot in _lots(directory.members):
        ordinary = are_ordinary([member.name for member in lot])
        for member in lot:
            if not ordinary:
                _check_name(member, findings)
            if member.mode & _NOT_A_FILE or member.name.endswith("/"):
                _check_type(member, findings)
            if findings.flaws and findings.full:
                return
        respelled += [] if ordinary else [member for member in lot if respelled_zip_name(member.name)]
    note_strange([member.name for member in directory.members if not on_a_drive(member.name)], findings)
    if respelled:
        what = counted(len(respelled), "member has a name", "members have names")
        message = f"{what} with an empty or '.' part, which installers drop, this one first. {IF_YOURS}"
        findings.note(Code.ZIP_NAME_SPELLING, respelled[0].name, located(message, respelled[0].offset))
    _note_comments(directory, findings)
    _note_descriptors(directory, findings)
    _note_flags(directory, findings)


def _check_name(member: ZipMember, findings: Findings) -> None:
    if CONTROL.search(member.name):
        message = f"The member's name contains control characters. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_NAME_CHARACTERS, member.name, message, at=member.offset)
    if not member.flags & UTF8_NAME and not member.raw_name.isascii():
        message = f"The member's name is not marked as UTF-8 (bit 11): pip reads it as code page 437. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_NAME_CHARACTERS, member.name, message, at=member.offset)
    elif oddity := zip_name_oddity(member.name):
        message = f"The member's name is not allowed: {oddity}. Rename the file in the project."
        findings.refuse(Code.ZIP_NAME_INVISIBLE, member.name, message, at=member.offset)
    elif "\u2028" in member.name or "\u2029" in member.name:
        message = (
            "The member's name contains a line separator (U+2028, U+2029), at which pypa/installer splits lines "
            "of RECORD."
        )
        findings.warn(Code.ZIP_NAME_INVISIBLE, member.name, f"{message} Rename the file in the project.")
    danger = zip_path_danger(member.name)
    if danger:
        message = f"The member's name is not safe to unpack: {danger}. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_UNSAFE_PATH, member.name, message, at=member.offset)


_NOT_A_FILE = 0o070000
"""Bits of a mode that are set for all types but regular file (0o100000)."""


def _check_type(member: ZipMember, findings: Findings) -> None:
    """Some tools use the slash at the end of the name, others the mode: both should be those of a folder, or a file."""
    if member.is_folder and member.size:
        message = f"A folder with {member.size} bytes of contents. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_MALFORMED, member.name, message, at=member.offset)
    if member.is_folder and stat.S_IFMT(member.mode) in (0, stat.S_IFDIR):
        return
    if member.is_link:
        message = f"A symbolic link; installers write a file that contains the path of its target. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_LINK, member.name, message, at=member.offset)
    elif member.is_device:
        message = f"A device or pipe, which does not belong in a wheel. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_DEVICE, member.name, message, at=member.offset)
    else:
        whose = ("a folder's", "a file's") if member.is_folder else ("a file's", "a folder's")
        message = f"Its name is {whose[0]}, but its mode {member.mode:o} is {whose[1]}. {IF_YOURS}"
        findings.note(Code.ZIP_MODE, member.name, located(message, member.offset))


def _note_flags(directory: Directory, findings: Findings) -> None:
    """Warn of reserved and unknown flags. The walk rejects members that can't be read because of their flags."""
    strange = [member for member in directory.members if member.flags & ~(KNOWN_FLAGS | ENCRYPTED | PATCHED)]
    if strange:
        what = counted(len(strange), "member has flags", "members have flags")
        flags = strange[0].flags & ~KNOWN_FLAGS
        message = f"{what} that are reserved or unknown, this one first ({flags:#06x}). {IF_YOURS}"
        findings.warn(Code.ZIP_FLAGS, strange[0].name, located(message, strange[0].offset))


def _note_comments(directory: Directory, findings: Findings) -> None:
    members = [member for member in directory.members if member.comment]
    if directory.comment:
        message = f"The zip ends in a comment of {len(directory.comment)} bytes; PyPI rejects comments. {BUILD_AGAIN}"
        findings.note(Code.ZIP_COMMENT, "end record", message)
    if members:
        what = counted(len(members), "member has a comment", "members have comments")
        message = f"{what}, this one first; PyPI rejects comments. {BUILD_AGAIN}"
        findings.note(Code.ZIP_COMMENT, members[0].name, message)


def _note_descriptors(directory: Directory, findings: Findings) -> None:
    members = [member for member in directory.members if member.flags & DESCRIPTOR]
    if members:
        what = counted(len(members), "member has its size", "members have their sizes")
        message = (
            f"{what} after the data (data descriptors), this one first; "
            f"PyPI rejects them. Write the zip to a file that can seek. {BUILD_AGAIN}"
        )
        findings.note(Code.ZIP_DATA_DESCRIPTOR, members[0].name, message)
