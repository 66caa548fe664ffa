"""The rules about wheels: dist-info, WHEEL, RECORD, entry points."""

from __future__ import annotations

from eggwatch.policy.rules.rule import Rule, Weight

_BUILD = "Build it again with 'python -m build'."
_PACK = "Pack it again with 'wheel pack', or build it again; do not change a wheel with zip tools."
_RECORD = "PyPUG: recording installed projects, The RECORD file; PEP 427, Signed wheel files"

RULES = (
    Rule(
        code="dist-info-ambiguous",
        title="More than one dist-info folder",
        rule="A wheel has one .dist-info folder, called {name}-{version}.dist-info as in its filename. There is no "
        "other one, and no .egg-info, beside it nor where the data folder is installed to.",
        why="It is a matter of luck which one an installer believes, and what lies in the data folder is written over "
        "the metadata that was judged, or is taken for another project's.",
        mend=_BUILD,
        source="PEP 427, File contents",
    ),
    Rule(
        code="dist-info-installer",
        title="A file that only installers write",
        rule="The .dist-info folder holds no INSTALLER, REQUESTED or direct_url.json.",
        why="They say by whom, why and where from a project was installed. pip keeps a direct_url.json that the wheel "
        "brought along, and tells that the project came from there; pypa/installer fails on a file that is there.",
        mend="Do not pack wheels out of an installed project; build it again.",
        source="PyPUG: recording installed projects, The INSTALLER file, The direct_url.json file; PEP 610",
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
        rule="WHEEL is UTF-8 without control characters, in the form of mail headers, with Wheel-Version, "
        "Root-Is-Purelib and Tag.",
        why="Installers read it so, and fail or guess where it is otherwise: a lone carriage return begins a new line "
        "to some and none to others.",
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
        rule="The only .data folder is {name}-{version}.data, named as the file and as the .dist-info folder, with "
        "purelib, platlib, headers, scripts and data below, and no folder in scripts.",
        why="pip spreads every .data folder, pypa/installer the one that is named as the file, uv the one that is "
        "named as the .dist-info: of another one some take the contents for plain files, or fail. uv fails on a "
        "folder in scripts.",
        mend=_BUILD,
        source="PEP 427, The .data directory",
    ),
    Rule(
        code="wheel-collision",
        title="Two members that are installed as one file",
        rule="No two members have one path once the data folder is spread over the others, whatever the case; none is "
        "installed as a file where others need a folder, nor as a program that entry points name, and these name none "
        "twice.",
        why="The root, purelib and platlib are one folder nearly everywhere, and some installers overwrite while "
        "others fail: what was reviewed is not what is imported.",
        mend=_BUILD,
        source="PEP 427, Installing a wheel, Spread",
    ),
    Rule(
        code="wheel-bytecode",
        title="Bytecode",
        rule="A wheel holds no compiled Python (.pyc, .pyo), neither in __pycache__ nor elsewhere.",
        why="Nobody can read what it does. Without its source it is what is imported; beside its source pip and "
        "pypa/installer compile that anew, while after uv (and after pip --no-compile) Python runs the bytecode if it "
        "carries the hash of the source, whatever code it holds. Bytecode with a time in its head is not run: "
        "installers give the source a new one.",
        mend="Delete __pycache__ before building; build with a current tool, which leaves bytecode out.",
        source="PEP 427, Is it possible to import Python code directly from a wheel file; PEP 3147; PEP 552",
        default=Weight.WARN,
    ),
    Rule(
        code="wheel-bytecode-unchecked",
        title="Bytecode that is run without a look at its source",
        rule="No .pyc of a wheel has an unchecked hash in its head (PEP 552: hash-based, check_source not set).",
        why="After uv (and after pip --no-compile) it is imported and the source beside it is not, whatever that says; "
        "pip and pypa/installer compile the source anew. What was reviewed is not what runs.",
        mend="Delete __pycache__ before building; if a project has to come without sources, compile it with "
        "'python -m compileall -b --invalidation-mode timestamp'.",
        source="PEP 552",
        fixed=True,
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
        rule="RECORD is UTF-8 and CSV, with path, hash and size in each line; hashes are urlsafe base64 without '='.",
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
    ),
    Rule(
        code="record-stray-entry",
        title="A line of RECORD without a member",
        rule="Every path in RECORD is a file of the wheel; folders are not listed.",
        why="The file was taken out afterwards; the installation is not what was built. A folder that is listed is "
        "what 'pip uninstall' would take away whole, with all that other projects put there.",
        mend=_PACK,
        source=_RECORD,
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
        "importlib.metadata read the same; scripts have names of letters, digits, '.', '_' and '-', and say "
        "module:function.",
        why="Each becomes a program in bin/: where readers differ, nobody knows which ones.",
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
