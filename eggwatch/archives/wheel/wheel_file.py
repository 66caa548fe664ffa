"""Checks the WHEEL file: Wheel-Version, Root-Is-Purelib, and that tags and build are those of the filename.

Source: PyPUG, binary distribution format, "File contents".
"""

from __future__ import annotations

import re
from itertools import pairwise

from packaging.tags import Tag, parse_tag

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, clipped, quoted
from eggwatch.model.codes import Code
from eggwatch.model.names import MOST_TAGS, Filename
from eggwatch.model.parsing import parsed

LARGEST_WHEEL_FILE = 256 << 10
"""Most bytes of a WHEEL file."""

_LONGEST_TAG = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters at which some tools end a line or the text; tab and line feed are harmless."""

_LINE = re.compile(r"([!-9;-~]+):[ \t]*(.*)")
_VERSION = re.compile(r"([0-9]{1,9})\.[0-9]{1,9}((?:\.[0-9]{1,9})*)", re.ASCII)
_BUILD = re.compile(r"([0-9]{1,20})(.*)", re.ASCII)


def check_wheel_file(content: bytes, path: str, filename: Filename, findings: Findings) -> None:
    """Add all flaws of a WHEEL file.

    pip and uv read Wheel-Version and Root-Is-Purelib; flaws of other fields only warn.
    """
    text = _text(content, path, findings)
    if text is None:
        return
    lines = [*text.split("\n"), ""]
    end = lines.index("")
    fields = _fields(lines[:end], path, findings)
    if fields is None:
        return
    _check_spelling(lines[:end], path, findings)
    _check_version(fields, path, findings)
    _check_purelib(fields, path, findings)
    # Fields after the empty line that ends the fields: 'wheel tags' 0.40 and 0.41 wrote Tag and Build there.
    hidden: dict[str, list[str]] = {}
    for match in filter(None, map(_LINE.fullmatch, lines[end:])):
        hidden.setdefault(match[1].lower(), []).append(match[2].strip())
    _check_tags(fields, hidden, path, filename, findings)
    _check_build(fields, hidden, path, filename, findings)


def _text(content: bytes, path: str, findings: Findings) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        _invalid(path, f"Byte {error.start} is not UTF-8, and neither pip nor uv can read it.", findings)
        return None
    text = text.replace("\r\n", "\n")
    if strange := _CONTROL.search(text):
        _invalid(path, f"It contains the control character {clipped(strange[0])}.", findings)
        return None
    return text


def _fields(lines: list[str], path: str, findings: Findings) -> dict[str, list[str]] | None:
    """The values by field, in lower case; None if it is not a list of `Key: value` lines."""
    fields: dict[str, list[str]] = {}
    values: list[str] = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is not None:
            values = fields.setdefault(match[1].lower(), [])
            values.append(match[2].strip())
        elif values and line.startswith((" ", "\t")):
            values[-1] = f"{values[-1]} {line.strip()}".strip()
        else:
            _invalid(path, f"Line {number} is {quoted(line)}, and should be 'Key: value'.", findings)
            return None
    return fields


def _check_spelling(lines: list[str], path: str, findings: Findings) -> None:
    """Reject spellings that the two read differently: uv heeds the case of names, and pip spaces after a value."""
    for line, following in pairwise([*lines, ""]):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = match.groups()
        if name.lower() == "wheel-version" and name != "Wheel-Version":
            _invalid(
                path, f"uv does not know {quoted(name)}, and can't install it; the name is Wheel-Version.", findings
            )
        elif name.lower() == "root-is-purelib" and _is_true(value, following):
            if name != "Root-Is-Purelib":
                _invalid(path, f"pip reads {quoted(line)} as true, uv as false: {_TWO_FOLDERS}", findings)
            elif value != value.strip() or not value:
                _invalid(
                    path,
                    f"pip reads {quoted(line)} as false because of its spaces, uv as true: {_TWO_FOLDERS}",
                    findings,
                )


def _is_true(value: str, following: str) -> bool:
    """True if the value is true, on this line or on the next."""
    continued = following if following.startswith((" ", "\t")) else ""
    return (value + continued).strip().lower() == "true"


_TWO_FOLDERS = "where lib and lib64 differ, they install into different folders."


def _first(fields: dict[str, list[str]], name: str, path: str, findings: Findings) -> str | None:
    """The value that installers use: the first one."""
    values = fields.get(name.lower(), [])
    if len(values) > 1:
        sentence = f"{name} occurs {len(values)} times instead of once."
        if len(set(values)) > 1:
            _invalid(path, sentence, findings)
        else:
            _odd(path, sentence, findings)
    return values[0] if values else None


def _check_version(fields: dict[str, list[str]], path: str, findings: Findings) -> None:
    text = _first(fields, "Wheel-Version", path, findings)
    match = _VERSION.fullmatch(text or "")
    if match is not None and match[2]:
        _odd(path, f"Its Wheel-Version is {quoted(text or '')}, and should be like 1.0.", findings)
    if text is None:
        _invalid(path, "It has no Wheel-Version, and neither pip nor uv installs it.", findings)
    elif match is None:
        _invalid(path, f"uv can't read its Wheel-Version, {quoted(text)}, which should be like 1.0.", findings)
    elif match[1].startswith("0") and int(match[1]):
        _invalid(path, f"Wheel-Version is {quoted(text)}, and uv accepts only '1' as major version 1.", findings)
    elif int(match[1]) > 1:
        message = f"Wheel-Version is {text}; pip and uv install major version 1 only. {BUILD_AGAIN}"
        findings.refuse(Code.WHEEL_VERSION_UNSUPPORTED, "Wheel-Version", message)
    elif int(match[1]) < 1:
        message = f"Wheel-Version is {text}, which was never standard. {IF_YOURS}"
        findings.warn(Code.WHEEL_VERSION_UNSUPPORTED, "Wheel-Version", message)


def _check_purelib(fields: dict[str, list[str]], path: str, findings: Findings) -> None:
    text = _first(fields, "Root-Is-Purelib", path, findings)
    if text is None:
        _odd(path, "It has no Root-Is-Purelib, which pip and uv take for false.", findings)
    elif text.lower() == "true" != text:
        sentence = (
            f"Root-Is-Purelib is {quoted(text)}, which pip takes for true and uv for false: where lib and lib64 differ "
            "(Fedora, RHEL), they install into different folders."
        )
        _invalid(path, sentence, findings)
    elif text.lower() not in ("true", "false"):
        _odd(path, f"Root-Is-Purelib is {quoted(text)}, which pip and uv take for false.", findings)


def _check_tags(
    fields: dict[str, list[str]], hidden: dict[str, list[str]], path: str, filename: Filename, findings: Findings
) -> None:
    found: set[Tag] = set()
    for text in " ".join(fields.get("tag", [])).split() or [""] * ("tag" in fields):
        tags = expanded(text)
        if tags is None:
            _odd(path, f"Tag is {quoted(text)}, and should be like py3-none-any.", findings)
            return
        found |= tags
    if found == filename.tags:
        return
    if "tag" not in fields:
        sentence = "WHEEL has no Tag before its first empty line." if "tag" in hidden else "WHEEL has no Tag."
        details = "'wheel tags' 0.40 and 0.41 wrote it after that line." if "tag" in hidden else ""
    else:
        sentence = "WHEEL has other tags than the filename: the wheel was renamed."
        missing, stray = _listed(filename.tags - found), _listed(found - filename.tags)
        details = f"Only in the filename: {missing}. Only in WHEEL: {stray}."
    message = f"{sentence} {IF_YOURS}{f' ({details})' if details else ''}"
    findings.note(Code.WHEEL_TAGS_MISMATCH, "Tag", message)


def expanded(text: str) -> frozenset[Tag] | None:
    """The tags of a compressed set (PEP 425); None if it is invalid, or has more than `MOST_TAGS`."""
    parts = text.split("-") if len(text) <= _LONGEST_TAG else []
    if len(parts) != 3 or not all(part.isascii() and part.replace(".", "").isidentifier() for part in parts):
        return None
    pythons, abis, platforms = (part.count(".") + 1 for part in parts)
    return parsed(parse_tag, text) if pythons * abis * platforms <= MOST_TAGS else None


def _listed(tags: frozenset[Tag] | set[Tag]) -> str:
    return clipped(", ".join(sorted(map(str, tags))[:5])) or "none"


def _check_build(
    fields: dict[str, list[str]], hidden: dict[str, list[str]], path: str, filename: Filename, findings: Findings
) -> None:
    values = fields.get("build", [])
    if len(values) > 1:
        _odd(path, f"Build occurs {len(values)} times.", findings)
        return
    match = _BUILD.fullmatch(values[0]) if values else None
    found = (int(match[1]), match[2]) if match else tuple(values)
    if found != filename.build:
        said = quoted(values[0]) if values else "nothing before its first empty line" if hidden else "nothing"
        expected = f"'{''.join(map(str, filename.build))}'" if filename.build else "nothing"
        message = f"Build in WHEEL differs from the filename. {IF_YOURS} (WHEEL has {said}, the filename {expected}.)"
        findings.note(Code.WHEEL_BUILD_MISMATCH, "Build", message)


def _invalid(path: str, sentence: str, findings: Findings) -> None:
    findings.refuse(Code.WHEEL_FILE_INVALID, path, f"{sentence} {BUILD_AGAIN}")


def _odd(path: str, sentence: str, findings: Findings) -> None:
    """Warn of something that pip and uv ignore, or read alike."""
    findings.warn(Code.WHEEL_FILE_INVALID, path, f"{sentence} {IF_YOURS}")
