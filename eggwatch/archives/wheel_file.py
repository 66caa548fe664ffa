"""The WHEEL file: Wheel-Version, Root-Is-Purelib, and tags and build that have to be the filename's.

Source: PyPUG, binary distribution format, "File contents".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.tags import Tag, parse_tag

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped, quoted
from eggwatch.model.names import MOST_TAGS, Filename
from eggwatch.model.parsing import parsed

LARGEST_WHEEL_FILE = 256 << 10
"""Bytes of a WHEEL file."""

_LONGEST_TAG = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What some readers end a line at, or a text; a tab and a line feed are no danger."""

_LINE = re.compile(r"([!-9;-~]+):[ \t]*(.*)")
_VERSION = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})", re.ASCII)
_BUILD = re.compile(r"([0-9]{1,20})(.*)", re.ASCII)


def check_wheel_file(content: bytes, path: str, filename: Filename, findings: Findings) -> None:
    """Note all that is wrong with a WHEEL file."""
    fields = _fields(content, path, findings)
    if fields is None:
        return
    _check_version(fields, path, findings)
    _check_purelib(fields, path, findings)
    _check_tags(fields, path, filename, findings)
    _check_build(fields, path, filename, findings)


def _fields(content: bytes, path: str, findings: Findings) -> dict[str, list[str]] | None:
    """The values by field, in lower case; None if it is no list of `Key: value` lines."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        _invalid(path, f"Byte {error.start} is not UTF-8.", findings)
        return None
    text = text.replace("\r\n", "\n")
    if strange := _CONTROL.search(text):
        _invalid(path, f"It holds the control character {clipped(strange[0])}.", findings)
        return None
    fields: dict[str, list[str]] = {}
    for number, line in enumerate(_head(text), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            _invalid(path, f"Line {number} is {quoted(line)}, and should be 'Key: value'.", findings)
            return None
        fields.setdefault(match[1].lower(), []).append(match[2].strip())
    return fields


def _head(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if not line:
            return
        yield line


def _only(fields: dict[str, list[str]], name: str, path: str, findings: Findings) -> str | None:
    values = fields.get(name.lower(), [])
    if len(values) == 1:
        return values[0]
    _invalid(path, f"It says {name} {len(values)} times, and should say it once.", findings)
    return None


def _check_version(fields: dict[str, list[str]], path: str, findings: Findings) -> None:
    text = _only(fields, "Wheel-Version", path, findings)
    if text is None:
        return
    match = _VERSION.fullmatch(text)
    if match is None:
        _invalid(path, f"Wheel-Version is {quoted(text)}, and should be like 1.0.", findings)
    elif int(match[1]) != 1:
        message = f"Wheel-Version is {text}; installers take major version 1 only. {BUILD_AGAIN}"
        findings.refuse("wheel-version-unsupported", "Wheel-Version", message)


def _check_purelib(fields: dict[str, list[str]], path: str, findings: Findings) -> None:
    text = _only(fields, "Root-Is-Purelib", path, findings)
    if text is not None and text.lower() not in ("true", "false"):
        _invalid(path, f"Root-Is-Purelib is {quoted(text)}, and should be true or false.", findings)


def _check_tags(fields: dict[str, list[str]], path: str, filename: Filename, findings: Findings) -> None:
    found: set[Tag] = set()
    for text in fields.get("tag", []):
        tags = expanded(text)
        if tags is None:
            _invalid(path, f"Tag is {quoted(text)}, and should be like py3-none-any.", findings)
            return
        found |= tags
    if found == filename.tags:
        return
    missing, stray = _listed(filename.tags - found), _listed(found - filename.tags)
    message = (
        f"The filename has tags that WHEEL does not have ({missing}), or the other way round ({stray}). "
        f"Do not rename wheels: use 'wheel tags'. {BUILD_AGAIN}"
    )
    findings.refuse("wheel-tags-mismatch", "Tag", message)


def expanded(text: str) -> frozenset[Tag] | None:
    """The tags of a compressed set (PEP 425), None if it is none, or one of more than `MOST_TAGS`."""
    parts = text.split("-") if len(text) <= _LONGEST_TAG else []
    if len(parts) != 3 or not all(part.isascii() and part.replace(".", "").isidentifier() for part in parts):
        return None
    pythons, abis, platforms = (part.count(".") + 1 for part in parts)
    return parsed(parse_tag, text) if pythons * abis * platforms <= MOST_TAGS else None


def _listed(tags: frozenset[Tag] | set[Tag]) -> str:
    return clipped(", ".join(sorted(map(str, tags))[:5])) or "none"


def _check_build(fields: dict[str, list[str]], path: str, filename: Filename, findings: Findings) -> None:
    values = fields.get("build", [])
    if len(values) > 1:
        _invalid(path, f"It says Build {len(values)} times.", findings)
        return
    match = _BUILD.fullmatch(values[0]) if values else None
    found = (int(match[1]), match[2]) if match else tuple(values)
    if found != filename.build:
        said = f"{quoted(values[0])}" if values else "nothing"
        expected = f"{''.join(map(str, filename.build))!r}" if filename.build else "nothing"
        message = f"WHEEL says {said} and the filename {expected}. Use 'wheel tags --build'. {BUILD_AGAIN}"
        findings.refuse("wheel-build-mismatch", "Build", message)


def _invalid(path: str, sentence: str, findings: Findings) -> None:
    findings.refuse("wheel-file-invalid", path, f"{sentence} {BUILD_AGAIN}")
