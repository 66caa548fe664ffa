"""Reads core metadata with pkginfo from bytes, and compares it with the filename."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator

import pkginfo
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, clipped, quoted
from eggwatch.archives.metadata.bounds import ambiguity, excess, head_of
from eggwatch.archives.metadata.field_rules import LONGEST_SUMMARY
from eggwatch.archives.metadata.plain import plain_fields
from eggwatch.archives.metadata.resolving import repaired, unread_list, unread_specifiers
from eggwatch.model.archives import CoreMetadata
from eggwatch.model.codes import Code
from eggwatch.model.names import NAME, Filename, Kind, project_name
from eggwatch.model.parsing import parsed
from eggwatch.model.verdicts import Flaw, Level

LONGEST_FIELD = 200
"""Characters of a name or version."""

LONGEST_REQUIRES_PYTHON = 500

NEWEST = (2, 6)
"""The newest metadata version that is checked in full."""

_FORMAT = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})", re.ASCII)

_WANTED = frozenset(("metadata_version", "name", "version", "requires_python", "summary"))

_PLAIN_VERSIONS = ("1.2", "2.1", "2.2", "2.3", "2.4")
"""Standardised metadata versions that have all of these fields."""


class _Distribution(pkginfo.Distribution):  # type: ignore[misc, unused-ignore]
    """pkginfo's fields from given bytes; its own readers trust the archive, and import by name."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.extractMetadata()

    def read(self) -> bytes:
        return self._head

    def _getHeaderAttrs(self) -> list[tuple[str, str, bool]]:  # noqa: N802
        """Only the fields that are used, because pkginfo searches all headers for each field."""
        known = super()._getHeaderAttrs()  # type: ignore[misc, unused-ignore]
        return [attribute for attribute in known if attribute[1] in _WANTED]


def read_metadata(content: bytes, filename: Filename, subject: str, findings: Findings) -> CoreMetadata | None:
    """Read the core metadata in `content`, and add its flaws; returns None if pkginfo can't read it."""
    trouble = excess(content)
    if trouble is not None:
        findings.refuse(Code.METADATA_UNREADABLE, subject, trouble)
        return None
    head = head_of(content)
    core, doubt, known = plain_core(head), None, True
    if core is None:
        doubt = ambiguity(head)
        try:
            core, known = _as_pkginfo_reads(head)
        except Exception as error:  # pkginfo and email validate nothing, so they may raise anything
            message = f"pkginfo can't read it: {clipped(type(error).__name__ + ': ' + str(error))}. {BUILD_AGAIN}"
            findings.refuse(Code.METADATA_UNREADABLE, subject, message)
            return None
        check_controls(head, findings)
    findings.extend(_encoding_flaws(content, filename))
    if _is_known(core, subject, findings, known=known):
        if doubt is not None:
            mild = is_of_old_sdist(core, filename)
            tell = findings.warn if mild else findings.refuse
            tell(Code.METADATA_AMBIGUOUS, subject, f"{doubt} {IF_YOURS if mild else BUILD_AGAIN}")
        findings.extend(flaw for rule in RULES for flaw in rule(core, filename))
    return _bounded(core)


def plain_core(head: bytes) -> CoreMetadata | None:
    """What pkginfo reads in plain metadata; None if pkginfo has to read it, for example UNKNOWN, which it ignores."""
    fields = plain_fields(head)
    if fields is None or fields.get("metadata_version") not in _PLAIN_VERSIONS:
        return None
    values = {name: fields.get(name) for name in _WANTED}
    return None if "UNKNOWN" in values.values() else CoreMetadata(**values)


def is_of_old_sdist(core: CoreMetadata, filename: Filename) -> bool:
    """True if installers use only name, version and Requires-Python, and build the sdist to get the other fields.

    From Metadata-Version 2.2 on, the fields of an sdist are also valid for its wheels (PEP 643).
    """
    said = _FORMAT.fullmatch(core.metadata_version or "")
    return filename.kind is Kind.SDIST and said is not None and (int(said[1]), int(said[2])) < (2, 2)


def _is_known(core: CoreMetadata, subject: str, findings: Findings, *, known: bool) -> bool:
    """True if the metadata version can be checked: 1.0 to 2.6, and later minor versions.

    "Tools SHOULD warn if metadata_version is greater than the highest version they support, and MUST fail if it
    has a greater major version" (core metadata, Metadata-Version).
    """
    said = core.metadata_version or ""
    match = _FORMAT.fullmatch(said)
    if not known or match is None or int(match[1]) > NEWEST[0]:
        findings.refuse(Code.METADATA_VERSION_UNKNOWN, subject, _unknown_format(core))
        return False
    if said == "2.0":
        message = f"Metadata-Version is 2.0, which was never standardised (PEP 426 is withdrawn). {BUILD_AGAIN}"
        findings.note(Code.METADATA_VERSION_WITHDRAWN, "Metadata-Version", message)
    elif said == "2.6":
        message = f"Metadata-Version is 2.6; the newest that PyPI accepts is 2.5. {IF_YOURS}"
        findings.note(Code.METADATA_VERSION_NEWER, "Metadata-Version", message)
    elif (int(match[1]), int(match[2])) > NEWEST:
        message = f"Metadata-Version is {said}; fields introduced after {NEWEST[0]}.{NEWEST[1]} are not checked."
        findings.note(Code.METADATA_VERSION_NEWER, "Metadata-Version", message)
    return True


def _encoding_flaws(content: bytes, filename: Filename) -> Iterator[Flaw]:
    """Report metadata that is not UTF-8; in an sdist it only warns, because installers build it to get the metadata."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"Byte {error.start}, in line {line}, is not UTF-8"
        wheel = filename.kind is Kind.WHEEL
        message = f"{found}, so pip can't install it; uv can. {BUILD_AGAIN}" if wheel else f"{found}. {BUILD_AGAIN}"
        level = Level.REFUSE if wheel else Level.WARN
        yield Flaw(code=Code.METADATA_ENCODING, subject=f"line {line}", message=message, level=level)


def _as_pkginfo_reads(head: bytes) -> tuple[CoreMetadata, bool]:
    """The fields, and whether pkginfo knows the metadata version, or a newer one as the newest that it knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `_is_known` decides about newer versions
        distribution = _Distribution(head)
        known = any(True for _ in distribution)
    core = CoreMetadata(
        metadata_version=_text(distribution.metadata_version),
        name=_text(distribution.name),
        version=_text(distribution.version),
        requires_python=_text(distribution.requires_python),
        summary=_text(distribution.summary),
    )
    return core, known


def _text(value: object) -> str | None:
    return str(value) if value else None


def _bounded(core: CoreMetadata) -> CoreMetadata:
    """The fields as pages show them: printable, and cut to a maximum length."""
    return CoreMetadata(
        metadata_version=_clipped(core.metadata_version, LONGEST_FIELD),
        name=_clipped(core.name, LONGEST_FIELD),
        version=_clipped(core.version, LONGEST_FIELD),
        requires_python=_clipped(core.requires_python, LONGEST_REQUIRES_PYTHON),
        summary=_clipped(core.summary, LONGEST_SUMMARY),
    )


def _clipped(text: str | None, longest: int) -> str | None:
    return None if text is None else clipped(text, longest)


def _unknown_format(core: CoreMetadata) -> str:
    if core.metadata_version is None:
        return f"There is no Metadata-Version, which should be its first line. {BUILD_AGAIN}"
    return f"Metadata-Version is {clipped(core.metadata_version)}, which no tool knows. {BUILD_AGAIN}"


def member_name(filename: Filename) -> str:
    """The name of the metadata member in an archive of this kind."""
    return "METADATA" if filename.kind is Kind.WHEEL else "PKG-INFO"


def name_flaws(core: CoreMetadata, filename: Filename) -> Iterator[Flaw]:
    """Check that Name exists, is valid, and equals that of the filename when both are normalised (PEP 503)."""
    where = member_name(filename)
    if core.name is None:
        is_unknown = filename.project == "unknown"
        yield _unknown(where) if is_unknown else _missing(Code.METADATA_NAME_MISSING, "Name", where)
    elif len(core.name) > LONGEST_FIELD or not NAME.fullmatch(core.name):
        yield _flaw(
            Code.METADATA_NAME_INVALID,
            "Name",
            f"{where} has the Name {quoted(core.name)}, which is not a valid project name.",
        )
    elif project_name(core.name) != filename.project:
        yield _mismatch(Code.METADATA_NAME_MISMATCH, "name", where, (filename.name_part, core.name))


def version_flaws(core: CoreMetadata, filename: Filename) -> Iterator[Flaw]:
    """Check that Version exists, is valid (PEP 440), and equals that of the filename."""
    where = member_name(filename)
    if core.version is None:
        yield _missing(Code.METADATA_VERSION_MISSING, "Version", where)
        return
    version = parsed(Version, core.version) if len(core.version) <= LONGEST_FIELD else None
    if version is None:
        said = f"{where} has the Version {quoted(core.version)}, which is not a version of PEP 440."
        yield _flaw(Code.METADATA_VERSION_INVALID, "Version", said)
    elif version != filename.version:
        yield _mismatch(Code.METADATA_VERSION_MISMATCH, "version", where, (filename.version_part, core.version))


def requires_python_flaws(core: CoreMetadata, filename: Filename) -> Iterator[Flaw]:
    """Check that Requires-Python, if it exists, is a printable specifier set (PEP 440)."""
    text = core.requires_python
    if text is None:
        return
    if len(text) <= LONGEST_REQUIRES_PYTHON and text.isprintable():
        specifiers = parsed(SpecifierSet, text)
        if specifiers is not None:
            if trouble := unread_list(text) or unread_specifiers(specifiers):
                yield _flaw(Code.REQUIRES_PYTHON_UNSUPPORTED, "Requires-Python", f"{trouble}.")
            return
    said = f"{member_name(filename)} has {quoted(text)}, which is not a specifier like '>=3.9' (PEP 440)"
    meant = repaired(text) if len(text) <= LONGEST_REQUIRES_PYTHON and text.isprintable() else None
    if meant is None:
        yield _flaw(Code.METADATA_REQUIRES_PYTHON, "Requires-Python", f"{said}. Fix requires-python in the project.")
    else:
        both = f"{said}. pip ignores it, and installs on any Python; uv reads it as {quoted(meant)}."
        code = Code.REQUIRES_PYTHON_WILDCARD
        yield Flaw(code=code, subject="Requires-Python", message=f"{both} {IF_YOURS}", level=code.level)


MetadataRule = Callable[[CoreMetadata, Filename], Iterator[Flaw]]

RULES: tuple[MetadataRule, ...] = (name_flaws, version_flaws, requires_python_flaws)


def _missing(code: Code, subject: str, where: str) -> Flaw:
    return _flaw(code, subject, f"{where} has no {subject}.")


def _unknown(where: str) -> Flaw:
    """The flaw of setuptools before 61, which ignores [project], and writes UNKNOWN 0.0.0 or no name."""
    message = (
        f"{where} has no Name: the setuptools that built it is too old to read [project] in pyproject.toml. "
        'Write requires = ["setuptools>=61"] in [build-system] there, and build it again. (UNKNOWN and 0.0.0 are '
        "what setuptools before 61 writes if it finds no name and no version.)"
    )
    return Flaw(code=Code.METADATA_NAME_MISSING, subject="Name", message=message)


def _mismatch(code: Code, field: str, where: str, says: tuple[str, str]) -> Flaw:
    message = (
        f"The file was renamed after it was built. The filename says {clipped(says[0])}, {where} says "
        f"{clipped(says[1])}. Set the {field} in the project, and build it again; don't rename the file."
    )
    return Flaw(code=code, subject=field.capitalize(), message=message)


def _flaw(code: Code, subject: str, sentence: str) -> Flaw:
    return Flaw(code=code, subject=subject, message=f"{sentence} {BUILD_AGAIN}", level=code.level)


# ECMA-48: ESC, and the one-character forms that begin a command or a string for the terminal.
_COMMANDS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\x90\x98\x9b\x9d-\x9f]")
# The other C1 controls, which wrong encodings leave in old metadata, and characters that change the direction.
_ODD = re.compile(r"[\x80-\x84\x86-\x8f\x91-\x97\x99\x9a\x9c\u202a-\u202e\u2066-\u2069]")
_FIELD_NAME = re.compile(rb"([!-9;-~]+):")

_OTHERS = ("description", "metadata-version", "name", "version", "requires-python")
"""Fields that no program shows in a terminal, or in which other rules allow no control characters."""


def check_controls(head: bytes, findings: Findings) -> None:
    """Reject the first field with a character that a terminal acts on, and warn of other control characters.

    'pip show' writes the fields to the terminal unchanged.
    """
    whole = head.decode("utf-8", "replace")
    if not _COMMANDS.search(whole) and not _ODD.search(whole):
        return  # nearly always, so the lines need not be checked one by one
    odd: tuple[str, str] | None = None
    name = ""
    for line in head.splitlines():
        if match := _FIELD_NAME.match(line):
            name = match[1].decode("ascii")
        if not name or name.lower() in _OTHERS:
            continue
        text = line.decode("utf-8", "replace")
        if found := _COMMANDS.search(text):
            message = f"It contains {clipped(found[0])}, which a terminal acts on when 'pip show' prints the field."
            findings.refuse(Code.METADATA_CONTROL_CHARACTER, name, f"{message} {BUILD_AGAIN}")
            return
        if odd is None and (found := _ODD.search(text)):
            odd = name, f"It contains {clipped(found[0])}, which is invisible or changes the direction of the line."
    if odd is not None:
        findings.warn(Code.METADATA_CONTROL_CHARACTER, odd[0], f"{odd[1]} {IF_YOURS}")
