"""The rules about wheels: dist-info, WHEEL, RECORD, entry points."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule

_PACK = "Pack it again with 'wheel pack', or build it again; do not change a wheel with zip tools."
_PIP_AND_UV = "pip and uv install it all the same"
_RECORD = "PyPUG: recording installed projects, The RECORD file; PEP 427, Signed wheel files"

RULES = (
    Rule(
        code=Code.DIST_INFO_AMBIGUOUS,
        title="More than one dist-info folder",
        rule="A wheel has one .dist-info folder, named {name}-{version}.dist-info as in its filename. There is no "
        "other one, and no .egg-info, at the root or where the data folder is installed to.",
        why="pip and uv reject a wheel with two of them at the root. One in the data folder is installed over the "
        "metadata that was checked, or over that of another project. With an .egg-info of another project, 'pip list' "
        "and 'uv pip list' show that project, and pip fails if it has no version. The project's own .egg-info, left "
        f"by an old tool, is only a warning: {_PIP_AND_UV}, though some tools then list the project twice.",
        source="PEP 427, File contents",
        milder="An .egg-info beside the dist-info (suds-community 0.8.5): pip and uv install both, and use the "
        "dist-info.",
    ),
    Rule(
        code=Code.DIST_INFO_INSTALLER,
        title="A file that only installers write",
        rule="The .dist-info folder contains no INSTALLER, REQUESTED or direct_url.json.",
        why="These files say which tool installed a project, whether it was asked for, and from where. pip and uv "
        "both install the wheel, but keep the direct_url.json that it contains, so 'pip freeze' prints an origin that "
        "is wrong. pypa/installer fails because the file exists already.",
        remedy="Do not pack a wheel from an installed project; build it again.",
        source="PyPUG: recording installed projects, The INSTALLER file, The direct_url.json file; PEP 610",
        lenient="Both pip and uv overwrite these files, and both keep a direct_url.json.",
    ),
    Rule(
        code=Code.WHEEL_FILE_MISSING,
        title="No WHEEL",
        rule="A wheel has {name}-{version}.dist-info/WHEEL.",
        why="It says how to unpack the wheel. Neither pip nor uv installs a wheel without it.",
        source="PEP 427, The .dist-info directory",
        warehouse=("Z5",),
    ),
    Rule(
        code=Code.WHEEL_FILE_INVALID,
        title="A WHEEL that can't be read",
        rule="WHEEL is UTF-8 without control characters, in the format of mail headers, with Wheel-Version, "
        "Root-Is-Purelib and Tag.",
        why="pip and uv both need Wheel-Version, and uv needs it in the form 1.0. Characters that only one of them "
        "takes for a line end make them see different fields. 'Root-Is-Purelib: True' is true for pip and false for "
        "uv, so they install into different folders where lib64 and lib differ. Invalid tags or a missing "
        f"Root-Is-Purelib are only a warning: {_PIP_AND_UV}.",
        source="PEP 427, File contents",
        milder="Fields that neither pip nor uv reads, such as invalid tags, or for which both assume the default.",
    ),
    Rule(
        code=Code.WHEEL_VERSION_UNSUPPORTED,
        title="A Wheel-Version other than 1.x",
        rule="Wheel-Version has the major number 1.",
        why="Neither pip nor uv installs a higher one. Version 0.x, which both take for 1.0, is only a warning.",
        remedy="Build it with a tool that writes Wheel-Version 1.0.",
        source="PEP 427, Installing a wheel; PEP 777",
        milder="Wheel-Version 0.x, which pip and uv accept.",
    ),
    Rule(
        code=Code.WHEEL_TAGS_MISMATCH,
        title="Tags in WHEEL that differ from the filename",
        rule="The Tag lines of WHEEL are exactly the expanded tags of the filename.",
        why="The wheel was renamed, or a tool wrote the tags after an empty line ('wheel tags' 0.40 and 0.41) or not "
        f"at all. Installers use the tags of the filename: {_PIP_AND_UV}.",
        remedy="Change tags with 'wheel tags', which changes both places, or build it again.",
        source="PEP 427, File contents",
        lenient="Installers use the tags of the filename; 'wheel tags' 0.40 and 0.41 wrote them after an empty line "
        "(cmake 3.27.2).",
    ),
    Rule(
        code=Code.WHEEL_BUILD_MISMATCH,
        title="A Build in WHEEL that differs from the filename",
        rule="Build in WHEEL equals the build tag of the filename, or both are absent.",
        why="The wheel was renamed, so it sorts among the builds in another place than it was built for. Installers "
        f"use the build tag of the filename: {_PIP_AND_UV}.",
        remedy="Change it with 'wheel tags --build', which changes both places.",
        source="PEP 427, File contents",
        lenient="Installers use the build tag of the filename.",
    ),
    Rule(
        code=Code.WHEEL_DATA_FOLDER,
        title="A .data folder with another name or unknown contents",
        rule="The only .data folder is {name}-{version}.data, named like the file and the .dist-info folder. It "
        "contains only purelib, platlib, headers, scripts and data, and scripts contains no folder.",
        why="pip unpacks every .data folder, pypa/installer the one named like the file, uv the one named like the "
        ".dist-info folder. A tool that does not unpack a folder installs it as plain files, so pip and uv install "
        "different things. uv can't install a folder in scripts, and neither can install unknown contents.",
        source="PEP 427, The .data directory",
    ),
    Rule(
        code=Code.WHEEL_COLLISION,
        title="Two members that are installed to the same path",
        rule="No two members have the same path, whatever the case, after the contents of the data folder are moved "
        "to where they are installed. No member is installed as a file where others need a folder, or as a program "
        "that an entry point creates, and entry points name each program once.",
        why="The root, purelib and platlib are the same folder on nearly all systems. Which of two files is kept "
        "depends on the installer, with uv even on the order in which the file system lists folders. Equal bytes, and "
        "a program that both the data folder and the entry points contain, are only a warning: pip and uv both "
        "install the one of the entry points; other installers overwrite it or fail.",
        source="PEP 427, Installing a wheel, Spread",
        milder="Equal bytes, or one program both in the data folder and in the entry points (qtconsole 5.3.0): pip "
        "and uv install the latter.",
    ),
    Rule(
        code=Code.WHEEL_BYTECODE,
        title="Compiled Python",
        rule="A wheel contains no compiled Python (.pyc, .pyo), in __pycache__ or elsewhere.",
        why="Nobody can review what it does. Python imports it if its source is missing. If the source is there, pip "
        "and pypa/installer compile it again; but after uv (or pip --no-compile) Python runs the bytecode if it "
        "contains the hash of the source, whatever its code does. Bytecode with a time in its header is not run, "
        "because installers give the source a new time.",
        remedy="Delete __pycache__ before building, or build with a current tool, which does not pack bytecode.",
        source="PEP 427, Is it possible to import Python code directly from a wheel file; PEP 3147; PEP 552",
        lenient="Legitimate wheels contain it: those of projects without sources, and those packed by hand after a "
        "first import.",
    ),
    Rule(
        code=Code.WHEEL_BYTECODE_UNCHECKED,
        title="Compiled Python that runs whatever its source says",
        rule="No .pyc of a wheel has an unchecked hash in its header (PEP 552: hash-based, check_source not set).",
        why="After uv (or pip --no-compile) Python imports it, and ignores the source beside it. pip and "
        "pypa/installer compile the source again. What was reviewed is not what runs.",
        remedy="Delete __pycache__ before building. If a project must be published without sources, compile it with "
        "'python -m compileall -b --invalidation-mode timestamp'.",
        source="PEP 552",
    ),
    Rule(
        code=Code.SCRIPT_UNSUPPORTED,
        title="A script that pip or uv can't install",
        rule="A script in the entry points is module:function without spaces, optionally with extras like [a,b] after "
        "it. No script, including those in bin/ of the data folder's data, is named like an interpreter (python, "
        "python3, python3.N, pythonw, pypy, graalpy).",
        why="pip can't parse anything else, and fails. uv rejects the names of interpreters, which pip overwrites.",
        remedy="Fix [project.scripts] in pyproject.toml, or rename the script.",
        source="PyPUG: entry points specification, Use for scripts; tried with pip 26.3 and uv 0.13.9",
    ),
    Rule(
        code=Code.SCRIPT_NOT_EXECUTABLE,
        title="A script without an execute bit",
        rule="Each file in the scripts folder of the data folder has an execute bit in the zip, unless the wheel is "
        "for Windows.",
        why="uv makes every script executable. pip and pypa/installer only do so for scripts that are executable in "
        "the wheel, so after pip the program can't be run.",
        remedy="Build the wheel with a current tool, on Linux or macOS, or declare programs as [project.scripts].",
        source="PEP 427, Installing a wheel, Spread; tried with pip 26.3 and uv 0.13.9",
    ),
    Rule(
        code=Code.RECORD_MISSING,
        title="No RECORD",
        rule="A wheel has {name}-{version}.dist-info/RECORD.",
        why="Without it nothing can be uninstalled or verified. Neither pip nor uv installs such a wheel.",
        source=_RECORD,
        warehouse=("W1",),
    ),
    Rule(
        code=Code.RECORD_INVALID,
        title="A RECORD that can't be read",
        rule="RECORD is UTF-8 and CSV, with path, hash and size in each line. Hashes are urlsafe base64 without '='.",
        why="pip and uv can't read a RECORD that is not UTF-8; uv can't read one with fewer columns, or with a size "
        f"that is not a number. Hashes in hex or with '=', and more columns, are only a warning: {_PIP_AND_UV}.",
        remedy=_PACK,
        source=_RECORD,
        warehouse=("W1",),
        milder="The right hash in hex or with '=', or more than three columns: pip and uv do not check them.",
    ),
    Rule(
        code=Code.RECORD_UNLISTED_MEMBER,
        title="A member that RECORD does not list",
        rule="RECORD lists every member except its own signatures.",
        why=f"The file was added after the build, and will not be verified or uninstalled; {_PIP_AND_UV}.",
        remedy=_PACK,
        source=_RECORD,
        lenient="pip and uv install what the zip contains, and do not compare RECORD with it.",
    ),
    Rule(
        code=Code.RECORD_STRAY_ENTRY,
        title="A line of RECORD without a member",
        rule="Every path in RECORD is a file of the wheel; folders are not listed.",
        why="A file was removed from the wheel after the build, or the tool listed folders or wrote '/demo/x.py' for "
        f"'demo/x.py': {_PIP_AND_UV}. 'pip uninstall' deletes a listed folder with everything in it, including the "
        "files of other projects.",
        remedy=_PACK,
        source=_RECORD,
        lenient="skbuild listed folders (cmake 3.27.2); pip and uv install what the zip contains.",
    ),
    Rule(
        code=Code.RECORD_UNSAFE_PATH,
        title="A path in RECORD that does not belong to the project",
        rule="No path in RECORD leads out of site-packages by '..', is site-packages itself, or belongs to another "
        "project. The project's own are its files, the contents of folders that have files of it, and what has the "
        "name of the project.",
        why="pip uninstalls what RECORD lists. It would delete the files of other projects, also in a shared "
        "namespace package, their programs, or all of site-packages.",
        remedy=_PACK,
        source=_RECORD,
    ),
    Rule(
        code=Code.RECORD_DUPLICATE_ENTRY,
        title="A path that is listed twice in RECORD",
        rule="RECORD lists each path once.",
        why=f"It is a matter of chance which of the two hashes is used; {_PIP_AND_UV}.",
        remedy=_PACK,
        source=_RECORD,
        lenient="pip and uv install what the zip contains, and do not compare RECORD with it.",
    ),
    Rule(
        code=Code.RECORD_HASH_MISSING,
        title="A member without a hash or size in RECORD",
        rule="Every line except those of RECORD itself and its signatures has a hash and a size.",
        why=f"The member could be replaced without notice; {_PIP_AND_UV}. Old tools wrote no hash for .pyc files.",
        remedy=_PACK,
        source=_RECORD,
        lenient="Old tools wrote no hashes for .pyc files, or no sizes; pip and uv verify neither.",
    ),
    Rule(
        code=Code.RECORD_HASH_WEAK,
        title="A weak or unknown hash in RECORD",
        rule="Hashes are sha256 or stronger, and among hashlib's guaranteed algorithms.",
        why=f"md5 and sha1 can be forged, and the specification forbids them; {_PIP_AND_UV}.",
        remedy=_PACK,
        source=_RECORD,
        lenient="pip and uv do not verify the hashes of RECORD.",
    ),
    Rule(
        code=Code.RECORD_HASH_MISMATCH,
        title="A member whose hash differs from RECORD",
        rule="The bytes of each member have the hash that RECORD lists.",
        why=f"The file was changed after the wheel was built. Its CRC is right, so it is not damaged: {_PIP_AND_UV}, "
        "because neither verifies RECORD. pypa/installer does, and rejects it.",
        remedy=_PACK,
        source=_RECORD,
        lenient="Changed after the build (decord 0.6.0); the right CRC shows that it is not damaged.",
    ),
    Rule(
        code=Code.RECORD_SIZE_MISMATCH,
        title="A member whose size differs from RECORD",
        rule="Each member has the size that RECORD lists, if it lists one.",
        why=f"The file was changed after the wheel was built; {_PIP_AND_UV}.",
        remedy=_PACK,
        source=_RECORD,
        lenient="Changed after the build (decord 0.6.0); the right CRC shows that it is not damaged.",
    ),
    Rule(
        code=Code.ENTRY_POINTS_INVALID,
        title="An entry_points.txt that can't be read",
        rule="entry_points.txt is UTF-8 and INI with '=', with at most 10 000 lines, and configparser and "
        "importlib.metadata read it alike. The names of scripts consist of letters, digits, '.', '_' and '-', and "
        "their values are module:function.",
        why="Each script becomes a program in bin/. Neither pip nor uv installs a script without module:function. uv "
        "can't read an entry that occurs twice or before the first section; pip can't read comments other than '#'. "
        "From anything else the two create different programs. A '+' or '@' in a name, and a line of over 1000 "
        "characters in a section of plugins, are only a warning: both install them alike.",
        remedy="Fix [project.scripts] and [project.entry-points] in pyproject.toml.",
        source="PyPUG: entry points specification, File format",
        warehouse=("W3",),
        milder="Names with '+' or '@', and long lines of plugins: pip and uv install both alike.",
    ),
    Rule(
        code=Code.SCRIPT_NAME_UNSAFE,
        title="A script that would be written to another folder",
        rule="No name of a script in entry_points.txt is '.' or '..', or contains '/', '\\' or ':'.",
        why="Names of scripts become names of files in bin/. A script named '../x' would be written to another folder.",
        remedy="Fix [project.scripts] in pyproject.toml.",
        source="PyPUG: entry points specification, Use for scripts",
        warehouse=("W3",),
    ),
)
