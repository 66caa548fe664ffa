"""Inspects wheels: the zip, the valid dist-info, and its files."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, Findings, bytes_in_words, clipped
from eggwatch.archives.limits import LARGEST_METADATA
from eggwatch.archives.opened import OpenedArchive
from eggwatch.archives.polyglots import is_also_tar, refuse_polyglot
from eggwatch.archives.unwritten import starts_with_zeros
from eggwatch.archives.wheel.bytecode import check_bytecode
from eggwatch.archives.wheel.collisions import check_places, installed_scripts
from eggwatch.archives.wheel.dist_info import check_data_folders, find_dist_info
from eggwatch.archives.wheel.egg_info import may_hold_metadata
from eggwatch.archives.wheel.entry_points import LARGEST_ENTRY_POINTS, check_entry_points, script_names
from eggwatch.archives.wheel.record import LARGEST_RECORD, Files, check_record
from eggwatch.archives.wheel.scripts import check_scripts
from eggwatch.archives.wheel.wheel_file import LARGEST_WHEEL_FILE, check_wheel_file
from eggwatch.archives.zip.directory import END_SIGNATURE, LOCAL_SIGNATURE, Directory, ZipMember, read_directory
from eggwatch.archives.zip.walk import ZipContents, read_members, rehash
from eggwatch.model.codes import Code
from eggwatch.model.names import Filename

_LARGEST = {
    "METADATA": LARGEST_METADATA,
    "WHEEL": LARGEST_WHEEL_FILE,
    "RECORD": LARGEST_RECORD,
    "entry_points.txt": LARGEST_ENTRY_POINTS,
}
"""The members of the dist-info that are read, and their largest sizes."""

_OTHER_FILES = {
    b"<": "an HTML page",
    b"vers": "a pointer of git-lfs to a file that was not fetched",
    b"\x1f\x8b": "a .tar.gz",
    b"Rar!": "a RAR archive",
    b"7z": "a 7-Zip archive",
    b"%PDF": "a PDF",
}
"""What a file that begins with these bytes is."""

_MOST_EGG_INFOS = 20
"""Most files of .egg-info folders that are read; each has at most two."""


def read_wheel(file: BinaryIO, size: int, filename: Filename | None, findings: Findings) -> OpenedArchive | None:
    """Check the whole zip and its dist-info; return the archive if it has a valid and readable METADATA.

    Without a parsed filename only the zip itself is checked.
    """
    if not _is_zip(file, findings):
        return None
    if is_also_tar(file):
        refuse_polyglot("tar", "first bytes", findings)
    directory = read_directory(file, size, findings)
    if directory is None:
        return None
    info = None if filename is None else find_dist_info(directory, filename, findings)
    valid = {} if info is None else _valid(directory, info, findings)
    eggs = set(islice((member.name for member in directory.members if may_hold_metadata(member)), _MOST_EGG_INFOS))
    contents = read_members(
        file, size, directory, lambda member: valid.get(member.name) is member or member.name in eggs, findings
    )
    if filename is None or info is None or findings.full:
        return None
    check_data_folders(directory, info, filename, findings)
    check_places(directory, info, contents, findings)
    check_bytecode(contents.heads, findings)
    programs = script_names(contents.kept.get(f"{info}/entry_points.txt", b""))
    check_scripts(directory, filename, programs, findings)
    _check_dist_info(file, directory, info, filename, contents, findings)
    return _opened(directory, info, contents)


def _is_zip(file: BinaryIO, findings: Findings) -> bool:
    file.seek(0)
    head = file.read(4)
    if head in (LOCAL_SIGNATURE, END_SIGNATURE):
        return True
    if starts_with_zeros(file):
        # If the end was written first, there is an end record, and the walk reports more.
        findings.ends_early("The file starts with zeros.")
        return True
    if LOCAL_SIGNATURE.startswith(head) or END_SIGNATURE.startswith(head):
        findings.ends_early("The file ends after its first bytes.")
        return False
    what = next((f", like {what}" for start, what in _OTHER_FILES.items() if head.startswith(start)), "")
    message = (
        f"The file starts with {bytes_in_words(head)}{what}; a wheel is a zip file, which starts with PK. "
        "Look at where the file comes from, and upload the wheel itself."
    )
    findings.refuse(Code.NOT_A_ZIP, "first bytes", message)
    return False


def _valid(directory: Directory, info: str, findings: Findings) -> dict[str, ZipMember]:
    """The members of the dist-info to read, by path; adds a flaw for each that is missing or not a file."""
    members = {member.name.removesuffix("/"): member for member in directory.members}
    valid: dict[str, ZipMember] = {}
    for name in _LARGEST:
        path = f"{info}/{name}"
        member = members.get(path)
        if member is None:
            code = _MISSING.get(name)
            if code is not None:
                message = f"There is no {clipped(path)}, where installers look for it. {BUILD_AGAIN}"
                findings.refuse(code, path, message)
        elif _is_readable(member, name, path, findings):
            valid[path] = member
    return valid


_MISSING = {
    "METADATA": Code.METADATA_MISSING,
    "WHEEL": Code.WHEEL_FILE_MISSING,
    "RECORD": Code.RECORD_MISSING,
}


_UNREADABLE = {
    "WHEEL": Code.WHEEL_FILE_INVALID,
    "RECORD": Code.RECORD_INVALID,
    "entry_points.txt": Code.ENTRY_POINTS_INVALID,
}
"""The code if one of them is not a file, or too large; the metadata has codes of its own."""


def _is_readable(member: ZipMember, name: str, path: str, findings: Findings) -> bool:
    code = _UNREADABLE.get(name)
    if member.is_folder or member.is_link:
        message = f"It is a folder or a link, and should be a file. {BUILD_AGAIN}"
        findings.refuse(code or Code.METADATA_NOT_A_FILE, path, message)
    elif member.size > _LARGEST[name]:
        advice = BUILD_AGAIN if code else "Shorten the README, which it contains."
        message = f"It has {member.size} bytes; {_LARGEST[name]} are allowed. {advice}"
        findings.refuse(code or Code.METADATA_TOO_LARGE, path, message)
    else:
        return True
    return False


def _check_dist_info(
    file: BinaryIO, directory: Directory, info: str, filename: Filename, contents: ZipContents, findings: Findings
) -> None:  # fmt: skip
    kept = contents.kept
    if (path := f"{info}/WHEEL") in kept:
        check_wheel_file(kept[path], path, filename, findings)
    if (path := f"{info}/entry_points.txt") in kept:
        check_entry_points(kept[path], path, installed_scripts(directory), findings)
    if (path := f"{info}/RECORD") in kept:
        check_record(kept[path], path, _files(file, directory, contents), findings)


def _files(file: BinaryIO, directory: Directory, contents: ZipContents) -> Files:
    return Files(
        sizes={member.name: member.size for member in directory.members if not member.is_folder},
        sha256=contents.sha256,
        rehash=lambda path, algorithm: rehash(file, *contents.intact[path], algorithm),
    )


def _opened(directory: Directory, info: str, contents: ZipContents) -> OpenedArchive | None:
    metadata = contents.kept.get(f"{info}/METADATA")
    if metadata is None:
        return None
    return OpenedArchive(
        metadata=metadata,
        files=frozenset(member.name for member in directory.members),
        license_places=partial(_license_places, info),
    )


def _license_places(info: str, path: str, standard: bool) -> tuple[str, ...]:  # noqa: FBT001
    """PEP 639: in `licenses`; setuptools before 77 and wheel put the file into the dist-info itself."""
    places = (f"{info}/licenses/{path}",)
    return places if standard else (*places, f"{info}/{path}", f"{info}/{path.rpartition('/')[2]}")
