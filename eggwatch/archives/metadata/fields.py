"""Checks every field of the core metadata with packaging's strict parser, and some further as PyPI does.

packaging.metadata is the reference implementation of the core metadata specification. It checks some fields only as a
whole (requirements, URLs, classifiers); their values are checked one by one, so that all flaws are reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest
from typing import Any, cast

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata, parse_email

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped, quoted
from eggwatch.archives.metadata.bounds import head_of, may_be_multipart
from eggwatch.archives.metadata.field_rules import RULES, FieldFlaw
from eggwatch.archives.metadata.plain import divided, plain_fields
from eggwatch.model.archives import CoreMetadata
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted
from eggwatch.model.parsing import parsed

LONGEST_VALUE = 10_000
"""Most characters of a field that is parsed; longer ones take parsers too long."""

MOST_OF_ONE_CODE = 5
"""Most values with the same flaw that are reported one by one; the rest are counted."""

_MOST_LICENSE_FILES = 1000

_BLANKS = " \t\r\n"
"""Whitespace that both pip and uv strip from a version."""

_SINCE = {
    "supported_platforms": "1.1",
    "download_url": "1.1",
    "classifiers": "1.1",
    "requires": "1.1",
    "provides": "1.1",
    "obsoletes": "1.1",
    "maintainer": "1.2",
    "maintainer_email": "1.2",
    "requires_dist": "1.2",
    "provides_dist": "1.2",
    "obsoletes_dist": "1.2",
    "requires_python": "1.2",
    "requires_external": "1.2",
    "project_urls": "1.2",
    "description_content_type": "2.1",
    "provides_extra": "2.1",
    "dynamic": "2.2",
    "license_expression": "2.4",
    "license_files": "2.4",
    "import_names": "2.5",
    "import_namespaces": "2.5",
}
"""The metadata version that introduced a field (core metadata specification)."""

_JUDGED_ELSEWHERE = frozenset(("metadata_version", "name", "version", "requires_python"))
_JUDGED_HERE = frozenset(
    ("summary", "requires_dist", "provides_dist", "obsoletes_dist", "classifiers", "project_urls", "home_page")
)
_FIELD_CODES = {
    "dynamic": Code.DYNAMIC_INVALID,
    "license-expression": Code.LICENSE_EXPRESSION_INVALID,
    "description-content-type": Code.DESCRIPTION_CONTENT_TYPE_INVALID,
}
_IDENTITY = frozenset(("metadata-version", "name", "version", "requires-python"))
"""Fields that installers use: if one occurs twice, each may use another value."""

_FREE_TEXT = frozenset(("description", "license", "keywords", "author", "maintainer"))
"""Fields in which packaging accepts anything."""

_LONG = _FREE_TEXT | {"summary"}
"""Fields that are never parsed, however long they are."""


def check_fields(content: bytes, core: CoreMetadata, findings: Findings, *, mild: bool = False) -> list[str]:
    """Add the flaws of all fields; return the License-File fields, to be looked for in the archive.

    `core` is what pkginfo reads from the same content.
    `mild`: no installer uses these fields, so unreadable dependencies, and repeated fields other than name and version,
    only warn.
    """
    apart = parsed_fields(content)
    if apart is None:
        findings.refuse(Code.METADATA_UNREADABLE, "core metadata", f"packaging can't parse it. {BUILD_AGAIN}")
        return []
    fields, unparsed = apart
    _report(_blanks(fields, core), findings, mild=mild)
    _report(_unparsed(unparsed), findings, mild=mild)
    # A rule has to check every value, also those that packaging sets aside because the field is repeated.
    every = [fields, *_set_aside(unparsed)]
    for rule in (_too_long, _too_new, _invalid, *RULES):
        _report((flaw for one in every for flaw in rule(one)), findings, mild=mild)
    return list(fields.get("license_files", []))[:_MOST_LICENSE_FILES]


def parsed_fields(content: bytes) -> tuple[dict[str, Any], dict[str, list[str]]] | None:
    """The fields as packaging names them, and what it sets aside: unknown fields, and single ones that are repeated.

    Bytes that are not UTF-8 are replaced first, because packaging sets a field aside if one of its values has any.
    """
    return cast("tuple[dict[str, Any], dict[str, list[str]]] | None", parsed(_apart, content))


def _apart(content: bytes) -> object:
    """Email gets one character of the description only, because it takes a microsecond for each line."""
    head = head_of(content)
    description = content[len(head) :].decode("utf-8", "replace")
    if (plain := plain_fields(head)) is not None:
        return plain | ({"description": description} if description else {}), {}
    text = head.decode("utf-8", "replace")
    fields, unparsed = parse_email(text + description[:1])
    repeated = unparsed.get("description", [""])
    if not description:
        return fields, unparsed
    if may_be_multipart(head) or description[0] not in (fields.get("description"), repeated[-1]):
        return parse_email(text + description)  # several messages, or a description before the first empty line
    if "description" in fields:
        fields["description"] = description
    else:
        repeated[-1] = description
    return fields, unparsed


def _set_aside(unparsed: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The values of repeated fields as if they were not repeated: the first of each, then the second, and so on."""
    names = [name for name in sorted(unparsed) if _is_known(name)]
    for values in zip_longest(*(unparsed[name] for name in names)):
        said = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield {_RAW_NAMES.get(name, name.replace("-", "_")): divided(name, value) for name, value in said.items()}


_RAW_NAMES = {"project-url": "project_urls"}


def _blanks(fields: dict[str, Any], core: CoreMetadata) -> Iterator[FieldFlaw]:
    """Report spaces around name and version, which pkginfo strips and installers do not."""
    name, version = str(fields.get("name", "")), str(fields.get("version", ""))
    if name != name.strip() and name.strip() == core.name:
        found = f"Name is {quoted(name)}, followed by spaces, so pip and uv can't install it."
        yield Code.METADATA_NAME_INVALID, "Name", found
    if version.strip(_BLANKS) != version.strip() and version.strip() == core.version:
        found = f"Version is {quoted(version)}, followed by spaces that uv does not strip, so uv can't install it."
        yield Code.METADATA_VERSION_INVALID, "Version", found


def _report(flaws: Iterator[FieldFlaw], findings: Findings, *, mild: bool) -> None:
    """Add flaws: a few of each kind one by one, and the number of the others."""
    counts: dict[tuple[Code, str], int] = {}
    for code, field, sentence in flaws:
        counts[code, field] = counts.get((code, field), 0) + 1
        if counts[code, field] <= MOST_OF_ONE_CODE:
            _note(code, field, f"{sentence} Fix it in the project's metadata.", findings, mild=mild)
    for (code, field), count in counts.items():
        if count > MOST_OF_ONE_CODE:
            more = f"The same is true of {count - MOST_OF_ONE_CODE} more values. {BUILD_AGAIN}"
            _note(code, field, more, findings, mild=mild)


def _note(code: Code, field: str, message: str, findings: Findings, *, mild: bool) -> None:
    milder = mild and code in _USED_BY_INSTALLERS and field.lower() not in _ALWAYS_USED
    (findings.warn if milder else findings.note)(code, field, message)


_USED_BY_INSTALLERS = (Code.METADATA_AMBIGUOUS, Code.REQUIREMENT_INVALID, Code.REQUIREMENT_UNSUPPORTED)
_ALWAYS_USED = ("metadata-version", "name", "version")
"""Fields that eggwatch itself uses to publish an archive."""


def _unparsed(unparsed: dict[str, list[str]]) -> Iterator[FieldFlaw]:
    """Report the fields that packaging sets aside: unknown or repeated ones."""
    unknown = sorted(name for name in unparsed if not _is_known(name))
    if unknown:
        names = clipped(", ".join(name for name in unknown[:20]))
        yield (
            Code.METADATA_FIELD_UNKNOWN,
            unknown[0],
            f"{counted(len(unknown), 'field is', 'fields are')} not part of the core metadata: {names}.",
        )
    for name in sorted(unparsed.keys() - set(unknown)):
        if name == "project-url":
            yield Code.URL_LABEL_INVALID, "Project-URL", "Two project URLs have the same label."
        else:
            values, title = unparsed[name], name.title()
            # If the values are equal, it does not matter which one a client uses.
            differ = name in _IDENTITY and len(set(values)) > 1
            code = Code.METADATA_AMBIGUOUS if differ else Code.METADATA_FIELD_REPEATED
            yield code, title, f"{title} occurs {len(values)} times instead of once."


def _is_known(name: str) -> bool:
    # parse_email does not say whether a field was unknown or repeated; Metadata has an attribute for each known one.
    return name.replace("-", "_") in _ATTRIBUTES or name in _PLURAL


_ATTRIBUTES = frozenset(name for name in vars(Metadata) if not name.startswith("_"))
_PLURAL = frozenset(
    (
        "classifier",
        "dynamic",
        "import-name",
        "import-namespace",
        "license-file",
        "platform",
        "project-url",
        "supported-platform",
    )
)


def _too_long(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """Remove the values that are too long to be parsed, and report them."""
    for name in sorted(fields.keys() - _LONG - _JUDGED_ELSEWHERE):
        value = fields[name]
        kept: Any
        if isinstance(value, str):
            kept = value if len(value) <= LONGEST_VALUE else ""
        elif isinstance(value, dict):
            kept = {label: url for label, url in value.items() if max(len(label), len(url)) <= LONGEST_VALUE}
        else:
            kept = [item for item in value if len(item) <= LONGEST_VALUE]
        if len(kept) != len(value):
            yield Code.METADATA_FIELD_INVALID, _title(name), f"It has more than {LONGEST_VALUE} characters."
            if kept:
                fields[name] = kept
            else:
                del fields[name]


def _too_new(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    version = str(fields.get("metadata_version", ""))
    # Version 2.0 has the fields of 2.1.
    said = "2.1" if version == "2.0" else version
    for name in sorted(fields.keys() & _SINCE.keys()):
        if len(said) == 3 and said < _SINCE[name]:
            yield (
                Code.LICENSE_FILE_EARLY if name == "license_files" else Code.METADATA_FIELD_TOO_NEW,
                _title(name),
                f"The field requires metadata version {_SINCE[name]}, and Metadata-Version is {clipped(version)}.",
            )


def _invalid(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """Report what packaging finds in all fields that are not checked value by value."""
    for name in sorted(fields.keys() - _JUDGED_ELSEWHERE - _JUDGED_HERE - _FREE_TEXT):
        value = fields[name]
        yield from _wrong_value(name, value if isinstance(value, str) else tuple(value))


@lru_cache(maxsize=256)
def _wrong_value(name: str, value: str | tuple[str, ...]) -> tuple[FieldFlaw, ...]:
    """What packaging finds in one field. Each field is parsed alone, because a fatal error in one hides the others.

    Cached, because the same content types, extras and licence files occur often, and packaging is slow.
    """
    newest = "2.5" if name in ("import_names", "import_namespaces") else "2.4"
    said = value if isinstance(value, str) else list(value)
    whole = {name: said, "metadata_version": newest, "name": "judged", "version": "1"}
    try:
        Metadata.from_raw(cast("RawMetadata", whole))
    except ExceptionGroup as group:
        errors = [error for error in sorted(group.exceptions, key=str) if isinstance(error, InvalidMetadata)]
        codes = [_FIELD_CODES.get(error.field, Code.METADATA_FIELD_INVALID) for error in errors]
        return tuple((code, e.field.title(), f"{clipped(str(e))}.") for code, e in zip(codes, errors, strict=True))
    except Exception as error:
        return ((Code.METADATA_FIELD_INVALID, _title(name), f"packaging can't parse it: {clipped(repr(error))}."),)
    return ()


def _title(name: str) -> str:
    special = {"project_urls": "Project-URL", "requires_dist": "Requires-Dist"}
    return special.get(name, name.removesuffix("s").replace("_", "-").title())
