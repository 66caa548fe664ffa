"""The rules about filenames, versions and tags."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule
from eggwatch.policy.terms import Weight

_BUILD = "Build it with a current tool: 'python -m build'."

RULES = (
    Rule(
        code=Code.FILENAME_CONTROL_CHARACTERS,
        title="A control character in the filename",
        rule="A filename contains no control characters (0x00 to 0x1f, 0x7f).",
        why="Control characters move the cursor of a terminal and end lines in logs and pages, so one name can look "
        "like another.",
        remedy="Rename the file to what the build tool called it, and upload it again.",
        source="PyPI's rule",
        warehouse=("F1",),
    ),
    Rule(
        code=Code.FILENAME_SLASH,
        title="A slash or backslash in the filename",
        rule="A filename contains no '/' and no '\\'.",
        why="Some systems read such a name as a path, and write the file outside the folder that it belongs in.",
        remedy="Rename the file to what the build tool called it, and upload it again.",
        source="PyPI's rule",
        warehouse=("F2",),
    ),
    Rule(
        code=Code.FILENAME_FORMAT,
        title="Neither a wheel nor an sdist",
        rule="Only wheels (.whl) and sdists (.tar.gz) are published.",
        why="Current installers take nothing else: eggs, .zip sdists and installers of operating systems are obsolete.",
        remedy=_BUILD,
        source="PEP 427; PEP 625; PEP 715 (eggs)",
        warehouse=("F3", "U4"),
    ),
    Rule(
        code=Code.FILENAME_TOO_LONG,
        title="A filename of more than 200 bytes",
        rule="A filename has at most 200 bytes in UTF-8.",
        why="File systems allow at most 255 bytes, and the files stored beside an archive have longer names than the "
        "archive.",
        remedy="Build the archive with a shorter name. In most cases the wheel has far too many tags.",
        source="A rule of this program; Linux, NAME_MAX in limits.h",
        warehouse=("F4",),
    ),
    Rule(
        code=Code.FILENAME_INVALID,
        title="A filename that can't be parsed",
        rule="A wheel is named {name}-{version}[-{build}]-{python}-{abi}-{platform}.whl, an sdist "
        "{name}-{version}.tar.gz.",
        why="Installers choose files by filename alone. A filename that they can't parse is never found, or is taken "
        "for another.",
        remedy=f"{_BUILD} Do not rename the file that it creates.",
        source="PyPUG: binary distribution format, File name convention; source distribution format, File name",
        warehouse=("F5", "F6", "F8", "U3"),
    ),
    Rule(
        code=Code.FILENAME_NOT_NORMALIZED,
        title="A filename that is not normalised",
        rule="Name and version are written in normalised form: lower case, '_' for runs of '-', '_' and '.', the "
        "version as PEP 440 writes it.",
        why="Old build tools wrote Demo.Pkg-1.0.0rc1, and every installer still finds such a file. The index compares "
        "filenames in normalised form, so a second spelling of a published file is not accepted.",
        remedy="Build it with a current setuptools, hatchling, flit or poetry.",
        source="PEP 625; PEP 427; PEP 503; PyPUG: binary distribution format, Escaping and Unicode",
        warehouse=("F6", "F7", "F9", "F10"),
        default=Weight.WARN,
    ),
    Rule(
        code=Code.FILENAME_COPY,
        title="The name of a second download",
        rule="A filename does not end in ' (1)', ' - Copy' or the like.",
        why="A browser or file manager created that name. It is not a valid name of a wheel or sdist.",
        remedy="Rename it to its original name, and upload it again.",
        source="PyPUG: binary distribution format, File name convention",
        warehouse=("F5", "F8"),
    ),
    Rule(
        code=Code.FILENAME_TAGS_REPEATED,
        title="A tag that occurs twice in the filename",
        rule="A compressed tag set contains each tag once.",
        why="This is a matter of form: the index compares tags expanded and sorted, so a second spelling of a "
        "published file is not accepted.",
        remedy=_BUILD,
        source="PEP 425, Compressed Tag Sets",
        default=Weight.WARN,
    ),
    Rule(
        code=Code.FILENAME_TOO_MANY_TAGS,
        title="A compressed tag set that is far too large",
        rule="The tags of a filename expand to a limited number of tags.",
        why="Each dot multiplies the number: sixty characters can stand for a hundred thousand tags, which every "
        "installer has to expand.",
        remedy="Build one wheel for each platform.",
        source="PEP 425, Compressed Tag Sets",
    ),
    Rule(
        code=Code.FILENAME_TAGS_UPPERCASE,
        title="Tags in upper case",
        rule="Tags are in lower case.",
        why="pip ignores case when it compares tags. uv does not, and can't install such a wheel on any system.",
        remedy=_BUILD,
        source="PyPUG: platform compatibility tags; tried with pip 26.3 and uv 0.13.9",
    ),
    Rule(
        code=Code.VERSION_TOO_LARGE,
        title="A version with a number that uv can't read",
        rule="Numbers in a version, except in its local part, are below 2^64 - 1. A build number is below 2^64.",
        why="PEP 440 sets no limit and pip has none. uv stores these numbers in 64 bits, and can't install the file.",
        remedy="Build it with a smaller version. Up to 19 digits are allowed; a date with a time of day has 14.",
        source="PEP 440; tried with pip 26.3 and uv 0.13.9",
    ),
    Rule(
        code=Code.PYTHON_TAG_UNKNOWN,
        title="An unknown Python tag",
        rule="The Python tag is a known implementation and a version: py3, cp312, pp310.",
        why="No installer chooses such a wheel, except an interpreter of your own that has this tag.",
        remedy="Look for a typing error in --python-tag or in the settings of the build backend.",
        source="PEP 425, Python Tag",
        default=Weight.WARN,
    ),
    Rule(
        code=Code.ABI_TAG_UNKNOWN,
        title="An unknown ABI tag",
        rule="The ABI tag is none, abi3, or that of a known implementation.",
        why="No installer chooses such a wheel, except an interpreter of your own that has this tag.",
        remedy="Look for a typing error in the settings of the build backend.",
        source="PEP 425, ABI Tag",
        default=Weight.WARN,
    ),
    Rule(
        code=Code.PLATFORM_TAG_UNKNOWN,
        title="An unknown platform tag",
        rule="The platform tag is one that PyPI accepts, or linux_*.",
        why="No installer on a known system chooses such a wheel. It does no harm, and new systems exist before any "
        "list contains them (macosx_27 next autumn), so the default profile only warns.",
        remedy="Look for a typing error in --plat-name; if the system is real, ignore the warning.",
        source="PyPUG: platform compatibility tags",
        warehouse=("F11",),
        default=Weight.WARN,
    ),
    Rule(
        code=Code.PLATFORM_TAG_LINUX,
        title="A wheel for any Linux",
        rule="The platform tag of a wheel for Linux is manylinux or musllinux.",
        why="linux_x86_64 says nothing about the C library: pip installs the wheel on any Linux, and it may fail at "
        "import. Where all servers are alike this is normal, so the default profile only warns.",
        remedy="Repair the wheel with auditwheel, or build it with cibuildwheel.",
        source="PEP 513; PEP 600; PEP 656",
        warehouse=("F11",),
        default=Weight.WARN,
    ),
    Rule(
        code=Code.PLATFORM_TAG_NEWER,
        title="A platform that PyPI does not accept yet",
        rule="The platform tag is on PyPI's list. Some tags that installers know are not: loongarch64, musllinux on "
        "ppc64, the macOS of next year, pyodide.",
        why="Only PyPI's list is behind: installers on such a system do choose the wheel.",
        remedy="Nothing, in a private index. For PyPI: build the wheel for an older system.",
        source="PyPI's rule",
        warehouse=("F11",),
        default=Weight.WARN,
    ),
    Rule(
        code=Code.VERSION_LOCAL,
        title="A local version",
        rule="A version on PyPI has no local part (1.0+acme.1).",
        why="Local versions are for modified builds of somebody else's project. A private index is the right place "
        "for them, so the default profile only warns. PyPI publishes originals, and rejects them.",
        remedy="Nothing, in a private index. For PyPI: remove the '+' and what follows it.",
        source="PEP 440, Local version identifiers",
        warehouse=("M2",),
        default=Weight.WARN,
    ),
)
