"""The rules about what the index holds already, and about who may upload what."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules.rule import Rule, Weight

_ASK = "Ask whom DROP/README.txt names."

RULES = (
    Rule(
        code=Code.FILE_EXISTS,
        title="The filename is published with other bytes",
        rule="A published filename never gets other bytes. (The same bytes again are fine.)",
        why="Everybody who installed it has the old bytes, and lock files hold their hash.",
        mend="Raise the version and build again.",
        source="PEP 592 and PEP 629 take it for granted; PyPI's rule",
        warehouse=("D2",),
        fixed=True,
    ),
    Rule(
        code=Code.FILENAME_USED_BEFORE,
        title="The filename was published once, with other bytes",
        rule="A filename is not used again after its removal, but for the same bytes.",
        why="Caches and lock files still know the old ones.",
        mend="Raise the version and build again.",
        source="PyPI's rule",
        warehouse=("D3",),
        fixed=True,
    ),
    Rule(
        code=Code.BLOCKED,
        title="The file was removed for good",
        rule="Neither the bytes nor the filename of what was removed with 'remove --block' return.",
        why="It holds a password, say, and the next upload of the same file would publish that again.",
        mend="Leave out what must not be published, raise the version and build again. If the file may return after "
        "all, the administrator lets it: 'eggwatch unblock FILENAME'.",
        source="eggwatch remove --block",
        fixed=True,
    ),
    Rule(
        code=Code.SDIST_EXISTS,
        title="A second sdist of a release",
        rule="A release (versions compared: 1.0 is 1.0.0) has one sdist.",
        why="Which of two sources an installer builds would be a matter of luck.",
        mend="Raise the version and build again, or remove the other sdist first.",
        source="PEP 527; PyPI's rule",
        warehouse=("D5",),
    ),
    Rule(
        code=Code.SAME_BYTES,
        title="The same bytes are published under another name",
        rule="One archive has one filename.",
        why="One of the two names is wrong: the file was copied and renamed.",
        mend="Nothing, if the other name is right. Else build it again, under a version or build number of its own.",
        source="PyPI's rule",
        warehouse=("D2",),
    ),
    Rule(
        code=Code.FILE_TOO_LARGE,
        title="A file over the limit",
        rule="A file has at most 'max-file-size'.",
        why="The administrator has set a limit.",
        mend=f"Leave data out of the archive. {_ASK}",
        source="configuration: max-file-size",
        warehouse=("U10",),
    ),
    Rule(
        code=Code.PROJECT_TOO_LARGE,
        title="A project over the limit",
        rule="The files of a project have at most 'max-project-size' together.",
        why="The administrator has set a limit.",
        mend=f"Remove old releases with 'eggwatch remove'. {_ASK}",
        source="configuration: max-project-size",
        warehouse=("U11",),
    ),
    Rule(
        code=Code.NAME_NOT_ALLOWED,
        title="A project that this index is not for",
        rule="Where 'allowed-names' is set, a project's name matches one of its patterns.",
        why="A private index that holds your own names only can't take the place of somebody else's project.",
        mend=f"Rename the project. {_ASK}",
        source="configuration: allowed-names",
        warehouse=("D6",),
    ),
    Rule(
        code=Code.NAME_FORBIDDEN,
        title="A forbidden project name",
        rule="A project's name matches no pattern of 'forbidden-names'.",
        why="It is that of a public project, say, and would hide it from whoever installs from here.",
        mend=f"Rename the project. {_ASK}",
        source="configuration: forbidden-names",
        warehouse=("D6",),
    ),
    Rule(
        code=Code.NAME_RESERVED,
        title="A name with a reserved prefix",
        rule="Below one of 'reserved-prefixes', only projects for which 'owners' names somebody take uploads.",
        why="Nobody can begin acme-payments before those do who own the prefix acme-.",
        mend=f"Rename the project, or have it added to 'owners'. {_ASK}",
        source="configuration: reserved-prefixes",
        warehouse=("D6",),
    ),
    Rule(
        code=Code.PROJECT_ARCHIVED,
        title="The project is archived",
        rule="A project in 'archived' takes no uploads. Its page says so; its files stay.",
        why="Nobody looks after it any more.",
        mend=f"Upload to the project that has taken its place. {_ASK}",
        source="configuration: archived; PEP 792",
        pypi=Weight.REFUSE,
    ),
    Rule(
        code=Code.NOT_OWNER,
        title="Somebody else's project",
        rule="The account that owns the dropped file is among the project's 'owners', or, with "
        "'first-uploader-owns', has uploaded the project's first file. Nobody else may be able to write to it: it is "
        "not writable for group or others, and has no second name.",
        why="Who uploads a release decides what runs on every machine that installs it.",
        mend=f"Let one of the owners upload it, with 'umask 022'. {_ASK}",
        source="configuration: owners, first-uploader-owns; PyPI answers 403",
        pypi=Weight.REFUSE,
    ),
)
