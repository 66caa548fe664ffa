"""The rules about zip files: every tool must read the same members."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule
from eggwatch.policy.terms import Weight

_AGAIN = "Upload it again; if that does not help, build it again with 'python -m build'."
_SPEC = "APPNOTE.TXT (ZIP File Format Specification)"
_TWO_READERS = "Tools that read the directory and tools that read from the front would unpack different files"

RULES = (
    Rule(
        code=Code.NOT_A_ZIP,
        title="A wheel that is not a zip file",
        rule="A wheel begins like a zip file.",
        why="The file is something else with the name of a wheel: an error page, or a git LFS pointer.",
        remedy="Check where the file comes from, and what it contains.",
        source=f"PEP 427; {_SPEC} 4.3.1",
        warehouse=("Z1",),
    ),
    Rule(
        code=Code.ZIP_MALFORMED,
        title="A zip with a broken structure",
        rule="Directory and members are where the zip says, every member can be unpacked to its end, and folders have "
        "no contents of their own.",
        why="Some tools silently repair this, others reject it or unpack something else.",
        remedy=_AGAIN,
        source=f"{_SPEC} 4.3",
        warehouse=("Z9", "Z15"),
    ),
    Rule(
        code=Code.ZIP_MODE,
        title="A member whose mode contradicts its name",
        rule="A member whose name ends in a slash has the mode of a folder, and no other member has.",
        why="Some tools use the name and some the mode, so one creates a folder where another creates a file. pip and "
        "uv use the name, and PyPI does not check it. (Other rules are about links and devices.)",
        source=f"{_SPEC} 4.3.8, 4.4.15",
        lenient="A folder by its name and a file by its mode, or the reverse: pip and uv use the name.",
    ),
    Rule(
        code=Code.ZIP_CRC,
        title="A member with a wrong CRC",
        rule="The bytes of each member have the CRC-32 that the zip contains.",
        why="The file was damaged during the upload or on a disk.",
        remedy=_AGAIN,
        source=f"{_SPEC} 4.4.7",
    ),
    Rule(
        code=Code.ZIP_SIZE,
        title="A member whose size differs from the directory",
        rule="Each member unpacks to exactly the size in the directory.",
        why="Tools use this size to reserve memory and to decide where to stop.",
        remedy=_AGAIN,
        source=f"{_SPEC} 4.4.8, 4.4.9",
        warehouse=("Z10",),
    ),
    Rule(
        code=Code.ZIP_DUPLICATE_MEMBER,
        title="Two members with the same name",
        rule="Each path occurs once, however it is written, and no file has the name of a folder that contains "
        "others. (A second copy of the same bytes is a warning, zip-repeated-member.)",
        why="Some tools take the first, others the last: what was reviewed is not what is installed.",
        source="PyPI: ZIP parser confusion (2025)",
        warehouse=("Z8",),
    ),
    Rule(
        code=Code.ZIP_REPEATED_MEMBER,
        title="The same member twice",
        rule="No member and no folder occurs twice, even with the same name, mode and bytes.",
        why="PyPI rejects it. Both copies give the same file: pip and uv both install the wheel, so the default "
        "profile only warns.",
        source="PyPI: ZIP parser confusion (2025)",
        warehouse=("Z8",),
        lenient="The same bytes with the same name: pip and uv install the same file from either copy.",
    ),
    Rule(
        code=Code.ZIP_CASE_COLLISION,
        title="Two members that differ only in case",
        rule="No two names, or the folders that contain them, are equal when case, Unicode form, and dots and spaces "
        "at the end of a name are ignored.",
        why="On Windows and macOS one overwrites the other, so the same archive installs differently. On Linux pip "
        "and uv both install it, so it is only a warning.",
        remedy="Rename one of the files in the project.",
        source="eggwatch: one reading on every system",
        default=Weight.WARN,
    ),
    Rule(
        code=Code.ZIP_LOCAL_MISMATCH,
        title="A local header that contradicts the directory",
        rule="A member has the same name, flags, method and sizes in its local header and in the central directory.",
        why=f"{_TWO_READERS}.",
        source=f"{_SPEC} 4.3.7, 4.3.12; PyPI: ZIP parser confusion (2025)",
        warehouse=("Z9", "Z10"),
    ),
    Rule(
        code=Code.ZIP_LOCAL_CRC,
        title="A local header with another CRC",
        rule="A member has the same CRC in its local header and in the central directory.",
        why="According to one of the two the member is damaged, so some tools install it and others reject it. PyPI "
        "compares only names and sizes.",
        remedy=_AGAIN,
        source=f"{_SPEC} 4.3.7, 4.3.12, 4.4.7",
    ),
    Rule(
        code=Code.ZIP_ENCRYPTED,
        title="An encrypted member",
        rule="No member is encrypted.",
        why="Nobody can install it, and its contents can't be checked.",
        remedy="Store it without encryption.",
        source=f"{_SPEC} 4.4.4; PEP 427",
    ),
    Rule(
        code=Code.ZIP_COMPRESSION,
        title="A compression method other than stored and deflated",
        rule="Members are stored (0) or deflated (8).",
        why="Every installer can read these two.",
        source=f"{_SPEC} 4.4.5; PyPI's rule",
        warehouse=("Z4",),
    ),
    Rule(
        code=Code.ZIP_FLAGS,
        title="A member with unusual flags",
        rule="A member's flags are at most bits 1 and 2 (the level of compression), 3 (a data descriptor) and 11 (a "
        "UTF-8 name).",
        why="pip can't open a member with bit 5 (patched data). Most other bits are reserved. pip and uv ignore them, "
        "so they are only a warning.",
        source=f"{_SPEC} 4.4.4",
        milder="Reserved or unknown bits: pip and uv ignore them.",
    ),
    Rule(
        code=Code.ZIP_UNSAFE_PATH,
        title="A member that would be written to another folder",
        rule="Names are relative, with '/' and without '..', backslashes and a drive ('c:') at the beginning, and no "
        "part of them is longer than 255 bytes.",
        why="It would be written outside the folder in which the wheel is unpacked. On Windows, 'c:x' is on a drive. "
        "(Other colons are a warning, windows-name.)",
        source=f"{_SPEC} 4.4.17; PEP 427",
    ),
    Rule(
        code=Code.ZIP_NAME_SPELLING,
        title="A member's name with empty or '.' parts",
        rule="Names are written in their shortest form: 'a/b', and not 'a//b', 'a/./b' or './a/b'.",
        why="pip and uv drop these parts, and both install the wheel. Other tools may not find such a file, and its "
        "path in RECORD differs from that on the disk. Two members with the same path are zip-duplicate-member.",
        source=f"{_SPEC} 4.4.17",
        lenient="pip and uv drop empty and '.' parts; two members with the same path are rejected.",
    ),
    Rule(
        code=Code.ZIP_LINK,
        title="A symbolic link in a wheel",
        rule="No member is a symbolic link.",
        why="Installers write the target of the link into a file, other tools follow it out of the folder.",
        remedy="Put the file itself into the project; wheels can't contain links.",
        source="PEP 427; PEP 778 (not accepted)",
    ),
    Rule(
        code=Code.ZIP_DEVICE,
        title="A device in a wheel",
        rule="Members are files and folders only.",
        why="Devices, pipes and sockets do not belong in a package.",
        source="PEP 427",
    ),
    Rule(
        code=Code.ZIP_DATA_DESCRIPTOR,
        title="A member with its sizes after its data",
        rule="Sizes and CRC are in the local header (flag bit 3 is not set).",
        why="A tool that reads the file from the front can't know where the member ends. Tools that write to a pipe "
        "have to store sizes so. eggwatch compares them with the directory, so the default profile only warns.",
        remedy="Build it with a current tool, and write to a file.",
        source=f"{_SPEC} 4.3.9; PyPI's rule",
        warehouse=("Z11",),
        lenient="Tools that write to a pipe need them (poetry before 1.0, zip); they are compared with the directory.",
    ),
    Rule(
        code=Code.ZIP_COMMENT,
        title="A comment in the zip's directory",
        rule="Members have no comments.",
        why="Comments can hide a second structure. By themselves they do no harm.",
        source=f"{_SPEC} 4.4.18; PyPI's rule",
        warehouse=("Z12",),
        lenient="No tool uses it, and some archivers write their name there.",
    ),
    Rule(
        code=Code.ZIP_NAME_CHARACTERS,
        title="A member's name with control characters, or not in UTF-8",
        rule="Names are ASCII, or UTF-8 and marked as such (bit 11), without control characters.",
        why="Tools cut, decode and show such names differently. Without the mark pip reads the name as code page 437, "
        "and uv rejects the wheel.",
        remedy="Rename the file in the project.",
        source=f"{_SPEC} 4.4.4 (bit 11), appendix D; PyPI's rule",
        warehouse=("Z13",),
    ),
    Rule(
        code=Code.ZIP_NAME_INVISIBLE,
        title="A member's name with invisible characters",
        rule="Names contain no characters of the Unicode category Other: control, bidirectional, zero-width, private "
        "or unassigned ones. A line separator (U+2028, U+2029) is only a warning.",
        why="uv rejects a wheel with such a name, and pip installs it. A name whose direction of writing is changed "
        "looks like another. A line separator is a problem for pypa/installer only, which takes it for a line end in "
        "RECORD.",
        remedy="Rename the file in the project.",
        source="What uv's reader of zips takes; Unicode, General Category",
        milder="A line separator: only pypa/installer takes it for a line end in RECORD; pip and uv both install the "
        "wheel.",
    ),
    Rule(
        code=Code.ZIP_NOT_PORTABLE,
        title="A zip that zipfile can read and uv can't",
        rule="A member has one extra field of each kind. Sizes after the data are as wide as the zip64 field before "
        "it requires. A local header that refers to a zip64 field has one. Comments contain no bytes 01 to 08.",
        why="uv reads wheels from the front while it downloads them, and rejects these even when it reads the "
        "directory. pip reads only the directory, and installs them.",
        source=f"{_SPEC} 4.3.9.2, 4.4.8, 4.5; what uv's reader of zips takes",
    ),
    Rule(
        code=Code.ZIP_UNICODE_PATH,
        title="A second name in an extra field",
        rule="An Info-ZIP Unicode Path (0x7075), if there is one, is UTF-8 and equals the member's name.",
        why="Some tools use this name, others the member's own.",
        source=f"{_SPEC} 4.6.9; PyPI's rule",
        warehouse=("Z13",),
    ),
    Rule(
        code=Code.ZIP_DUPLICATE_EXTRA,
        title="An extra field that occurs twice",
        rule="A member has at most one field Zip64 (0x0001) and one Unicode Path (0x7075).",
        why="Some tools take the first, others the last, so sizes or names differ.",
        source=f"{_SPEC} 4.5; PyPI's rule",
        warehouse=("Z14",),
    ),
    Rule(
        code=Code.ZIP64_MISMATCH,
        title="Zip64 records that contradict the others",
        rule="The zip64 end records equal the plain end record wherever both have a value, and contain nothing else. "
        "A member's zip64 field contains the values that it replaces, or repeats both sizes.",
        why=f"{_TWO_READERS}.",
        source=f"{_SPEC} 4.3.14, 4.3.15, 4.4.1.4",
        warehouse=("Z15",),
    ),
    Rule(
        code=Code.ZIP_LEADING_DATA,
        title="Bytes before the first member",
        rule="The first member begins at byte 0.",
        why="Another file can be hidden there: a script that runs, or an archive that other tools see.",
        source="PyPI's rule",
        warehouse=("Z16",),
    ),
    Rule(
        code=Code.ZIP_HIDDEN_DATA,
        title="Bytes between the members",
        rule="Members and directory follow each other without gaps.",
        why="A member can be hidden there that only tools which read from the front see.",
        source=f"{_SPEC} 4.3.6; PyPI's rule",
        warehouse=("Z16",),
    ),
    Rule(
        code=Code.ZIP_OVERLAP,
        title="Members that overlap",
        rule="No member reaches into the next one or into the directory.",
        why="Overlapping members make compression bombs that no ratio reveals, and members that are two files at once.",
        source="A better zip bomb (Fifield, 2019)",
        warehouse=("Z16",),
    ),
    Rule(
        code=Code.ZIP_TRAILING_DATA,
        title="Bytes after the end of the zip",
        rule="The file ends with the end-of-directory record.",
        why="A second directory can be hidden there, and tools look for the directory from the end.",
        remedy=_AGAIN,
        source=f"{_SPEC} 4.3.16; PyPI's rule",
        warehouse=("Z17",),
    ),
)
