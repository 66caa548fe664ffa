"""Every check that PyPI (Warehouse) makes of an upload, and how eggwatch treats it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Treatment(StrEnum):
    """How eggwatch treats a check of PyPI."""

    SAME = "the same"
    STRICTER = "stricter"
    SWITCH = "configurable"
    NOT_HERE = "does not apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiCheck:
    """One check of PyPI; `note` says why it does not apply, or how eggwatch's check differs."""

    id: str
    asks: str
    answer: Treatment
    note: str


def _check(id_: str, asks: str, answer: Treatment, note: str) -> PypiCheck:
    return PypiCheck(id=id_, asks=asks, answer=answer, note=note)


_FORM = "There is no upload form: everything is read from the file itself."
_SAME, _STRICTER, _SWITCH, _NOT_HERE = Treatment.SAME, Treatment.STRICTER, Treatment.SWITCH, Treatment.NOT_HERE
_WARNS = "Rejected in the profile pypi, a warning by default."

CHECKS: tuple[PypiCheck, ...] = (
    _check("U1", "The upload has a file", _NOT_HERE, _FORM),
    _check("U2", "No field of the form is a tuple", _NOT_HERE, _FORM),
    _check("U3", "The name is one of PEP 508", _SAME, "Checked in the filename and in the metadata."),
    _check("U4", "The file type is sdist or bdist_wheel", _SAME, "The type is taken from the suffix."),
    _check("U5", "A Python version is given for a wheel", _NOT_HERE, _FORM),
    _check("U6", "The Python version of an sdist is 'source'", _NOT_HERE, _FORM),
    _check("U7", "At least one digest is given", _NOT_HERE, f"{_FORM} The archive is checked to its end."),
    _check("U8", "The digest is that of the file", _NOT_HERE, f"{_FORM} The archive is checked to its end."),
    _check(
        "U9", "The content type is not that of an image", _STRICTER, "The contents are checked, not a declared type."
    ),
    _check("U10", "The file is not larger than the project's limit", _SWITCH, "'max-file-size'; off by default."),
    _check("U11", "The project is not larger than its limit", _SWITCH, "'max-project-size'; off by default."),
    _check(
        "F1",
        "No control characters in the filename",
        _SAME,
        "Files whose names are not UTF-8 are left in the drop folder.",
    ),
    _check("F2", "No slash or backslash in the filename", _SAME, "No file in a folder can have a slash in its name."),
    _check("F3", "The extension is .tar.gz, .zip or .whl", _STRICTER, "Because of F7 PyPI accepts no .zip either."),
    _check("F4", "The filename is not too long", _STRICTER, "At most 200 bytes."),
    _check("F5", "The sdist's filename can be parsed", _SAME, ""),
    _check("F6", "The filename begins with the project's name", _SAME, f"{_WARNS} Another name is rejected in both."),
    _check("F7", "The sdist's filename is that of PEP 625", _SWITCH, _WARNS),
    _check(
        "F8", "The wheel's filename can be parsed", _STRICTER, "Also rejects characters that packaging allows in tags."
    ),
    _check("F9", "The wheel's name is normalised", _SWITCH, _WARNS),
    _check("F10", "The version is that of the metadata", _SAME, "Another spelling of it is a warning by default."),
    _check(
        "F11",
        "The platform tag is on PyPI's list",
        _SWITCH,
        f"{_WARNS} linux_* is normal where all servers are alike, and new systems exist before any list has them.",
    ),
    _check("D1", "The same name and bytes again are fine", _SAME, "The receipt says 'known'."),
    _check("D2", "A name, or bytes, are not published twice", _SAME, "Names are compared in normalised form."),
    _check(
        "D3",
        "A removed filename is not used again",
        _STRICTER,
        "Compared in normalised form. The same bytes may be published again.",
    ),
    _check(
        "D4",
        "No new files for releases older than 14 days",
        _NOT_HERE,
        "Wheels for a new Python are often added later.",
    ),
    _check("D5", "One sdist per release", _SAME, ""),
    _check(
        "D6",
        "Names of the standard library, prohibited, too similar, taken",
        _SWITCH,
        "'allowed-names', 'forbidden-names', 'reserved-prefixes', 'owners'. Similar names are allowed: in a private "
        "index the projects are known.",
    ),
    _check("M1", "The metadata version is supported", _STRICTER, "Read from the archive. 2.0 is a warning by default."),
    _check("M2", "No local version", _SWITCH, f"{_WARNS} Local versions belong in a private index."),
    _check("M3", "The summary has at most 512 characters", _SWITCH, _WARNS),
    _check("M4", "Mail addresses are valid", _SWITCH, _WARNS),
    _check(
        "M5",
        "Classifiers exist and are not deprecated",
        _SWITCH,
        f"{_WARNS} 'Private ::' is allowed, because this index is private.",
    ),
    _check("M6", "URLs and their labels are valid", _SWITCH, _WARNS),
    _check("M7", "Provides-Dist and Obsoletes-Dist can be parsed", _SWITCH, _WARNS),
    _check(
        "M8",
        "No dependency from a URL",
        _SWITCH,
        f"{_WARNS} Whoever may upload can publish any code anyway, and git+ssh references are common in companies.",
    ),
    _check("M9", "Dynamic names fields that may be dynamic", _SWITCH, _WARNS),
    _check("M10", "License and License-Expression exclude each other", _SWITCH, _WARNS),
    _check(
        "M11",
        "The metadata is valid as packaging reads it",
        _STRICTER,
        "Read from the archive. Errors in fields that installers use are rejected by default, too; others are a "
        "warning.",
    ),
    _check("M12", "The description renders", _SWITCH, _WARNS),
    _check("Z1", "The file is a zip", _SAME, ""),
    _check("Z2", "The file is not a zip and a tar at once", _SAME, ""),
    _check(
        "Z3", "The compression ratio is at most 50, above 64 MiB", _STRICTER, "Also for sdists, and 16 GiB at most."
    ),
    _check("Z4", "Members are stored or deflated", _SAME, ""),
    _check("Z5", "WHEEL and METADATA exist", _STRICTER, "In the only valid dist-info folder."),
    _check("Z6", "A .zip has one top folder and PKG-INFO", _NOT_HERE, ".zip sdists are not accepted; see T3 and T4."),
    _check("Z7", "YARA finds no malware packer", _NOT_HERE, "Scanning for malware is left to other programs."),
    _check("Z8", "No name occurs twice", _STRICTER, "Nor do two names that differ only in case."),
    _check("Z9", "Local headers and directory name the same members", _SAME, ""),
    _check(
        "Z10",
        "Sizes are the same in both",
        _STRICTER,
        "They are compared with the unpacked bytes, and every CRC is checked.",
    ),
    _check("Z11", "No data descriptors", _SWITCH, f"{_WARNS} They are compared with the directory."),
    _check("Z12", "No comments in the directory", _SWITCH, _WARNS),
    _check(
        "Z13",
        "Names are UTF-8 without control characters",
        _STRICTER,
        "Nor absolute paths, '..', backslashes or drives.",
    ),
    _check("Z14", "No extra field occurs twice", _SAME, ""),
    _check("Z15", "End records and zip64 agree", _SAME, ""),
    _check("Z16", "No bytes before or between members, and no overlaps", _SAME, ""),
    _check("Z17", "Nothing follows the end", _SAME, ""),
    _check("W1", "RECORD exists and can be read", _SAME, ""),
    _check(
        "W2",
        "RECORD lists the members",
        _STRICTER,
        "PyPI only sends the owner a mail. Here it is reported, and every hash is verified.",
    ),
    _check("W3", "entry_points.txt is valid", _SAME, ""),
    _check("W4", "Licence files exist", _SAME, ""),
    _check("T1", "The file is a tar", _SAME, ""),
    _check(
        "T2", "The tar is complete", _STRICTER, "The gzip's end and CRC and the checksum of every header are checked."
    ),
    _check("T3", "One top folder", _STRICTER, "Named like the file; another spelling is a warning."),
    _check("T4", "PKG-INFO exists", _SAME, ""),
    _check(
        "T5",
        "No sparse members",
        _STRICTER,
        "Nor devices, links that lead out, compression bombs, and names that occur twice.",
    ),
    _check("T6", "Licence files exist", _SAME, ""),
    _check("A1", "Attestations are valid", _NOT_HERE, "The suffix .publish.attestation is reserved for them."),
)
