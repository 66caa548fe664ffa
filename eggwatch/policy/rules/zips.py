"""The rules about zip files: one reading, and no other."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule, Weight

_AGAIN = "Upload it again; if that does not help, build it again with 'python -m build'."
_SPEC = "APPNOTE.TXT (ZIP File Format Specification)"
_TWO_READERS = "Tools that read the directory and tools that read from the front would unpack different files"

RULES = (
    Rule(
        code=Code.NOT_A_ZIP,
        title="A wheel that is no zip",
        rule="A wheel begins as a zip file does.",
        why="The file is something else, under a wheel's name: an error page, or a pointer of git LFS.",
        mend="Look at the file: where does it come from?",
        source=f"PEP 427; {_SPEC} 4.3.1",
        warehouse=("Z1",),
        fixed=True,
    ),
    Rule(
        code=Code.ZIP_MALFORMED,
        title="A zip whose structure is broken",
        rule="Directory and members lie where the zip says, every member inflates to its end, and folders are empty.",
        why="What one tool repairs in silence another refuses, or reads otherwise.",
        mend=_AGAIN,
        source=f"{_SPEC} 4.3",
        warehouse=("Z9", "Z15"),
    ),
    Rule(
        code=Code.ZIP_MODE,
        title="A member whose mode contradicts its name",
        rule="What is a folder by its name (a slash at the end) is one by its mode, and nothing else is.",
        why="Some tools go by the name and some by the mode: one makes a folder where another makes a file. pip and uv "
        "go by the name, and PyPI does not look. (Links and devices are other rules.)",
        source=f"{_SPEC} 4.3.8, 4.4.15",
        lenient="A folder by its name and a file by its mode, or the reverse: pip and uv go by the name.",
    ),
    Rule(
        code=Code.ZIP_CRC,
        title="A member with a wrong CRC",
        rule="The bytes of each member have the CRC-32 that the zip says.",
        why="The file was damaged on its way or on a disk.",
        mend=_AGAIN,
        source=f"{_SPEC} 4.4.7",
    ),
    Rule(
        code=Code.ZIP_SIZE,
        title="A member of another size than the zip says",
        rule="Each member inflates to exactly the size in the directory.",
        why="The size is what a reader reserves memory by, and what it stops at.",
        mend=_AGAIN,
        source=f"{_SPEC} 4.4.8, 4.4.9",
        warehouse=("Z10",),
    ),
    Rule(
        code=Code.ZIP_DUPLICATE_MEMBER,
        title="Two members of one name",
        rule="Each path stands once, however it is spelled, and no file has the name of a folder that others lie in. "
        "(A copy of the same bytes is zip-repeated-member.)",
        why="One tool takes the first, another the last: what was reviewed is not what is installed.",
        source="PyPI: ZIP parser confusion (2025)",
        warehouse=("Z8",),
    ),
    Rule(
        code=Code.ZIP_REPEATED_MEMBER,
        title="A member that stands twice",
        rule="No member, and no folder, stands twice, also not with the same name, mode and bytes.",
        why="PyPI refuses it. Whichever of the two a tool takes, it is the same: pip and uv install the wheel alike, "
        "so the default profile only warns.",
        source="PyPI: ZIP parser confusion (2025)",
        warehouse=("Z8",),
        lenient="The same bytes under the same name: whichever is taken, pip and uv install the same.",
    ),
    Rule(
        code=Code.ZIP_CASE_COLLISION,
        title="Two members that differ in case only",
        rule="No two names, nor the folders that they lie in, are equal once case and Unicode form are folded, and "
        "dots and blanks at the end of a name are left out.",
        why="On Windows and macOS one overwrites the other, so the same archive installs differently. On Linux "
        "pip and uv install it alike, so it is only warned of.",
        mend="Rename one of the files in the project.",
        source="eggwatch: one reading on every system",
        default=Weight.WARN,
    ),
    Rule(
        code=Code.ZIP_LOCAL_MISMATCH,
        title="A local header that contradicts the directory",
        rule="Name, flags, method and sizes are the same in a member's local header and in the central directory.",
        why=f"{_TWO_READERS}.",
        source=f"{_SPEC} 4.3.7, 4.3.12; PyPI: ZIP parser confusion (2025)",
        warehouse=("Z9", "Z10"),
    ),
    Rule(
        code=Code.ZIP_LOCAL_CRC,
        title="A local header with another CRC",
        rule="The CRC is the same in a member's local header and in the central directory.",
        why="One of the two says that the member is damaged: what one tool installs another refuses. PyPI compares "
        "names and sizes only.",
        mend=_AGAIN,
        source=f"{_SPEC} 4.3.7, 4.3.12, 4.4.7",
    ),
    Rule(
        code=Code.ZIP_ENCRYPTED,
        title="An encrypted member",
        rule="No member is encrypted.",
        why="Nobody can install it, and nobody can judge it.",
        mend="Store it in the clear.",
        source=f"{_SPEC} 4.4.4; PEP 427",
    ),
    Rule(
        code=Code.ZIP_COMPRESSION,
        title="A compression method other than stored and deflated",
        rule="Members are stored (0) or deflated (8).",
        why="These two are what every installer can read.",
        source=f"{_SPEC} 4.4.5; PyPI's rule",
        warehouse=("Z4",),
    ),
    Rule(
        code=Code.ZIP_FLAGS,
        title="A member with unusual flags",
        rule="Of a member's flags only bits 1 and 2 (how hard it was deflated), 3 (a data descriptor) and 11 (a UTF-8 "
        "name) are set.",
        why="pip can't open a member with bit 5 (patched data). Most other bits are reserved, and may mean anything to "
        "anybody: pip and uv look at none of them, so they are only warned of.",
        source=f"{_SPEC} 4.4.4",
        milder="Bits that are reserved or unknown: pip and uv look at none of them.",
    ),
    Rule(
        code=Code.ZIP_UNSAFE_PATH,
        title="A member that would land elsewhere",
        rule="Names are relative, with '/' and without '..', backslashes and a drive in front ('c:'), and "
        "no part of them has more than 255 bytes.",
        why="Unpacking would write outside the folder that it was told to write to; on Windows, 'c:x' lies on a drive. "
        "(Of other colons windows-name warns.)",
        source=f"{_SPEC} 4.4.17; PEP 427",
        fixed=True,
    ),
    Rule(
        code=Code.ZIP_NAME_SPELLING,
        title="A member's name with empty or '.' parts",
        rule="Names are spelled in the shortest way: 'a/b', and not 'a//b', 'a/./b' or './a/b'.",
        why="pip and uv leave these parts out and install the wheel alike. Other tools may not find such a file, and "
        "RECORD names it otherwise than it lies on the disk. Two members of one path are zip-duplicate-member.",
        source=f"{_SPEC} 4.4.17",
        lenient="pip and uv leave empty and '.' parts out; where two members come to one file, it is refused.",
    ),
    Rule(
        code=Code.ZIP_LINK,
        title="A symbolic link in a wheel",
        rule="No member is a symbolic link.",
        why="Installers write the link's target as a file's content, other tools follow it out of the folder.",
        mend="Put the file itself into the project; wheels can't hold links.",
        source="PEP 427; PEP 778 (not accepted)",
        fixed=True,
    ),
    Rule(
        code=Code.ZIP_DEVICE,
        title="A device in a wheel",
        rule="Members are files and folders only.",
        why="A device, pipe or socket has no place in a package.",
        source="PEP 427",
        fixed=True,
    ),
    Rule(
        code=Code.ZIP_DATA_DESCRIPTOR,
        title="A member whose sizes follow it",
        rule="Sizes and CRC stand in the local header (flag bit 3 is not set).",
        why="A reader that goes from the front can't know where the member ends. Tools that write into a pipe do so "
        "honestly; the index compares them with the directory, so the default profile only warns.",
        mend="Build it with a current tool, into a file.",
        source=f"{_SPEC} 4.3.9; PyPI's rule",
        warehouse=("Z11",),
        lenient="Streaming writers (poetry before 1.0, zip on a pipe) leave them; ours are compared.",
    ),
    Rule(
        code=Code.ZIP_COMMENT,
        title="A comment in the zip's directory",
        rule="Members have no comments.",
        why="Comments are a place to hide a second structure in; by themselves they harm nobody.",
        source=f"{_SPEC} 4.4.18; PyPI's rule",
        warehouse=("Z12",),
        lenient="No reader acts on it, and some archivers sign with one.",
    ),
    Rule(
        code=Code.ZIP_NAME_CHARACTERS,
        title="A member's name with control characters, or no UTF-8",
        rule="Names are ASCII, or UTF-8 and marked as such (bit 11), without control characters.",
        why="They are cut, decoded and shown differently by different tools: without the mark pip reads code page 437, "
        "and uv refuses the wheel.",
        mend="Rename the file in the project.",
        source=f"{_SPEC} 4.4.4 (bit 11), appendix D; PyPI's rule",
        warehouse=("Z13",),
        fixed=True,
    ),
    Rule(
        code=Code.ZIP_NAME_INVISIBLE,
        title="A member's name with invisible characters",
        rule="Names hold no character of Unicode's class Other: control, bidi, zero-width, private or unassigned ones. "
        "A line separator (U+2028, U+2029) is only warned of.",
        why="uv refuses a wheel with such a name, and pip installs it; a name that is turned round on the screen looks "
        "like another. At a line separator installer alone stumbles: it parts RECORD there.",
        mend="Rename the file in the project.",
        source="What uv's reader of zips takes; Unicode, General Category",
        milder="A line separator: installer alone parts RECORD there, pip and uv install the wheel alike.",
    ),
    Rule(
        code=Code.ZIP_NOT_PORTABLE,
        title="A zip that zipfile reads and uv does not",
        rule="A member has one extra field of each kind; sizes behind the data are as wide as the zip64 field before "
        "it says; a local header that points to a zip64 field has one; comments hold no bytes 01 to 08.",
        why="uv reads wheels from the front, as they come, and refuses these, also where it reads the directory; pip "
        "reads the directory alone and installs them.",
        source=f"{_SPEC} 4.3.9.2, 4.4.8, 4.5; what uv's reader of zips takes",
    ),
    Rule(
        code=Code.ZIP_UNICODE_PATH,
        title="A second name in an extra field",
        rule="An Info-ZIP Unicode Path (0x7075), if there is one, is UTF-8 and the member's own name.",
        why="Some tools use that name and some the other.",
        source=f"{_SPEC} 4.6.9; PyPI's rule",
        warehouse=("Z13",),
        fixed=True,
    ),
    Rule(
        code=Code.ZIP_DUPLICATE_EXTRA,
        title="An extra field that stands twice",
        rule="Zip64 (0x0001) and Unicode Path (0x7075) stand at most once a member.",
        why="One tool takes the first, another the last: sizes or names differ.",
        source=f"{_SPEC} 4.5; PyPI's rule",
        warehouse=("Z14",),
    ),
    Rule(
        code=Code.ZIP64_MISMATCH,
        title="Zip64 records that contradict the others",
        rule="The zip64 end records say the same as the plain one wherever both say something, and hold nothing more; "
        "a member's zip64 field holds the values that it is there for, or repeats both sizes.",
        why=f"{_TWO_READERS}.",
        source=f"{_SPEC} 4.3.14, 4.3.15, 4.4.1.4",
        warehouse=("Z15",),
    ),
    Rule(
        code=Code.ZIP_LEADING_DATA,
        title="Bytes before the first member",
        rule="The first member begins at byte 0.",
        why="Another file can hide there: a script that runs, or an archive that other tools see.",
        source="PyPI's rule",
        warehouse=("Z16",),
    ),
    Rule(
        code=Code.ZIP_HIDDEN_DATA,
        title="Bytes between the members",
        rule="Members and directory follow each other without gaps.",
        why="A member can hide there that only tools which read from the front see.",
        source=f"{_SPEC} 4.3.6; PyPI's rule",
        warehouse=("Z16",),
    ),
    Rule(
        code=Code.ZIP_OVERLAP,
        title="Members that overlap",
        rule="No member reaches into the next one or into the directory.",
        why="So bombs are built that no ratio shows, and members that are two files at once.",
        source="A better zip bomb (Fifield, 2019)",
        warehouse=("Z16",),
    ),
    Rule(
        code=Code.ZIP_TRAILING_DATA,
        title="Bytes after the zip's end",
        rule="The file ends with the end-of-directory record.",
        why="A second directory can hide there, and tools search for it from the end.",
        mend=_AGAIN,
        source=f"{_SPEC} 4.3.16; PyPI's rule",
        warehouse=("Z17",),
    ),
)
