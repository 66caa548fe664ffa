"""The rules about sdists: gzip, tar, and the one top folder."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule, Weight

_BUILD = "Build it again with 'python -m build --sdist'."
_AGAIN = "Upload it again; if that does not help, build it again with 'python -m build --sdist'."
_FEATURES = "PyPUG: source distribution format, Source distribution archive features; PEP 721"

RULES = (
    Rule(
        code=Code.NOT_A_GZIP,
        title="A .tar.gz that is no gzip",
        rule="An sdist begins as a gzip file does.",
        why="The file is something else, under an sdist's name: an error page, a plain tar, a zip.",
        mend="Look at the file: where does it come from?",
        source="RFC 1952; PEP 625",
        warehouse=("T1",),
        fixed=True,
    ),
    Rule(
        code=Code.GZIP_CORRUPT,
        title="A damaged gzip",
        rule="The gzip inflates to its end, with the right CRC and length.",
        why="The file was damaged on its way or on a disk; tarfile would not even notice a wrong CRC.",
        mend=_AGAIN,
        source="RFC 1952, 2.3.1",
        warehouse=("T2",),
    ),
    Rule(
        code=Code.GZIP_TRAILING_DATA,
        title="Bytes after the gzip's end",
        rule="The file ends with the gzip's last byte.",
        why="Something can hide there that some tools read and others do not.",
        mend=_AGAIN,
        source="RFC 1952, 2.2",
    ),
    Rule(
        code=Code.GZIP_MEMBERS,
        title="A gzip of several members",
        rule="The gzip has one member.",
        why="gzip allows more, one behind the other, and tools differ: pip and tarfile unpack what lies in all of "
        "them, uv refuses the file, others stop after the first. No build tool writes them.",
        mend="Unpack it with gunzip and compress it again, or build it again with 'python -m build --sdist'.",
        source="RFC 1952, 2.2",
    ),
    Rule(
        code=Code.GZIP_HEADER,
        title="A gzip header with something in it",
        rule="Beside the name of the file that was compressed, which has at most 255 bytes, the gzip's header holds at "
        "most 64 bytes of extra field and comment, and no CRC of its own.",
        why="Nobody reads these fields, and a whole zip fits into them. With a CRC of the header uv takes its two "
        "bytes for data, and refuses the file; pip skips them.",
        mend=_BUILD,
        source="RFC 1952, 2.3",
    ),
    Rule(
        code=Code.TAR_MALFORMED,
        title="A tar whose structure is broken",
        rule="Every header has its checksum and numbers that can be read; pax and GNU headers are whole, and of each "
        "kind at most one stands before a member. (Up to 16 global pax headers in a row, and a length in a pax header "
        "with zeros in front, are only warned of: pip and uv take them.)",
        why="tarfile skips a broken header in silence, other tools stop: they unpack different files.",
        mend=_BUILD,
        source="POSIX.1-2017, pax, ustar Interchange Format",
        warehouse=("T2",),
        milder="Some global pax headers in a row, or a pax length with zeros in front: pip and uv take both.",
    ),
    Rule(
        code=Code.TAR_UNCLOSED,
        title="A tar without its end",
        rule="A tar ends with two blocks of zeros, and nothing but zeros follow.",
        why="Its end was cut off before it was compressed, or a second tar hides behind it.",
        mend=_BUILD,
        source="POSIX.1-2017, pax, ustar Interchange Format",
        warehouse=("T2",),
    ),
    Rule(
        code=Code.TAR_NOT_PORTABLE,
        title="A tar that tarfile reads and uv does not",
        rule="All headers are of one format, POSIX's (ustar, pax) or GNU's; their numbers are octal digits with a "
        "blank or zero byte behind them, or GNU's binary form in GNU's format; pax records are those of POSIX, SCHILY "
        "and LIBARCHIVE, with times from 1970 on and decimal numbers; only links have a target.",
        why="uv refuses the whole sdist, and pip installs it: old v7 tars, SELinux attributes of Fedora's tar, times "
        "before 1970, negative or padded numbers. With a time beyond all clocks, or that is no number, pip stops, too.",
        mend=f"{_BUILD} By hand: 'tar --format=ustar --owner=0 --group=0 -czf x-1.0.tar.gz x-1.0'.",
        source="POSIX.1-2017, pax, ustar Interchange Format; what uv's reader takes",
    ),
    Rule(
        code=Code.TAR_SPARSE,
        title="A sparse member",
        rule="No member is sparse.",
        why="A header of some bytes becomes a file of any size, and tools differ in how they read it.",
        mend="Pack without --sparse.",
        source=f"{_FEATURES}; PyPI's rule",
        warehouse=("T5",),
    ),
    Rule(
        code=Code.TAR_DEVICE,
        title="A device in an sdist",
        rule="Members are files, folders and links only.",
        why="A device, pipe or socket has no place in a package.",
        mend=_BUILD,
        source=_FEATURES,
        fixed=True,
    ),
    Rule(
        code=Code.TAR_UNSAFE_PATH,
        title="A member that would land elsewhere",
        rule="Names are relative and without '..' and colons, at most 4096 characters long and 128 folders deep, and "
        "no part of them has more than 255 bytes.",
        why="Unpacking would write outside the folder that it was told to write to. uv unpacks no name with a colon, "
        "on any system; pip does, and on Windows it stands for a drive, or writes into a stream of another member.",
        mend="Rename the file in the project, and build it again.",
        source=_FEATURES,
        fixed=True,
    ),
    Rule(
        code=Code.TAR_NAME_CHARACTERS,
        title="A name in a tar that uv refuses, or that steers a terminal",
        rule="Names of members and targets of links are UTF-8 without backslashes, control characters and characters "
        "that turn the direction of writing, and neither begin nor end with a blank.",
        why="uv refuses an sdist with such a name (all but the last of these), and pip installs it. On a terminal "
        "control characters act, and what is turned round looks like another name.",
        mend="Rename the file in the project, or leave it out of the sdist: mostly it is test data.",
        source=f"{_FEATURES}; what uv's reader takes",
    ),
    Rule(
        code=Code.TAR_UNSAFE_LINK,
        title="A link that leads out",
        rule="Links point to something within the top folder, hard links to a file that came before them.",
        why="Through it, unpacking writes, or building reads, outside of its folder.",
        mend="Put the file itself into the project.",
        source=_FEATURES,
        fixed=True,
    ),
    Rule(
        code=Code.TAR_BROKEN_LINK,
        title="A link that uv or pip can't make",
        rule="A symbolic link leads to an end, and not back to itself; what it is spelled as ('x/' is a folder) is "
        "what it points to. The target of a hard link begins with the name of the top folder, without './'.",
        why="uv refuses links in a circle, and a file spelled as a folder; pip stops at a hard link to './…'.",
        mend="Put the file itself into the project.",
        source=f"{_FEATURES}; what uv's and pip's readers take",
    ),
    Rule(
        code=Code.TAR_DUPLICATE_METADATA,
        title="Two PKG-INFO in the top folder",
        rule="{name}-{version}/PKG-INFO stands once. (Of a copy of the same bytes tar-duplicate-member warns.)",
        why="One tool believes the first, another the last.",
        mend=_BUILD,
        source=_FEATURES,
    ),
    Rule(
        code=Code.TAR_DUPLICATE_MEMBER,
        title="Two members of one name",
        rule="No file stands twice, and none has the name of a folder that others lie in. (A folder may come again; a "
        "second copy of the same bytes, as some build tools write it, or of the same link is only warned of, unless "
        "the first one may be run and the second may not: there pip and uv differ.)",
        why="Unpacking keeps the last, who looks for a name in the listing finds the first: what was reviewed is not "
        "what is built.",
        mend=_BUILD,
        source=_FEATURES,
        milder="Two copies of the same bytes, which build tools write that collect files by patterns (pyarrow's "
        "LICENSE.txt), or the same link twice: whichever is taken, it is the same.",
    ),
    Rule(
        code=Code.TAR_CASE_COLLISION,
        title="Two names that are one on Windows and macOS",
        rule="No two members, nor the folders that they lie in, differ only in case, in how accents are composed, in "
        "dots and blanks at the end of a name, or in backslash and slash.",
        why="There they are one file, and the last overwrites the other: the build is another one than on Linux. There "
        "pip and uv install it alike, so it is only warned of.",
        mend="Rename one of the two.",
        source=_FEATURES,
        default=Weight.WARN,
    ),
    Rule(
        code=Code.TAR_MODE,
        title="Permissions that nobody means",
        rule="No file is setuid or setgid, and whoever unpacks the sdist can read its files and enter its folders.",
        why="pip sets permissions of its own, so nothing is won or lost there; but tar, run as root, makes a program "
        "that runs as root, and others stop at a folder that they can't enter.",
        mend=_BUILD,
        source=f"{_FEATURES}; PEP 706",
        lenient="pip and tarfile's data filter set permissions of their own.",
    ),
    Rule(
        code=Code.SDIST_TOP_FOLDER,
        title="Not one top folder called as the file",
        rule="Everything lies in one folder, {name}-{version}, as in the filename. Another spelling of it is only "
        "warned of.",
        why="Tools that unpack look for that folder. PyPI asks for one, of whatever name.",
        mend=_BUILD,
        source="PEP 625; PyPUG: source distribution format, Source distribution file format",
        warehouse=("T3",),
        milder="One folder, and only spelled otherwise than the filename: Demo.Pkg-1.0 (old setuptools, flit).",
    ),
    Rule(
        code=Code.SDIST_LEADING_DOT,
        title="Members that are called './…'",
        rule="Names begin with the top folder, and not with './'.",
        why="'tar czf … ./x-1.0' writes them so. pip takes the dot for the top folder, finds one more folder below it, "
        "and says that this is no Python project; uv installs it.",
        mend="Pack the folder without './' in front, 'tar czf x-1.0.tar.gz x-1.0', or with 'python -m build --sdist'.",
        source="PyPUG: source distribution format, Source distribution file format; what pip takes",
    ),
    Rule(
        code=Code.SDIST_NO_PYPROJECT,
        title="No pyproject.toml",
        rule="An sdist has a pyproject.toml in its top folder.",
        why="Without it installers fall back on setup.py and an unstated setuptools. Old sdists are so, and still "
        "install. PyPI does not look for it either (it took six 1.17.0).",
        mend='Add a pyproject.toml with [build-system] requires = ["setuptools"].',
        source="PEP 517; PEP 643; PyPUG: source distribution format",
        lenient="setuptools alone needs none; every sdist before PEP 517 (2017) lacks it.",
    ),
)
