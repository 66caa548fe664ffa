"""The rules that hold for every archive: that it is whole, has its metadata, and is no bomb."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import BUILD_AGAIN, Rule
from eggwatch.policy.terms import Weight

RULES = (
    Rule(
        code=Code.INCOMPLETE,
        title="An incomplete upload",
        rule="The archive is complete to its last byte, and no block of it is unwritten.",
        why="Copying was interrupted. In the drop folder such a file waits for its rest, and is rejected only after "
        "'unfinished-after'.",
        remedy="Upload the whole file again.",
        source="eggwatch: docs/design.rst, The way of one file",
        warehouse=("T2", "Z1"),
    ),
    Rule(
        code=Code.MORE_FLAWS,
        title="Too many flaws to list",
        rule="An archive has fewer than 50 flaws that reject it; warnings do not count.",
        why="The inspection stops there. The rest of the archive was not checked, so it can't be published.",
        remedy="Fix the other flaws first, and check it again.",
        source="eggwatch: a bound on hostile input",
    ),
    Rule(
        code=Code.INSPECTION_LIMIT,
        title="An archive that took too much time or memory",
        rule="An archive can be inspected within the limits on time and memory.",
        why="The archive was not checked to its end, so it can't be published. One archive must not delay the others.",
        remedy="Look for very many members, or for a compression bomb. If the archive is meant to be so, ask the "
        "administrator.",
        source="eggwatch: a bound on hostile input",
    ),
    Rule(
        code=Code.EGGWATCH_ERROR,
        title="A bug in eggwatch",
        rule="`eggwatch check` could not judge the file.",
        why="An error in eggwatch occurred while it inspected this file. The daemon would hold the file, and go on "
        "with the next one.",
        remedy="Please report it, with the traceback and, if possible, the file.",
        source="eggwatch",
    ),
    Rule(
        code=Code.COMPRESSION_RATIO,
        title="A compression bomb",
        rule="An archive unpacks to at most 50 times its size, or to 64 MiB if that is more, and never to more than "
        "16 GiB.",
        why="A file of a few kilobytes that fills a disk stops every machine that installs it. PyPI checks this for "
        "wheels only, and has no limit for sdists. eggwatch checks both in every profile, because it protects the "
        "index, too.",
        remedy="Remove generated data from the archive, or store it compressed inside.",
        source="PyPI's rule",
        warehouse=("Z3",),
    ),
    Rule(
        code=Code.TOO_MANY_MEMBERS,
        title="Far too many members",
        rule="An archive has at most 200 000 members, in at most 200 000 folders, and their names take at most 32 MiB "
        "of memory.",
        why="Each member becomes a file or folder on every machine that unpacks it, and file systems run out of "
        "inodes before they run out of space.",
        remedy="Pack the data into fewer files.",
        source="eggwatch: a bound on hostile input",
    ),
    Rule(
        code=Code.ZIP_TAR_POLYGLOT,
        title="An archive that is a zip and a tar at once",
        rule="A file is not a zip and a tar at the same time.",
        why="Some tools unpack the zip and some the tar, so what was reviewed is not what is installed.",
        source="PyPI's rule",
        warehouse=("Z2",),
    ),
    Rule(
        code=Code.METADATA_MISSING,
        title="No METADATA or PKG-INFO",
        rule="A wheel has {name}-{version}.dist-info/METADATA, an sdist {name}-{version}/PKG-INFO.",
        why="Without it there is no telling what the archive is. The index also publishes it beside every wheel (PEP "
        "658).",
        remedy=f"{BUILD_AGAIN} An archive that was packed by hand, or by 'git archive', is not a distribution.",
        source="PEP 427, The .dist-info directory; PyPUG: source distribution format",
        warehouse=("T4", "Z5", "Z6"),
    ),
    Rule(
        code=Code.METADATA_NOT_A_FILE,
        title="METADATA or PKG-INFO is not a regular file",
        rule="The metadata is a regular file: not a link, a folder or a device.",
        why="Different tools resolve a link differently.",
        source="PyPUG: source distribution format, Source distribution archive features",
    ),
    Rule(
        code=Code.METADATA_TOO_LARGE,
        title="METADATA or PKG-INFO over 8 MiB",
        rule="The metadata is at most 8 MiB large.",
        why="Installers download it before the archive, and read it as a whole.",
        remedy="Shorten the README, which becomes the description.",
        source="eggwatch: a bound on hostile input",
    ),
    Rule(
        code=Code.METADATA_CONTROL_CHARACTER,
        title="A control character in a field of the metadata",
        rule="No field except Description contains control characters (C0 and C1) other than line ends, tab and form "
        "feed, or characters that change the direction of writing.",
        why="'pip show' writes the fields to the terminal unchanged. A terminal acts on ESC and some others, which "
        "can hide or rewrite what it shows. Characters that no terminal acts on are only a warning.",
        remedy="Fix it in pyproject.toml, in [project], and build it again.",
        source="ECMA-48; Unicode Standard Annex 9; tried with pip 26.3",
        milder="Characters that a wrong encoding left behind, and those of right-to-left scripts.",
    ),
    Rule(
        code=Code.LICENSE_FILE_MISSING,
        title="A licence file that is missing",
        rule="Each License-File of the metadata exists in the archive: in a wheel in dist-info/licenses/, in an sdist "
        "in the top folder. Before metadata 2.4 a missing one is a warning in the profile pypi, too.",
        why="The text of the licence has to come with the code. No installer looks for it: pip and uv both install "
        "the archive. Before 2.4 no standard said where it belongs, and setuptools listed files that it did not pack.",
        remedy="Fix license-files in pyproject.toml, or make the build backend include the file.",
        source="PEP 639, Add License-File field",
        warehouse=("T6", "W4"),
        default=Weight.WARN,
        milder="Before metadata 2.4 no standard said where it belongs, setuptools 56 to 76 and poetry listed files "
        "that they did not pack, and twine does not send the field to PyPI.",
    ),
    Rule(
        code=Code.WINDOWS_NAME,
        title="A name that Windows does not allow",
        rule="No part of a name is that of a device (con, nul.txt, COM1), ends in a dot or a space, or contains one "
        'of <>:"|?*.',
        why="Windows does not write the file, or writes it under another name, or (at a colon) into a stream of "
        "another file. Names that would overwrite another member break other rules. Archives for Linux may have such "
        "names.",
        remedy="Rename the file, if the project is meant for Windows.",
        source="Microsoft: Naming Files, Paths, and Namespaces",
        lenient="Archives for Linux may have such names, as test data of sdists does; nothing is overwritten.",
    ),
)
