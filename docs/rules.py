"""Writes docs/rules.rst: every rule, and how eggwatch treats every check that PyPI (Warehouse) makes.

`python -m docs.rules` makes it of eggwatch/policy/rules and of the table below; a test compares them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docs.clients import chapter, table
from eggwatch.cli.explain import levels
from eggwatch.policy.rules import CHAPTERS, PRINCIPLES, RULES, Profile, Rule

PAGE = Path(__file__).parents[1] / "docs/rules.rst"

SAME, STRICTER, SWITCH, NOT_HERE = "the same", "stricter", "configurable", "does not apply"


class PypiCheck(NamedTuple):
    """One check of PyPI; `note` says why it does not apply, or how eggwatch's check differs."""

    id: str
    asks: str
    answer: str
    note: str = ""


FORM = "There is no upload form: everything is read from the file itself."
WARNS = "Rejected in the profile pypi, a warning by default."

CHECKS: tuple[PypiCheck, ...] = (
    PypiCheck("U1", "The upload has a file", NOT_HERE, FORM),
    PypiCheck("U2", "No field of the form is a tuple", NOT_HERE, FORM),
    PypiCheck("U3", "The name is one of PEP 508", SAME, "Checked in the filename and in the metadata."),
    PypiCheck("U4", "The file type is sdist or bdist_wheel", SAME, "The type is taken from the suffix."),
    PypiCheck("U5", "A Python version is given for a wheel", NOT_HERE, FORM),
    PypiCheck("U6", "The Python version of an sdist is 'source'", NOT_HERE, FORM),
    PypiCheck("U7", "At least one digest is given", NOT_HERE, f"{FORM} The archive is checked to its end."),
    PypiCheck("U8", "The digest is that of the file", NOT_HERE, f"{FORM} The archive is checked to its end."),
    PypiCheck(
        "U9", "The content type is not that of an image", STRICTER, "The contents are checked, not a declared type."
    ),
    PypiCheck("U10", "The file is not larger than the project's limit", SWITCH, "'max-file-size'; off by default."),
    PypiCheck("U11", "The project is not larger than its limit", SWITCH, "'max-project-size'; off by default."),
    PypiCheck(
        "F1",
        "No control characters in the filename",
        SAME,
        "Files whose names are not UTF-8 are left in the drop folder.",
    ),
    PypiCheck("F2", "No slash or backslash in the filename", SAME, "No file in a folder can have a slash in its name."),
    PypiCheck("F3", "The extension is .tar.gz, .zip or .whl", STRICTER, "Because of F7 PyPI accepts no .zip either."),
    PypiCheck("F4", "The filename is not too long", STRICTER, "At most 200 bytes."),
    PypiCheck("F5", "The sdist's filename can be parsed", SAME),
    PypiCheck("F6", "The filename begins with the project's name", SAME, f"{WARNS} Another name is rejected in both."),
    PypiCheck("F7", "The sdist's filename is that of PEP 625", SWITCH, WARNS),
    PypiCheck(
        "F8", "The wheel's filename can be parsed", STRICTER, "Also rejects characters that packaging allows in tags."
    ),
    PypiCheck("F9", "The wheel's name is normalised", SWITCH, WARNS),
    PypiCheck("F10", "The version is that of the metadata", SAME, "Another spelling of it is a warning by default."),
    PypiCheck(
        "F11",
        "The platform tag is on PyPI's list",
        SWITCH,
        f"{WARNS} linux_* is normal where all servers are alike, and new systems exist before any list has them.",
    ),
    PypiCheck("D1", "The same name and bytes again are fine", SAME, "The receipt says 'known'."),
    PypiCheck("D2", "A name, or bytes, are not published twice", SAME, "Names are compared in normalised form."),
    PypiCheck(
        "D3",
        "A removed filename is not used again",
        STRICTER,
        "Compared in normalised form. The same bytes may be published again.",
    ),
    PypiCheck(
        "D4",
        "No new files for releases older than 14 days",
        NOT_HERE,
        "Wheels for a new Python are often added later.",
    ),
    PypiCheck("D5", "One sdist per release", SAME),
    PypiCheck(
        "D6",
        "Names of the standard library, prohibited, too similar, taken",
        SWITCH,
        "'allowed-names', 'forbidden-names', 'reserved-prefixes', 'owners'. Similar names are allowed: in a private "
        "index the projects are known.",
    ),
    PypiCheck(
        "M1", "The metadata version is supported", STRICTER, "Read from the archive. 2.0 is a warning by default."
    ),
    PypiCheck("M2", "No local version", SWITCH, f"{WARNS} Local versions belong in a private index."),
    PypiCheck("M3", "The summary has at most 512 characters", SWITCH, WARNS),
    PypiCheck("M4", "Mail addresses are valid", SWITCH, WARNS),
    PypiCheck(
        "M5",
        "Classifiers exist and are not deprecated",
        SWITCH,
        f"{WARNS} 'Private ::' is allowed, because this index is private.",
    ),
    PypiCheck("M6", "URLs and their labels are valid", SWITCH, WARNS),
    PypiCheck("M7", "Provides-Dist and Obsoletes-Dist can be parsed", SWITCH, WARNS),
    PypiCheck(
        "M8",
        "No dependency from a URL",
        SWITCH,
        f"{WARNS} Whoever may upload can publish any code anyway, and git+ssh references are common in companies.",
    ),
    PypiCheck("M9", "Dynamic names fields that may be dynamic", SWITCH, WARNS),
    PypiCheck("M10", "License and License-Expression exclude each other", SWITCH, WARNS),
    PypiCheck(
        "M11",
        "The metadata is valid as packaging reads it",
        STRICTER,
        "Read from the archive. Errors in fields that installers use are rejected by default, too; others are a "
        "warning.",
    ),
    PypiCheck("M12", "The description renders", SWITCH, WARNS),
    PypiCheck("Z1", "The file is a zip", SAME),
    PypiCheck("Z2", "The file is not a zip and a tar at once", SAME),
    PypiCheck(
        "Z3", "The compression ratio is at most 50, above 64 MiB", STRICTER, "Also for sdists, and 16 GiB at most."
    ),
    PypiCheck("Z4", "Members are stored or deflated", SAME),
    PypiCheck("Z5", "WHEEL and METADATA exist", STRICTER, "In the only valid dist-info folder."),
    PypiCheck("Z6", "A .zip has one top folder and PKG-INFO", NOT_HERE, ".zip sdists are not accepted; see T3 and T4."),
    PypiCheck("Z7", "YARA finds no malware packer", NOT_HERE, "Scanning for malware is left to other programs."),
    PypiCheck("Z8", "No name occurs twice", STRICTER, "Nor do two names that differ only in case."),
    PypiCheck("Z9", "Local headers and directory name the same members", SAME),
    PypiCheck(
        "Z10",
        "Sizes are the same in both",
        STRICTER,
        "They are compared with the unpacked bytes, and every CRC is checked.",
    ),
    PypiCheck("Z11", "No data descriptors", SWITCH, f"{WARNS} They are compared with the directory."),
    PypiCheck("Z12", "No comments in the directory", SWITCH, WARNS),
    PypiCheck(
        "Z13",
        "Names are UTF-8 without control characters",
        STRICTER,
        "Nor absolute paths, '..', backslashes or drives.",
    ),
    PypiCheck("Z14", "No extra field occurs twice", SAME),
    PypiCheck("Z15", "End records and zip64 agree", SAME),
    PypiCheck("Z16", "No bytes before or between members, and no overlaps", SAME),
    PypiCheck("Z17", "Nothing follows the end", SAME),
    PypiCheck("W1", "RECORD exists and can be read", SAME),
    PypiCheck(
        "W2",
        "RECORD lists the members",
        STRICTER,
        "PyPI only sends the owner a mail. Here it is reported, and every hash is verified.",
    ),
    PypiCheck("W3", "entry_points.txt is valid", SAME),
    PypiCheck("W4", "Licence files exist", SAME),
    PypiCheck("T1", "The file is a tar", SAME),
    PypiCheck(
        "T2", "The tar is complete", STRICTER, "The gzip's end and CRC and the checksum of every header are checked."
    ),
    PypiCheck("T3", "One top folder", STRICTER, "Named like the file; another spelling is a warning."),
    PypiCheck("T4", "PKG-INFO exists", SAME),
    PypiCheck(
        "T5",
        "No sparse members",
        STRICTER,
        "Nor devices, links that lead out, compression bombs, and names that occur twice.",
    ),
    PypiCheck("T6", "Licence files exist", SAME),
    PypiCheck("A1", "Attestations are valid", NOT_HERE, "The suffix .publish.attestation is reserved for them."),
)

HEAD = """\
The rules
=========

.. Made by ``python -m docs.rules`` from ``eggwatch/policy/rules/``; do not edit.

Every upload is checked against all of these rules. Each rule has a code, which never changes. The code is shown in
``rejected/FILENAME.reason.txt``, in the output of ``eggwatch check`` and in the ledger. ``eggwatch explain CODE``
prints the text below.

The profile determines whether a broken rule rejects the upload or only warns:

@PRINCIPLES@
If the profile ``default`` rejects an archive because of a client, the rule says which client. Some rules
reject in every profile: they protect the index (which file is which, no half-checked archives), the machines that
unpack archives (no member, link or script outside of its folder, no devices), or terminals (no control characters in
names). You can set the level of every other rule by its code::

    [index.main]
    profile = "default"
    rules = { zip-comment = "refuse", summary-too-long = "off" }

By default, anyone who can write to the drop folder can publish to every project. With ``owners`` or
``first-uploader-owns``, the account that owns the uploaded file must be one of the project's owners. If several
patterns in ``owners`` match a project, the most specific one applies: a name without wildcards, else the one with the
most other characters. ``first-uploader-owns`` does not apply to projects that ``owners`` names. ``archived`` closes a
project to uploads, and its page says so (PEP 792); its files are still published and can be installed.

With ``identity = "folder"``, the uploader is the account named by the first folder, ``DROP/alice/…``, whoever owns
the file. Use it with servers that store everything as one account. A file directly in DROP then has no known
uploader: it is published if the project has no owners, and rejected if ``owners`` or ``first-uploader-owns`` apply.

"""


def page() -> str:
    """The page."""
    rules = "".join(_section(title, rules) for title, rules in CHAPTERS.items())
    return _head() + rules + "\n".join(_pypi())


def _head() -> str:
    return HEAD.replace("@PRINCIPLES@\n", "".join(_principle(*item) for item in PRINCIPLES.items()))


def _principle(profile: Profile, text: str) -> str:
    return f"``{profile}``\n{textwrap.indent(textwrap.fill(text, 114), '    ')}\n\n"


def _section(title: str, rules: tuple[Rule, ...]) -> str:
    return "\n".join(chapter(title)) + "\n" + "".join(map(_rule, rules))


def _rule(rule: Rule) -> str:
    checks = f" (PyPI's {', '.join(rule.warehouse)})" if rule.warehouse else ""
    fields = {
        "Rule": rule.rule,
        "Why": rule.why,
        "To fix": rule.remedy,
        "Source": f"{rule.source}{checks}",
        "Level": levels(rule),
    }
    body = "".join(f":{label}: {_escaped(text)}\n" for label, text in fields.items())
    code = f"``{rule.code}``"
    return f"{code}\n{'~' * len(code)}\n\n{_escaped(rule.title)}.\n\n{body}\n"


def _escaped(text: str) -> str:
    """Text as reStructuredText reads it literally."""
    return "".join(f"\\{character}" if character in "\\*`_|" else character for character in text)


def _pypi() -> Iterator[str]:
    yield from chapter("What PyPI checks")
    yield "Every check that PyPI (Warehouse, August 2026) makes of an upload, and how eggwatch treats it: *the same*,"
    yield "*stricter*, *configurable*, or *does not apply*."
    yield ""
    yield from table([("Id", "PyPI's check", "Here", "Codes", "Remark"), *map(_row, CHECKS)], "5 30 12 23 30")


def _row(check: PypiCheck) -> tuple[str, ...]:
    codes = ", ".join(f"``{rule.code}``" for rule in RULES.values() if check.id in rule.warehouse)
    return check.id, _escaped(check.asks), check.answer, codes, _escaped(check.note)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
