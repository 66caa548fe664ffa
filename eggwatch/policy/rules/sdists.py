"""The rules about sdists: gzip, tar, and the top folder."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule
from eggwatch.policy.terms import Weight

_BUILD = "Build it again with 'python -m build --sdist'."
_AGAIN = "Upload it again; if that does not help, build it again with 'python -m build --sdist'."
_FEATURES = "PyPUG: source distribution format, Source distribution archive features; PEP 721"

RULES = (
    Rule(
        code=Code.NOT_A_GZIP,
        title="A .tar.gz that is not a gzip file",
        rule="An sdist begins like a gzip file.",
        why="The file is something else with the name of an sdist: an error page, a plain tar, a zip.",
        remedy="Check where the file comes from, and what it contains.",
        source="RFC 1952; PEP 625",
        warehouse=("T1",),
    ),
    Rule(
        code=Code.GZIP_CORRUPT,
        title="A damaged gzip file",
        rule="The gzip file can be unpacked to its end, and has the right CRC and length.",
        why="The file was damaged during the upload or on a disk. tarfile does not even notice a wrong CRC.",
        remedy=_AGAIN,
        source="RFC 1952, 2.3.1",
        warehouse=("T2",),
    ),
    Rule(
        code=Code.GZIP_TRAILING_DATA,
        title="Bytes after the end of the gzip file",
        rule="Nothing follows the end of the gzip data.",
        why="Something can be hidden there that some tools read and others do not.",
        remedy=_AGAIN,
        source="RFC 1952, 2.2",
    ),
    Rule(
        code=Code.GZIP_MEMBERS,
        title="A gzip file of several members",
        rule="The gzip file has one member.",
        why="gzip allows several in a row, and tools differ: pip and tarfile unpack all of them, uv rejects the file, "
        "others stop after the first. No build tool writes them.",
        remedy="Unpack it with gunzip and compress it again, or build it again with 'python -m build --sdist'.",
        source="RFC 1952, 2.2",
    ),
    Rule(
        code=Code.GZIP_HEADER,
        title="A gzip header with unusual contents",
        rule="The gzip header contains at most a filename of 255 bytes and 64 bytes of extra field and comment, and "
        "no CRC of its own.",
        why="No tool uses these fields, and a whole zip can be hidden in them. If the header has a CRC, uv takes its "
        "two bytes for data and rejects the file; pip skips them.",
        remedy=_BUILD,
        source="RFC 1952, 2.3",
    ),
    Rule(
        code=Code.TAR_MALFORMED,
        title="A tar with a broken structure",
        rule="Every header has the right checksum and readable numbers. pax and GNU headers are complete, and at most "
        "one of each kind precedes a member. (Up to 16 global pax headers in a row, and a length with leading zeros "
        "in a pax header, are only a warning: pip and uv accept them.)",
        why="tarfile silently skips a broken header, other tools stop, so they unpack different files.",
        remedy=_BUILD,
        source="POSIX.1-2017, pax, ustar Interchange Format",
        warehouse=("T2",),
        milder="Several global pax headers in a row, or a pax length with leading zeros: pip and uv accept both.",
    ),
    Rule(
        code=Code.TAR_UNCLOSED,
        title="A tar without an end",
        rule="A tar ends with two blocks of zeros, and only zeros follow.",
        why="Its end was cut off before it was compressed, or a second tar is hidden behind it.",
        remedy=_BUILD,
        source="POSIX.1-2017, pax, ustar Interchange Format",
        warehouse=("T2",),
    ),
    Rule(
        code=Code.TAR_NOT_PORTABLE,
        title="A tar that tarfile can read and uv can't",
        rule="All headers have the same format, either POSIX (ustar, pax) or GNU. Their numbers are octal digits "
        "followed by a space or zero byte, or binary in the GNU format. pax records are those of POSIX, SCHILY and "
        "LIBARCHIVE, with times from 1970 on and decimal numbers. Only links have a target.",
        why="uv rejects the whole sdist, and pip installs it: old v7 tars, SELinux attributes of Fedora's tar, times "
        "before 1970, negative or padded numbers. pip also fails if a time is not a number or too large.",
        remedy=f"{_BUILD} By hand: 'tar --format=ustar --owner=0 --group=0 -czf x-1.0.tar.gz x-1.0'.",
        source="POSIX.1-2017, pax, ustar Interchange Format; what uv's reader takes",
    ),
    Rule(
        code=Code.TAR_SPARSE,
        title="A sparse member",
        rule="No member is sparse.",
        why="A header of a few bytes becomes a file of any size, and tools read it differently.",
        remedy="Pack it without --sparse.",
        source=f"{_FEATURES}; PyPI's rule",
        warehouse=("T5",),
    ),
    Rule(
        code=Code.TAR_DEVICE,
        title="A device in an sdist",
        rule="Members are files, folders and links only.",
        why="Devices, pipes and sockets do not belong in a package.",
        remedy=_BUILD,
        source=_FEATURES,
    ),
    Rule(
        code=Code.TAR_UNSAFE_PATH,
        title="A member that would be written to another folder",
        rule="Names are relative, without '..' and colons, at most 4096 characters long and 128 folders deep, and no "
        "part of them is longer than 255 bytes.",
        why="It would be written outside the folder in which the sdist is unpacked. uv rejects names with a colon on "
        "every system. pip accepts them, and on Windows a colon stands for a drive, or writes into a stream of "
        "another member.",
        remedy="Rename the file in the project, and build it again.",
        source=_FEATURES,
    ),
    Rule(
        code=Code.TAR_NAME_CHARACTERS,
        title="A name in a tar that uv rejects, or that a terminal acts on",
        rule="Names of members and targets of links are UTF-8, contain no backslashes, control characters or "
        "characters that change the direction of writing, and do not begin or end with a space.",
        why="uv rejects an sdist with such a name (only characters that change the direction pass), and pip installs "
        "it. A terminal acts on control characters, and a name whose direction is changed looks like another.",
        remedy="Rename the file in the project, or exclude it from the sdist. In most cases it is test data.",
        source=f"{_FEATURES}; what uv's reader takes",
    ),
    Rule(
        code=Code.TAR_UNSAFE_LINK,
        title="A link that leads out of the sdist",
        rule="Links point to something in the top folder, hard links to a file that precedes them.",
        why="Through such a link, unpacking or building reads or writes files outside the folder.",
        remedy="Put the file itself into the project.",
        source=_FEATURES,
    ),
    Rule(
        code=Code.TAR_BROKEN_LINK,
        title="A link that uv or pip can't create",
        rule="A symbolic link does not lead back to itself. A target that ends in '/' is a folder. The target of a "
        "hard link begins with the name of the top folder, without './'.",
        why="uv rejects circular links, and links to a file with a '/' at the end. pip fails at a hard link to './…'.",
        remedy="Put the file itself into the project.",
        source=f"{_FEATURES}; what uv's and pip's readers take",
    ),
    Rule(
        code=Code.TAR_DUPLICATE_METADATA,
        title="Two PKG-INFO in the top folder",
        rule="{name}-{version}/PKG-INFO exists once. (A second copy of the same bytes is a warning, "
        "tar-duplicate-member.)",
        why="Some tools read the first, others the last.",
        remedy=_BUILD,
        source=_FEATURES,
    ),
    Rule(
        code=Code.TAR_DUPLICATE_MEMBER,
        title="Two members with the same name",
        rule="No file occurs twice, and no file has the name of a folder that contains others. (A folder may occur "
        "again. A second copy of the same bytes, as some build tools write it, or of the same link is only a warning, "
        "unless the first is executable and the second is not: there pip and uv differ.)",
        why="Unpacking keeps the last one, a search in the listing finds the first: what was reviewed is not what is "
        "built.",
        remedy=_BUILD,
        source=_FEATURES,
        milder="Two copies of the same bytes, as written by build tools that collect files by patterns (pyarrow's "
        "LICENSE.txt), or the same link twice: both give the same file.",
    ),
    Rule(
        code=Code.TAR_CASE_COLLISION,
        title="Two names that are the same on Windows and macOS",
        rule="No two members, or the folders that contain them, differ only in case, in the composition of accents, "
        "in dots and spaces at the end of a name, or in backslash and slash.",
        why="On Windows and macOS they are one file, and the last overwrites the other, so the build differs from "
        "that on Linux. pip and uv behave alike there, so it is only a warning.",
        remedy="Rename one of the two.",
        source=_FEATURES,
        default=Weight.WARN,
    ),
    Rule(
        code=Code.TAR_MODE,
        title="Unusual permissions",
        rule="No file is setuid or setgid, and the owner can read all files and enter all folders.",
        why="pip sets permissions of its own, so this has no effect there. But tar, run as root, creates a program "
        "that runs as root, and other tools fail at a folder that they can't enter.",
        remedy=_BUILD,
        source=f"{_FEATURES}; PEP 706",
        lenient="pip and tarfile's data filter set permissions of their own.",
    ),
    Rule(
        code=Code.SDIST_TOP_FOLDER,
        title="No single top folder named like the file",
        rule="Everything is in one folder, {name}-{version}, named like the file. Another spelling of this name is "
        "only a warning.",
        why="Tools that unpack the sdist look for that folder. PyPI requires one folder, with any name.",
        remedy=_BUILD,
        source="PEP 625; PyPUG: source distribution format, Source distribution file format",
        warehouse=("T3",),
        milder="One folder whose name is spelled differently from the filename: Demo.Pkg-1.0 (old setuptools, flit).",
    ),
    Rule(
        code=Code.SDIST_LEADING_DOT,
        title="Members whose names begin with './'",
        rule="Names begin with the top folder, and not with './'.",
        why="'tar czf … ./x-1.0' writes them. pip takes the dot for the top folder, finds another folder inside, and "
        "reports that this is not a Python project; uv installs it.",
        remedy="Pack the folder without a leading './', 'tar czf x-1.0.tar.gz x-1.0', or with 'python -m build "
        "--sdist'.",
        source="PyPUG: source distribution format, Source distribution file format; what pip takes",
    ),
    Rule(
        code=Code.SDIST_NO_PYPROJECT,
        title="No pyproject.toml",
        rule="An sdist has a pyproject.toml in its top folder.",
        why="Without it installers fall back to setup.py and any version of setuptools. Old sdists lack it, and can "
        "still be installed. PyPI does not require it either (it accepted six 1.17.0).",
        remedy='Add a pyproject.toml with [build-system] requires = ["setuptools"].',
        source="PEP 517; PEP 643; PyPUG: source distribution format",
        lenient="setuptools does not need it; every sdist before PEP 517 (2017) lacks it.",
    ),
)
