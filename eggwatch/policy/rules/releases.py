"""The rules about what is published already, and about who may upload what."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule
from eggwatch.policy.terms import Weight

_ASK = "Ask the contact in DROP/README.txt."

RULES = (
    Rule(
        code=Code.FILE_EXISTS,
        title="The filename is published with other bytes",
        rule="The bytes of a published filename never change. (Uploading the same bytes again is fine.)",
        why="Everyone who installed it has the old bytes, and lock files contain their hash.",
        remedy="Increase the version and build again.",
        source="PEP 592 and PEP 629 take it for granted; PyPI's rule",
        warehouse=("D2",),
    ),
    Rule(
        code=Code.FILENAME_USED_BEFORE,
        title="The filename was published before, with other bytes",
        rule="After its removal a filename can only be published again with the same bytes.",
        why="Caches and lock files still contain the old bytes or their hash.",
        remedy="Increase the version and build again.",
        source="PyPI's rule",
        warehouse=("D3",),
    ),
    Rule(
        code=Code.BLOCKED,
        title="The file was removed for good",
        rule="Neither the bytes nor the filename of a file that was removed with 'remove --block' can be published "
        "again.",
        why="It may contain a password, for example, which a second upload of the same file would publish again.",
        remedy="Remove what must not be published, increase the version and build again. To allow the file after all, "
        "the administrator runs 'eggwatch unblock FILENAME'.",
        source="eggwatch remove --block",
    ),
    Rule(
        code=Code.SDIST_EXISTS,
        title="A second sdist of a release",
        rule="A release has one sdist. (1.0 and 1.0.0 are the same release.)",
        why="It would be a matter of chance which of the two an installer builds.",
        remedy="Increase the version and build again, or remove the other sdist first.",
        source="PEP 527; PyPI's rule",
        warehouse=("D5",),
    ),
    Rule(
        code=Code.SAME_BYTES,
        title="The same bytes are published under another name",
        rule="The same bytes are published under one filename only.",
        why="One of the two names is wrong: the file was copied and renamed.",
        remedy="Nothing, if the published name is right. Otherwise build it again with a version or build number of "
        "its own.",
        source="PyPI's rule",
        warehouse=("D2",),
    ),
    Rule(
        code=Code.FILE_TOO_LARGE,
        title="A file over the limit",
        rule="A file is at most 'max-file-size' large.",
        why="The administrator has set a limit.",
        remedy=f"Remove data from the archive. {_ASK}",
        source="configuration: max-file-size",
        warehouse=("U10",),
    ),
    Rule(
        code=Code.PROJECT_TOO_LARGE,
        title="A project over the limit",
        rule="The files of a project are at most 'max-project-size' large in total.",
        why="The administrator has set a limit.",
        remedy=f"Remove old releases with 'eggwatch remove'. {_ASK}",
        source="configuration: max-project-size",
        warehouse=("U11",),
    ),
    Rule(
        code=Code.NAME_NOT_ALLOWED,
        title="A project name that this index does not accept",
        rule="If 'allowed-names' is set, the project's name matches one of its patterns.",
        why="A private index that holds only your own names can't replace somebody else's project.",
        remedy=f"Rename the project. {_ASK}",
        source="configuration: allowed-names",
        warehouse=("D6",),
    ),
    Rule(
        code=Code.NAME_FORBIDDEN,
        title="A forbidden project name",
        rule="A project's name matches no pattern of 'forbidden-names'.",
        why="It may be the name of a public project, for example, which it would hide from everyone who installs from "
        "this index.",
        remedy=f"Rename the project. {_ASK}",
        source="configuration: forbidden-names",
        warehouse=("D6",),
    ),
    Rule(
        code=Code.NAME_RESERVED,
        title="A name with a reserved prefix",
        rule="If a project's name begins with one of 'reserved-prefixes', 'owners' names its owners.",
        why="Nobody else can start a project acme-payments before the owners of the prefix acme- do.",
        remedy=f"Rename the project, or ask for an entry in 'owners'. {_ASK}",
        source="configuration: reserved-prefixes",
        warehouse=("D6",),
    ),
    Rule(
        code=Code.PROJECT_ARCHIVED,
        title="The project is archived",
        rule="A project listed in 'archived' takes no uploads. Its page says so, and its files can still be installed.",
        why="The project is no longer maintained.",
        remedy=f"Upload to the project that replaces it. {_ASK}",
        source="configuration: archived; PEP 792",
        pypi=Weight.REFUSE,
    ),
    Rule(
        code=Code.NOT_OWNER,
        title="Somebody else's project",
        rule="The user who uploads over HTTP, or the account that owns the file in the drop folder, is among the "
        "project's 'owners' or, with 'first-uploader-owns', has uploaded the project's first file. No other account "
        "can write to the file: it is not writable for group or others, and has no second hard link.",
        why="Whoever uploads a release decides what code runs on every machine that installs it.",
        remedy=f"Have one of the owners upload it, with 'umask 022'. {_ASK}",
        source="configuration: owners, first-uploader-owns; PyPI answers 403",
        pypi=Weight.REFUSE,
    ),
)
