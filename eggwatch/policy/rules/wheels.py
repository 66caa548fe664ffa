"""The rules about wheels: dist-info, WHEEL, RECORD, entry points."""

from __future__ import annotations

from eggwatch.policy.rules.rule import Rule

_BUILD = "Build it again with 'python -m build'."
_PACK = "Pack it again with 'wheel pack', or build it again; do not change a wheel with zip tools."
_RECORD = "PyPUG: recording installed projects, The RECORD file; PEP 427, Signed wheel files"

RULES = (
    Rule(
        code="dist-info-ambiguous",
        title="More than one dist-info folder",
        rule="A wheel has one .dist-info folder, called {name}-{version}.dist-info as in its filename.",
        why="It is a matter of luck which one an installer believes.",
        mend=_BUILD,
        source="PEP 427, File contents",
    ),
    Rule(
        code="wheel-file-missing",
        title="No WHEEL",
        rule="A wheel has {name}-{version}.dist-info/WHEEL.",
        why="It says how to unpack the wheel; installers refuse to go on without it.",
        mend=_BUILD,
        source="PEP 427, The .dist-info directory",
        warehouse=("Z5",),
    ),
    Rule(
        code="wheel-file-invalid",
        title="A WHEEL that can't be read",
        rule="WHEEL is UTF-8, in the form of mail headers, with Wheel-Version, Root-Is-Purelib and Tag.",
        why="Installers read it so, and fail or guess where it is otherwise.",
        mend=_BUILD,
        source="PEP 427, File contents",
    ),
    Rule(
        code="wheel-version-unsupported",
        title="A Wheel-Version other than 1.x",
        rule="Wheel-Version has the major number 1.",
        why="Installers must refuse others.",
        mend="Build it with a tool that writes Wheel-Version 1.0.",
        source="PEP 427, Installing a wheel; PEP 777",
    ),
    Rule(
        code="wheel-tags-mismatch",
        title="Tags in WHEEL that the filename does not have",
        rule="The Tag lines of WHEEL are the tags of the filename, expanded: no more and no fewer.",
        why="Somebody renamed the wheel: it is offered to systems that it was not built for.",
        mend="Change tags with 'wheel tags', which changes both, or build it again.",
        source="PEP 427, File contents",
    ),
    Rule(
        code="wheel-build-mismatch",
        title="A Build in WHEEL that the filename does not have",
        rule="Build in WHEEL and the build tag of the filename are the same, or both absent.",
        why="Somebody renamed the wheel: its place in the order of builds is not the one that it was built for.",
        mend="Change it with 'wheel tags --build', which changes both.",
        source="PEP 427, File contents",
    ),
    Rule(
        code="wheel-data-folder",
        title="A .data folder of another name, or with unknown contents",
        rule="The only .data folder is {name}-{version}.data, with purelib, platlib, headers, scripts and data below.",
        why="Installers take other folders for plain files, or fail.",
        mend=_BUILD,
        source="PEP 427, The .data directory",
    ),
    Rule(
        code="record-missing",
        title="No RECORD",
        rule="A wheel has {name}-{version}.dist-info/RECORD.",
        why="Without it nothing can be uninstalled and nothing verified; installers refuse it.",
        mend=_BUILD,
        source=_RECORD,
        warehouse=("W1",),
    ),
    Rule(
        code="record-invalid",
        title="A RECORD that can't be read",
        rule="RECORD is UTF-8 and CSV, with path, hash and size in each line.",
        why="Installers read it so, and fail or guess where it is otherwise.",
        mend=_PACK,
        source=_RECORD,
        warehouse=("W1",),
    ),
    Rule(
        code="record-unlisted-member",
        title="A member that RECORD does not name",
        rule="RECORD names every member but its own signatures.",
        why="The file would be installed, and never verified or uninstalled: it was added afterwards.",
        mend=_PACK,
        source=_RECORD,
        warehouse=("W2",),
    ),
    Rule(
        code="record-stray-entry",
        title="A line of RECORD without a member",
        rule="Every path in RECORD is a member of the wheel.",
        why="The file was taken out afterwards; the installation is not what was built.",
        mend=_PACK,
        source=_RECORD,
        warehouse=("W2",),
    ),
    Rule(
        code="record-duplicate-entry",
        title="A path that stands twice in RECORD",
        rule="RECORD names each path once.",
        why="Which of the two hashes holds is a matter of luck.",
        mend=_PACK,
        source=_RECORD,
    ),
    Rule(
        code="record-hash-missing",
        title="A member without a hash in RECORD",
        rule="Every line but that of RECORD itself and its signatures has a hash.",
        why="The member could be exchanged and nobody would notice.",
        mend=_PACK,
        source=_RECORD,
    ),
    Rule(
        code="record-hash-weak",
        title="A weak or unknown hash in RECORD",
        rule="Hashes are sha256 or stronger, and of hashlib's guaranteed algorithms.",
        why="md5 and sha1 are forged at will; the specification forbids them.",
        mend=_PACK,
        source=_RECORD,
    ),
    Rule(
        code="record-hash-mismatch",
        title="A member with another hash than RECORD says",
        rule="The bytes of each member have the hash that RECORD says.",
        why="The wheel was changed after it was built. PyPI does not look; an installer that does refuses it.",
        mend=_PACK,
        source=_RECORD,
    ),
    Rule(
        code="record-size-mismatch",
        title="A member of another size than RECORD says",
        rule="Each member has the size that RECORD says, where it says one.",
        why="The wheel was changed after it was built.",
        mend=_PACK,
        source=_RECORD,
    ),
    Rule(
        code="entry-points-invalid",
        title="An entry_points.txt that can't be read",
        rule="entry_points.txt is UTF-8 and INI with '=', in at most 10 000 lines that configparser and "
        "importlib.metadata read the same; scripts have names of letters, digits, '.', '_' and '-', all different, "
        "also from those below scripts/ in the .data folder, and say module:function.",
        why="Each becomes a program in bin/: where readers differ, nobody knows which ones, and of two with one name "
        "the last overwrites the first.",
        mend="Mend [project.scripts] and [project.entry-points] in pyproject.toml.",
        source="PyPUG: entry points specification, File format",
        warehouse=("W3",),
    ),
    Rule(
        code="script-name-unsafe",
        title="A script that would land elsewhere",
        rule="No name of a script in entry_points.txt is '.' or '..', or has '/', '\\' or ':' in it.",
        why="Names of scripts become names of files in bin/: '../x' would be written elsewhere.",
        mend="Mend [project.scripts] in pyproject.toml.",
        source="PyPUG: entry points specification, Use for scripts",
        warehouse=("W3",),
        fixed=True,
    ),
)
