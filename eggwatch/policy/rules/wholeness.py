"""The rules that hold for every archive: that it is whole, has its metadata, and is no bomb."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import BUILD_AGAIN, Rule, Weight

RULES = (
    Rule(
        code=Code.INCOMPLETE,
        title="An upload that is not finished",
        rule="The archive is there to its last byte, and no block of it was left unwritten.",
        why="Copying was interrupted. In the drop folder such a file waits for its rest, and is refused only after "
        "'unfinished-after'.",
        mend="Upload the file again, to the end.",
        source="eggwatch: docs/design.rst, The way of one file",
        warehouse=("T2", "Z1"),
        fixed=True,
    ),
    Rule(
        code=Code.MORE_FLAWS,
        title="So many flaws that nobody looked on",
        rule="An archive has fewer than 50 flaws that refuse it; warnings do not count.",
        why="The inspection stops there, so what comes after was not judged and can't be published.",
        mend="Fix the others first, and check again.",
        source="eggwatch: a bound on hostile input",
        fixed=True,
    ),
    Rule(
        code=Code.INSPECTION_LIMIT,
        title="An archive that took too long or too much memory",
        rule="An inspection ends within its time and memory.",
        why="It was not judged to its end, so it can't be published; one archive must not hold up the others.",
        mend="Look for absurdly many members or a bomb. If the archive is honest, ask the administrator.",
        source="eggwatch: a bound on hostile input",
        fixed=True,
    ),
    Rule(
        code=Code.EGGWATCH_ERROR,
        title="A bug of eggwatch's own",
        rule="`eggwatch check` could not judge the file.",
        why="An error in eggwatch met this file. The daemon would hold the file, and go on with the next one.",
        mend="Please report it, with the traceback and if possible the file.",
        source="eggwatch",
        fixed=True,
    ),
    Rule(
        code=Code.COMPRESSION_RATIO,
        title="A compression bomb",
        rule="An archive inflates to at most 50 times its size, or to 64 MiB if that is more, and never beyond 16 GiB.",
        why="A few kilobytes that fill a disk stop every machine that installs them. PyPI asks this of wheels only, "
        "and has no bound for sdists. Here it holds for both in every profile: it guards the index, too.",
        mend="Leave generated data out of the archive, or store it compressed within.",
        source="PyPI's rule",
        warehouse=("Z3",),
    ),
    Rule(
        code=Code.TOO_MANY_MEMBERS,
        title="Absurdly many members",
        rule="An archive has at most 200 000 members, in at most as many folders, and their names fit in 32 MiB of "
        "memory.",
        why="Each becomes a file or folder wherever it is unpacked: inodes run out before bytes do.",
        mend="Pack the data into fewer files.",
        source="eggwatch: a bound on hostile input",
        fixed=True,
    ),
    Rule(
        code=Code.ZIP_TAR_POLYGLOT,
        title="An archive that is a zip and a tar at once",
        rule="The same bytes are not a zip and a tar.",
        why="One tool unpacks this, the other that: what was reviewed is not what is installed.",
        source="PyPI's rule",
        warehouse=("Z2",),
    ),
    Rule(
        code=Code.METADATA_MISSING,
        title="No METADATA or PKG-INFO",
        rule="A wheel has {name}-{version}.dist-info/METADATA, an sdist {name}-{version}/PKG-INFO.",
        why="Without it nobody knows what the archive is; the index publishes it beside every wheel (PEP 658).",
        mend=f"{BUILD_AGAIN} An archive that was packed by hand, or by 'git archive', is no distribution.",
        source="PEP 427, The .dist-info directory; PyPUG: source distribution format",
        warehouse=("T4", "Z5", "Z6"),
        fixed=True,
    ),
    Rule(
        code=Code.METADATA_NOT_A_FILE,
        title="METADATA or PKG-INFO is no plain file",
        rule="The metadata is a regular member: no link, no folder, no device.",
        why="What a link points to differs from one reader to the next.",
        source="PyPUG: source distribution format, Source distribution archive features",
        fixed=True,
    ),
    Rule(
        code=Code.METADATA_TOO_LARGE,
        title="METADATA or PKG-INFO over 8 MiB",
        rule="The metadata has at most 8 MiB.",
        why="Installers download it before the archive and read it whole.",
        mend="Shorten the README that became the description.",
        source="eggwatch: a bound on hostile input",
        fixed=True,
    ),
    Rule(
        code=Code.METADATA_CONTROL_CHARACTER,
        title="A control character in a field of the metadata",
        rule="No field but Description holds control characters (C0 and C1) other than the ends of lines, tab and form "
        "feed, nor ones that turn the direction of a line.",
        why="'pip show' writes the fields to the terminal as they are, which obeys ESC and its like: it can hide or "
        "rewrite what stands there. Of those that no terminal obeys it is only warned.",
        mend="Fix it in pyproject.toml, below [project], and build it again.",
        source="ECMA-48; Unicode Standard Annex 9; tried with pip 26.3",
        fixed=True,
        milder="Characters that mistaken encodings left, and those of right-to-left scripts.",
    ),
    Rule(
        code=Code.LICENSE_FILE_MISSING,
        title="A licence file that is not there",
        rule="Each License-File of the metadata lies in the archive: in a wheel below dist-info/licenses/, in an sdist "
        "below the top folder. Before metadata 2.4 a missing one is a warning in the profile pypi, too.",
        why="The licence's text has to come with the code, though no installer looks for it: pip and uv install the "
        "archive alike. Before 2.4 nothing said where it should lie, and setuptools listed files that it did not pack.",
        mend="Fix license-files in pyproject.toml, or give the file to the build backend.",
        source="PEP 639, Add License-File field",
        warehouse=("T6", "W4"),
        default=Weight.WARN,
        milder="Before metadata 2.4 nothing said where it lies, setuptools 56 to 76 and poetry listed files that "
        "they did not pack, and twine leaves the field out of what it tells PyPI.",
    ),
    Rule(
        code=Code.WINDOWS_NAME,
        title="A name that Windows can't hold",
        rule="No part of a name is that of a device (con, nul.txt, COM1), ends in a dot or a blank, or holds one of "
        '<>:"|?*.',
        why="There the file is not written, or is written under another name, or into a stream of another one (at a "
        "colon). What would overwrite another member is "
        "refused by other rules, and archives for Linux may have such names.",
        mend="Rename the file, if the project is meant for Windows.",
        source="Microsoft: Naming Files, Paths, and Namespaces",
        lenient="Archives for Linux may have such names, as test data of sdists has; nothing is overwritten.",
    ),
)
