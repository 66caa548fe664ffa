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
        rule="A wheel has one .dist-info folder, called {name}-{version}.dist-info as in its filename. There is no "
        "other one, and no .egg-info, beside it nor where the data folder is installed to.",
        why="pip and uv take no wheel with two at the root. What lies in the data folder they write over the "
        "metadata that was judged, or for another project's, alike. An .egg-info of another project has 'pip list' and "
        "'uv pip list' tell that one, and pip fails over one without a version. The project's own, which an old tool "
        f"left there, is only warned of: {_PIP_AND_UV}, though some may then see the project twice.",
        source="PEP 427, File contents",
        milder="An .egg-info beside the dist-info (suds-community 0.8.5): pip and uv install both, and go by the "
        "dist-info.",
    ),
    Rule(
        code=Code.DIST_INFO_INSTALLER,
        title="A file that only installers write",
        rule="The .dist-info folder holds no INSTALLER, REQUESTED or direct_url.json.",
        why="They say by whom, why and where from a project was installed. pip and uv install the wheel alike, and "
        "keep a direct_url.json that it brought along, so that 'pip freeze' tells a place that the project did not "
        "come from; pypa/installer fails on a file that is there.",
        mend="Do not pack wheels out of an installed project; build it again.",
        source="PyPUG: recording installed projects, The INSTALLER file, The direct_url.json file; PEP 610",
        lenient="pip and uv write their own over them, or keep direct_url.json alike.",
    ),
    Rule(
        code=Code.WHEEL_FILE_MISSING,
        title="No WHEEL",
        rule="A wheel has {name}-{version}.dist-info/WHEEL.",
        why="It says how to unpack the wheel; neither pip nor uv installs it without.",
        source="PEP 427, The .dist-info directory",
        warehouse=("Z5",),
    ),
    Rule(
        code=Code.WHEEL_FILE_INVALID,
        title="A WHEEL that can't be read",
        rule="WHEEL is UTF-8 without control characters, in the form of mail headers, with Wheel-Version, "
        "Root-Is-Purelib and Tag.",
        why="Wheel-Version must be there for both pip and uv, and of the form 1.0 for uv; of what one takes for the "
        "end of a line and the other does not, each sees other fields. 'Root-Is-Purelib: True' is true for pip and "
        "false for uv, so that they install into different folders where lib64 is not lib. The rest is only warned "
        f"of, like tags that are none, or a Root-Is-Purelib that is missing: {_PIP_AND_UV}.",
        source="PEP 427, File contents",
        milder="What neither pip nor uv reads, like tags that are none; or what both take for the default.",
    ),
    Rule(
        code=Code.WHEEL_VERSION_UNSUPPORTED,
        title="A Wheel-Version other than 1.x",
        rule="Wheel-Version has the major number 1.",
        why="Neither pip nor uv installs a higher one. Of 0.x, which both take for 1.0, it is only warned.",
        mend="Build it with a tool that writes Wheel-Version 1.0.",
        source="PEP 427, Installing a wheel; PEP 777",
        milder="Wheel-Version 0.x, which pip and uv take.",
    ),
    Rule(
        code=Code.WHEEL_TAGS_MISMATCH,
        title="Tags in WHEEL that the filename does not have",
        rule="The Tag lines of WHEEL are the tags of the filename, expanded: no more and no fewer.",
        why="Somebody renamed the wheel, or a tool wrote the tags after an empty line ('wheel tags' of 0.40 and "
        f"0.41), or not at all. Installers choose by the filename: {_PIP_AND_UV}.",
        mend="Change tags with 'wheel tags', which changes both, or build it again.",
        source="PEP 427, File contents",
        lenient="Installers choose by the filename; 'wheel tags' 0.40 and 0.41 hid the tags (cmake 3.27.2).",
    ),
    Rule(
        code=Code.WHEEL_BUILD_MISMATCH,
        title="A Build in WHEEL that the filename does not have",
        rule="Build in WHEEL and the build tag of the filename are the same, or both absent.",
        why="Somebody renamed the wheel: its place in the order of builds is not the one that it was built for. "
        f"Installers go by the filename: {_PIP_AND_UV}.",
        mend="Change it with 'wheel tags --build', which changes both.",
        source="PEP 427, File contents",
        lenient="Installers go by the filename.",
    ),
    Rule(
        code=Code.WHEEL_DATA_FOLDER,
        title="A .data folder of another name, or with unknown contents",
        rule="The only .data folder is {name}-{version}.data, named as the file and as the .dist-info folder, with "
        "purelib, platlib, headers, scripts and data below, and no folder in scripts.",
        why="pip spreads every .data folder, pypa/installer the one that is named as the file, uv the one that is "
        "named as the .dist-info: of another one some take the contents for plain files, so that pip and uv install "
        "different things. uv can't install a folder in scripts, and neither can install an unknown one.",
        source="PEP 427, The .data directory",
    ),
    Rule(
        code=Code.WHEEL_COLLISION,
        title="Two members that are installed as one file",
        rule="No two members have one path once the data folder is spread over the others, whatever the case; none is "
        "installed as a file where others need a folder, nor as a program that entry points name, and these name none "
        "twice.",
        why="The root, purelib and platlib are one folder nearly everywhere; which of two files stays, differs between "
        "installers, for uv even with the order in which a file system lists folders. Of equal bytes, and of one "
        "program that both the data folder and entry points bring, it is only warned: pip and uv both install the "
        "one of the entry points; other installers overwrite or fail.",
        source="PEP 427, Installing a wheel, Spread",
        milder="Equal bytes, or one program in the data folder and in entry points (qtconsole 5.3.0): pip and uv "
        "install the latter.",
    ),
    Rule(
        code=Code.WHEEL_BYTECODE,
        title="Bytecode",
        rule="A wheel holds no compiled Python (.pyc, .pyo), neither in __pycache__ nor elsewhere.",
        why="Nobody can read what it does. Without its source it is what is imported; beside its source pip and "
        "pypa/installer compile that anew, while after uv (and after pip --no-compile) Python runs the bytecode if it "
        "carries the hash of the source, whatever code it holds. Bytecode with a time in its head is not run: "
        "installers give the source a new one.",
        mend="Delete __pycache__ before building; build with a current tool, which leaves bytecode out.",
        source="PEP 427, Is it possible to import Python code directly from a wheel file; PEP 3147; PEP 552",
        lenient="Honest wheels have it: of projects without sources, and packed by hand after a first import.",
    ),
    Rule(
        code=Code.WHEEL_BYTECODE_UNCHECKED,
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
        code=Code.SCRIPT_UNSUPPORTED,
        title="A script that pip or uv can't install",
        rule="A script in entry points is module:function without blanks, with extras like [a,b] behind it or none; "
        "and no script, also none in bin/ of the data folder's data, is called as an interpreter (python, python3, "
        "python3.N, pythonw, pypy, graalpy).",
        why="pip takes nothing else apart, and fails; uv refuses the names of interpreters, which pip writes over.",
        mend="Fix [project.scripts] in pyproject.toml, or give the script another name.",
        source="PyPUG: entry points specification, Use for scripts; tried with pip 26.3 and uv 0.13.9",
    ),
    Rule(
        code=Code.SCRIPT_NOT_EXECUTABLE,
        title="A script without an execute bit",
        rule="Each file in the scripts folder of the data folder has an execute bit in the zip, unless "
        "the wheel is for Windows.",
        why="uv makes every script executable, pip and pypa/installer only those that are so in the wheel: "
        "after pip the program can't be run.",
        mend="Build the wheel with a current tool, on Linux or macOS; declare programs as [project.scripts].",
        source="PEP 427, Installing a wheel, Spread; tried with pip 26.3 and uv 0.13.9",
    ),
    Rule(
        code=Code.RECORD_MISSING,
        title="No RECORD",
        rule="A wheel has {name}-{version}.dist-info/RECORD.",
        why="Without it nothing can be uninstalled and nothing verified; neither pip nor uv installs it.",
        source=_RECORD,
        warehouse=("W1",),
    ),
    Rule(
        code=Code.RECORD_INVALID,
        title="A RECORD that can't be read",
        rule="RECORD is UTF-8 and CSV, with path, hash and size in each line; hashes are urlsafe base64 without '='.",
        why="pip and uv read no RECORD that is not UTF-8; uv none with fewer columns, or with a size that is no "
        f"number. Hashes in hex or with '=', and more columns, are only warned of: {_PIP_AND_UV}.",
        mend=_PACK,
        source=_RECORD,
        warehouse=("W1",),
        milder="The right hash in hex or with '=', or more than three columns: pip and uv don't look.",
    ),
    Rule(
        code=Code.RECORD_UNLISTED_MEMBER,
        title="A member that RECORD does not name",
        rule="RECORD names every member but its own signatures.",
        why=f"The file was added afterwards, and will not be verified or uninstalled; {_PIP_AND_UV}.",
        mend=_PACK,
        source=_RECORD,
        lenient="pip and uv install by the zip, and don't compare RECORD with it.",
    ),
    Rule(
        code=Code.RECORD_STRAY_ENTRY,
        title="A line of RECORD without a member",
        rule="Every path in RECORD is a file of the wheel; folders are not listed.",
        why="A file of the project was taken out afterwards, or the tool listed folders or wrote '/demo/x.py' for "
        f"'demo/x.py': {_PIP_AND_UV}. A folder that is listed is what 'pip uninstall' takes away whole, with all that "
        "other projects put there.",
        mend=_PACK,
        source=_RECORD,
        lenient="skbuild listed folders (cmake 3.27.2); pip and uv install by the zip.",
    ),
    Rule(
        code=Code.RECORD_UNSAFE_PATH,
        title="A line of RECORD that is none of the project's",
        rule="No path in RECORD leads out of site-packages by '..', is site-packages itself, or is none of the "
        "project's own: those are its files, what lies in a folder with files of it, and what is named as the project.",
        why="pip uninstalls by RECORD, and would delete what lies there: the files of other projects, also in a "
        "namespace that they share, their programs, or all of site-packages.",
        mend=_PACK,
        source=_RECORD,
        fixed=True,
    ),
    Rule(
        code=Code.RECORD_DUPLICATE_ENTRY,
        title="A path that stands twice in RECORD",
        rule="RECORD names each path once.",
        why=f"Which of the two hashes holds is a matter of luck; {_PIP_AND_UV}.",
        mend=_PACK,
        source=_RECORD,
        lenient="pip and uv install by the zip, and don't compare RECORD with it.",
    ),
    Rule(
        code=Code.RECORD_HASH_MISSING,
        title="A member without a hash or size in RECORD",
        rule="Every line but that of RECORD itself and its signatures has a hash and a size.",
        why=f"The member could be exchanged and nobody would notice; {_PIP_AND_UV}. Old tools left it out for .pyc "
        "files.",
        mend=_PACK,
        source=_RECORD,
        lenient="Old tools left out hashes of .pyc files, and sizes; pip and uv verify neither.",
    ),
    Rule(
        code=Code.RECORD_HASH_WEAK,
        title="A weak or unknown hash in RECORD",
        rule="Hashes are sha256 or stronger, and of hashlib's guaranteed algorithms.",
        why=f"md5 and sha1 are forged at will; the specification forbids them. But {_PIP_AND_UV}.",
        mend=_PACK,
        source=_RECORD,
        lenient="pip and uv don't verify hashes of RECORD.",
    ),
    Rule(
        code=Code.RECORD_HASH_MISMATCH,
        title="A member with another hash than RECORD says",
        rule="The bytes of each member have the hash that RECORD says.",
        why=f"The file was changed after the wheel was built. Its CRC is right, so it is not damaged: {_PIP_AND_UV}, "
        "as neither verifies RECORD. pypa/installer does, and refuses it.",
        mend=_PACK,
        source=_RECORD,
        lenient="Edited after the build (decord 0.6.0); a sound CRC says that it is not damaged.",
    ),
    Rule(
        code=Code.RECORD_SIZE_MISMATCH,
        title="A member of another size than RECORD says",
        rule="Each member has the size that RECORD says, where it says one.",
        why=f"The file was changed after the wheel was built; {_PIP_AND_UV}.",
        mend=_PACK,
        source=_RECORD,
        lenient="Edited after the build (decord 0.6.0); a sound CRC says that it is not damaged.",
    ),
    Rule(
        code=Code.ENTRY_POINTS_INVALID,
        title="An entry_points.txt that can't be read",
        rule="entry_points.txt is UTF-8 and INI with '=', in at most 10 000 lines that configparser and "
        "importlib.metadata read the same; scripts have names of letters, digits, '.', '_' and '-', and say "
        "module:function.",
        why="Each becomes a program in bin/. Neither pip nor uv installs a script without module:function; uv reads "
        "nothing that stands twice or before the first section, pip nothing with another comment than '#'; of the "
        "rest the two make different programs. Of a '+' or '@' in a name, and of a line of over 1000 characters in a "
        "section of plugins, it is only warned: both install it alike.",
        mend="Fix [project.scripts] and [project.entry-points] in pyproject.toml.",
        source="PyPUG: entry points specification, File format",
        warehouse=("W3",),
        milder="Names with '+' or '@', and long lines of plugins: pip and uv install both alike.",
    ),
    Rule(
        code=Code.SCRIPT_NAME_UNSAFE,
        title="A script that would land elsewhere",
        rule="No name of a script in entry_points.txt is '.' or '..', or has '/', '\\' or ':' in it.",
        why="Names of scripts become names of files in bin/: '../x' would be written elsewhere.",
        mend="Fix [project.scripts] in pyproject.toml.",
        source="PyPUG: entry points specification, Use for scripts",
        warehouse=("W3",),
        fixed=True,
    ),
)
