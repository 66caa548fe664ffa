"""Every check that PyPI (Warehouse) makes of an upload, and what became of it here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Treatment(StrEnum):
    """What we make of a check of PyPI's."""

    OURS = "ours"
    STRICTER = "stricter"
    SWITCH = "a switch"
    NOT_HERE = "does not apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiCheck:
    """One check of PyPI's; `note` says why, or wherein ours differs."""

    id: str
    asks: str
    answer: Treatment
    note: str


def _check(id_: str, asks: str, answer: Treatment, note: str) -> PypiCheck:
    return PypiCheck(id=id_, asks=asks, answer=answer, note=note)


_FORM = "There is no form: what is dropped is the file, and all is read from it."
_OURS, _STRICTER, _SWITCH, _NOT_HERE = Treatment.OURS, Treatment.STRICTER, Treatment.SWITCH, Treatment.NOT_HERE
_WARNS = "Refused in the profile pypi, a warning by default."

CHECKS: tuple[PypiCheck, ...] = (
    _check("U1", "The upload has a file", _NOT_HERE, _FORM),
    _check("U2", "No field of the form is a tuple", _NOT_HERE, _FORM),
    _check("U3", "The name is one of PEP 508", _OURS, "Judged in the filename and in the metadata."),
    _check("U4", "The file type is sdist or bdist_wheel", _OURS, "The suffix is the type."),
    _check("U5", "A Python version is given for a wheel", _NOT_HERE, _FORM),
    _check("U6", "The Python version of an sdist is 'source'", _NOT_HERE, _FORM),
    _check("U7", "At least one digest is given", _NOT_HERE, f"{_FORM} The end of the archive itself is proved."),
    _check("U8", "The digest is that of the file", _NOT_HERE, f"{_FORM} The end of the archive itself is proved."),
    _check(
        "U9", "The content type is not that of an image", _STRICTER, "The contents are read, whatever a client says."
    ),
    _check("U10", "The file is not larger than the project's limit", _SWITCH, "'max-file-size'; off by default."),
    _check("U11", "The project is not larger than its limit", _SWITCH, "'max-project-size'; off by default."),
    _check("F1", "No control characters in the filename", _OURS, "Also none that are no UTF-8: such files stay."),
    _check("F2", "No slash or backslash in the filename", _OURS, "A drop folder can't hold a slash."),
    _check("F3", "The extension is .tar.gz, .zip or .whl", _STRICTER, "F7 leaves no .zip on PyPI either."),
    _check("F4", "The filename is not too long", _STRICTER, "At most 200 bytes."),
    _check("F5", "The sdist's filename can be parsed", _OURS, ""),
    _check("F6", "The filename begins with the project's name", _OURS, f"{_WARNS} Another name is refused in both."),
    _check("F7", "The sdist's filename is that of PEP 625", _SWITCH, _WARNS),
    _check("F8", "The wheel's filename can be parsed", _STRICTER, "Also characters that packaging lets pass in tags."),
    _check("F9", "The wheel's name is normalised", _SWITCH, _WARNS),
    _check("F10", "The version is that of the metadata", _OURS, "Another spelling of it is a warning by default."),
    _check(
        "F11",
        "The platform tag is on PyPI's list",
        _SWITCH,
        f"{_WARNS} linux_* is normal in a house with one kind of server, and new systems come before any list.",
    ),
    _check("D1", "The same name and bytes again are fine", _OURS, "'known' in the receipt."),
    _check("D2", "A name, or bytes, are not published twice", _OURS, "Names are compared normalised."),
    _check("D3", "A removed filename is not used again", _STRICTER, "Compared normalised; the same bytes may return."),
    _check(
        "D4", "No new files for releases of 14 days ago", _NOT_HERE, "Wheels for a new Python come late in a house."
    ),
    _check("D5", "One sdist a release", _OURS, ""),
    _check(
        "D6",
        "Names of the standard library, prohibited, too similar, taken",
        _SWITCH,
        "'allowed-names', 'forbidden-names', 'reserved-prefixes', 'owners'. Likeness is no fault where all are known.",
    ),
    _check("M1", "The metadata version is supported", _STRICTER, "From the archive. 2.0 is a warning by default."),
    _check("M2", "No local version", _SWITCH, f"{_WARNS} They are what a private index is for."),
    _check("M3", "The summary has at most 512 characters", _SWITCH, _WARNS),
    _check("M4", "Mail addresses are valid", _SWITCH, _WARNS),
    _check("M5", "Classifiers exist and are not deprecated", _SWITCH, f"{_WARNS} 'Private ::' is right here: off."),
    _check("M6", "URLs and their labels are valid", _SWITCH, _WARNS),
    _check("M7", "Provides-Dist and Obsoletes-Dist can be parsed", _SWITCH, _WARNS),
    _check(
        "M8",
        "No dependency from a URL",
        _SWITCH,
        f"{_WARNS} Whoever may upload can bring any code anyhow, and git+ssh references are common in a house.",
    ),
    _check("M9", "Dynamic names fields that may be so", _SWITCH, _WARNS),
    _check("M10", "License and License-Expression exclude each other", _SWITCH, _WARNS),
    _check(
        "M11",
        "The metadata is valid as packaging reads it",
        _STRICTER,
        "From the archive. What an installer needs is refused by default, too; mere form is a warning there.",
    ),
    _check("M12", "The description renders", _SWITCH, _WARNS),
    _check("Z1", "The file is a zip", _OURS, ""),
    _check("Z2", "The file is not a zip and a tar at once", _OURS, ""),
    _check("Z3", "The compression ratio is at most 50, beyond 64 MiB", _STRICTER, "Sdists too, and 16 GiB in all."),
    _check("Z4", "Members are stored or deflated", _OURS, ""),
    _check("Z5", "WHEEL and METADATA are there", _STRICTER, "In the one lawful dist-info folder."),
    _check("Z6", "A .zip has one top folder and PKG-INFO", _NOT_HERE, ".zip sdists are not taken; see T3 and T4."),
    _check("Z7", "YARA finds no packer of malware", _NOT_HERE, "Malware scanning is a task of its own."),
    _check("Z8", "No name stands twice", _STRICTER, "Nor two that differ in case only."),
    _check("Z9", "Local headers and directory name the same members", _OURS, ""),
    _check("Z10", "Sizes are the same in both", _STRICTER, "And those of the inflated bytes; every CRC too."),
    _check("Z11", "No data descriptors", _SWITCH, f"{_WARNS} They are compared with the directory."),
    _check("Z12", "No comments in the directory", _SWITCH, _WARNS),
    _check("Z13", "Names are UTF-8 without control characters", _STRICTER, "Nor absolute, '..', backslash or drive."),
    _check("Z14", "No extra field stands twice", _OURS, ""),
    _check("Z15", "End records and zip64 agree", _OURS, ""),
    _check("Z16", "Nothing lies before, between or across members", _OURS, ""),
    _check("Z17", "Nothing follows the end", _OURS, ""),
    _check("W1", "RECORD is there and can be read", _OURS, ""),
    _check(
        "W2",
        "RECORD names the members",
        _STRICTER,
        "PyPI only mails the owner; here it is told, and every hash is verified.",
    ),
    _check("W3", "entry_points.txt is valid", _OURS, ""),
    _check("W4", "Licence files are there", _OURS, ""),
    _check("T1", "The file is a tar", _OURS, ""),
    _check("T2", "The tar is whole", _STRICTER, "The gzip's end and CRC are proved, every header's checksum too."),
    _check("T3", "One top folder", _STRICTER, "Called as the file; another spelling is a warning."),
    _check("T4", "PKG-INFO is there", _OURS, ""),
    _check(
        "T5", "No sparse members", _STRICTER, "Nor devices, links that lead out, bombs, and names that stand twice."
    ),
    _check("T6", "Licence files are there", _OURS, ""),
    _check("A1", "Attestations are valid", _NOT_HERE, "The suffix .publish.attestation is reserved for them."),
)
