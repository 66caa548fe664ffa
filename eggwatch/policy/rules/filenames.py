"""The rules about filenames, versions and tags."""

from __future__ import annotations

from eggwatch.policy.rules.rule import Rule, Weight

_BUILD = "Build it with a current tool: 'python -m build'."

RULES = (
    Rule(
        code="filename-control-characters",
        title="A control character in the filename",
        rule="A filename has no control characters (0x00 to 0x1f, 0x7f).",
        why="They move the cursor of a terminal and end lines in logs and pages: one name looks like another.",
        mend="Rename the file to what the build tool called it, and upload it again.",
        source="PyPI's rule",
        warehouse=("F1",),
        fixed=True,
    ),
    Rule(
        code="filename-slash",
        title="A slash or backslash in the filename",
        rule="A filename has no '/' and no '\\'.",
        why="On some systems such a name is a path, which leaves the folder that it should stay in.",
        mend="Rename the file to what the build tool called it, and upload it again.",
        source="PyPI's rule",
        warehouse=("F2",),
        fixed=True,
    ),
    Rule(
        code="filename-format",
        title="Neither a wheel nor an sdist",
        rule="Only wheels (.whl) and sdists (.tar.gz) are published.",
        why="Installers take nothing else today: eggs, .zip sdists and installers of operating systems are the past.",
        mend=_BUILD,
        source="PEP 427; PEP 625; PEP 715 (eggs)",
        warehouse=("F3", "U4"),
        fixed=True,
    ),
    Rule(
        code="filename-too-long",
        title="A filename of more than 200 bytes",
        rule="A filename has at most 200 bytes of UTF-8.",
        why="File systems end at 255 bytes, and the files that lie beside an archive have longer names than it.",
        mend="Build the archive under a shorter name; mostly the wheel has far too many tags.",
        source="eggwatch: CONTRACT, What counts as an upload",
        warehouse=("F4",),
        fixed=True,
    ),
    Rule(
        code="filename-invalid",
        title="A filename that can't be taken apart",
        rule="A wheel is called {name}-{version}[-{build}]-{python}-{abi}-{platform}.whl, an sdist "
        "{name}-{version}.tar.gz.",
        why="An installer chooses by the filename alone: one that it can't parse is never found, or taken for another.",
        mend=f"{_BUILD} Do not rename what it has made.",
        source="PyPUG: binary distribution format, File name convention; source distribution format, File name",
        warehouse=("F5", "F6", "F8", "U3"),
        fixed=True,
    ),
    Rule(
        code="filename-not-normalized",
        title="A filename that is not normalised",
        rule="Name and version are spelled normalised: lower case, '_' for runs of '-', '_' and '.', the version as "
        "PEP 440 writes it.",
        why="Old build tools wrote Demo.Pkg-1.0.0rc1; every installer still finds that, so it is only form. The "
        "index compares filenames normalised, so no second spelling of a published file gets in.",
        mend="Build it with a current setuptools, hatchling, flit or poetry.",
        source="PEP 625; PEP 427; PEP 503; PyPUG: binary distribution format, Escaping and Unicode",
        warehouse=("F6", "F7", "F9", "F10"),
        default=Weight.WARN,
    ),
    Rule(
        code="filename-copy",
        title="The name of a second download",
        rule="A filename does not end in ' (1)', ' - Copy' or the like.",
        why="A browser or file manager made that name; it is no wheel's and no sdist's.",
        mend="Rename it to what it was called first, and upload it again.",
        source="PyPUG: binary distribution format, File name convention",
        warehouse=("F5", "F8"),
        fixed=True,
    ),
    Rule(
        code="filename-tags-repeated",
        title="A tag that stands twice in the filename",
        rule="A compressed tag set names each tag once.",
        why="It is form: the index compares tags expanded and sorted, so no second spelling of a file gets in.",
        mend=_BUILD,
        source="PEP 425, Compressed Tag Sets",
        default=Weight.WARN,
    ),
    Rule(
        code="filename-too-many-tags",
        title="A compressed tag set that is absurdly large",
        rule="The tags of a filename expand to a bounded number.",
        why="Each dot multiplies: sixty characters can stand for a hundred thousand tags, and cost every installer.",
        mend="Build one wheel for each platform.",
        source="PEP 425, Compressed Tag Sets",
        fixed=True,
    ),
    Rule(
        code="python-tag-unknown",
        title="A Python tag that nobody knows",
        rule="The Python tag is that of a known implementation and a version: py3, cp312, pp310.",
        why="No installer chooses such a wheel, unless it is made for an interpreter of your own.",
        mend="Look for a typing error in --python-tag or in the build backend's settings.",
        source="PEP 425, Python Tag",
        default=Weight.WARN,
    ),
    Rule(
        code="abi-tag-unknown",
        title="An ABI tag that nobody knows",
        rule="The ABI tag is none, abi3, or that of a known implementation.",
        why="No installer chooses such a wheel, unless it is made for an interpreter of your own.",
        mend="Look for a typing error in the build backend's settings.",
        source="PEP 425, ABI Tag",
        default=Weight.WARN,
    ),
    Rule(
        code="platform-tag-unknown",
        title="A platform tag that nobody knows",
        rule="The platform tag is one that PyPI takes, or linux_*.",
        why="No installer of a known system chooses such a wheel. It harms nobody, and new systems come before any "
        "list has them (macosx_27 the next autumn), so the default profile only warns.",
        mend="Look for a typing error in --plat-name; if the system is real, ignore the warning.",
        source="PyPUG: platform compatibility tags",
        warehouse=("F11",),
        default=Weight.WARN,
    ),
    Rule(
        code="platform-tag-linux",
        title="A wheel for 'some Linux'",
        rule="A wheel for Linux says for which: manylinux or musllinux.",
        why="linux_x86_64 promises nothing about the C library: pip installs it anywhere, and it may fail at import. "
        "In a house with one kind of server it is normal, so the default profile takes it, with a warning.",
        mend="Repair the wheel with auditwheel, or build it with cibuildwheel.",
        source="PEP 513; PEP 600; PEP 656",
        warehouse=("F11",),
        default=Weight.WARN,
    ),
    Rule(
        code="platform-tag-newer",
        title="A platform that PyPI does not take yet",
        rule="The platform tag is on PyPI's list, and not only one that installers know: loongarch64, musllinux on "
        "ppc64, the macOS of next year, pyodide.",
        why="It is a matter of PyPI's list: installers on such a system choose the wheel.",
        mend="Nothing, in a private index. For PyPI: build for an older system.",
        source="PyPI's rule",
        warehouse=("F11",),
        default=Weight.WARN,
    ),
    Rule(
        code="version-local",
        title="A local version",
        rule="A version for everybody has no local part (1.0+acme.1).",
        why="Local versions are for those who build a project again for themselves, which is what a private index is "
        "for: the default profile takes them. PyPI is where the original is published, and does not.",
        mend="Nothing, in a private index. For PyPI: leave out what follows the '+'.",
        source="PEP 440, Local version identifiers",
        warehouse=("M2",),
        default=Weight.WARN,
    ),
)
