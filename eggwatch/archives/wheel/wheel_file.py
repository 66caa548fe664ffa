"""The WHEEL file: Wheel-Version, Root-Is-Purelib, and tags and build that have to be the filename's.

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
"""Bytes of a WHEEL file."""

_LONGEST_TAG = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What some readers end a line at, or a text; a tab and a line feed are no danger."""

_LINE = re.compile(r"([!-9;-~]+):[ \t]*(.*)")
_VERSION = re.compile(r"([0-9]{1,9})\.[0-9]{1,9}((?:\.[0-9]{1,9})*)", re.ASCII)
_BUILD = re.compile(r"([0-9]{1,20})(.*)", re.ASCII)


def check_wheel_file(content: bytes, path: str, filename: Filename, findings: Findings) -> None:
    """Note all that is wrong with a WHEEL file.

    pip and uv go by Wheel-Version and Root-Is-Purelib; what they don't look at only warns.
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
    # Fields after the empty line that ends them, where 'wheel tags' of 0.40 and 0.41 wrote Tag and Build.
    hidden: dict[str, list[str]] = {}
    for match in filter(None, map(_LINE.fullmatch, lines[end:])):
        hidden.setdefault(match[1].lower(), []).append(match[2].strip())
    _check_tags(fields, hidden, path, filename, findings)
    _check_build(fields, hidden, path, filename, findings)


def _text(content: bytes, path: str, findings: Findings) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        _invalid(path, f"Byte {error.start} is not UTF-8, and neither pip nor uv reads it.", findings)
        return None
    text = text.replace("\r\n", "\n")
    if strange := _CONTROL.search(text):
        _invalid(path, f"It holds the control character {clipped(strange[0])}.", findings)
        return None
    return text


def _fields(lines: list[str], path: str, findings: Findings) -> dict[str, list[str]] | None:
    """The values by field, in lower case; None if it is no list of `Key: value` lines."""
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
    """uv minds the case of names, and pip blanks behind a value: of other spellings each sees another value."""
    for line, following in pairwise([*lines, ""]):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = match.groups()
        if name.lower() == "wheel-version" and name != "Wheel-Version":
            _invalid(path, f"uv reads no {quoted(name)}, and can't install it; it has to be Wheel-Version.", findings)
        elif name.lower() == "root-is-purelib" and _is_true(value, following):
            if name != "Root-Is-Purelib":
                _invalid(path, f"pip reads {quoted(line)} as true, uv as false: {_TWO_FOLDERS}", findings)
            elif value != value.strip() or not value:
                _invalid(
                    path, f"pip reads {quoted(line)} as false for its blanks, uv as true: {_TWO_FOLDERS}", findings
                )


def _is_true(value: str, following: str) -> bool:
    """True for the value true, on its own line or on the next."""
    continued = following if following.startswith((" ", "\t")) else ""
    return (value + continued).strip().lower() == "true"


_TWO_FOLDERS = "where there are two folders of packages, they install into different ones."


def _first(fields: dict[str, list[str]], name: str, path: str, findings: Findings) -> str | None:
    """The value that installers take: the first one."""
    values = fields.get(name.lower(), [])
    if len(values) > 1:
        sentence = f"It says {name} {len(values)} times, and should say it once."
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
        _invalid(path, "It says no Wheel-Version, and neither pip nor uv installs it.", findings)
    elif match is None:
        _invalid(path, f"uv can't read its Wheel-Version, {quoted(text)}, which should be like 1.0.", findings)
    elif match[1].startswith("0") and int(match[1]):
        _invalid(path, f"uv takes only '1' for major version 1, and Wheel-Version is {quoted(text)}.", findings)
    elif int(match[1]) > 1:
        message = f"Wheel-Version is {text}; pip and uv install major version 1 only. {BUILD_AGAIN}"
        findings.refuse(Code.WHEEL_VERSION_UNSUPPORTED, "Wheel-Version", message)
    elif int(match[1]) < 1:
        message = f"Wheel-Version is {text}, which was never standard. {IF_YOURS}"
        findings.warn(Code.WHEEL_VERSION_UNSUPPORTED, "Wheel-Version", message)


def _check_purelib(fields: dict[str, list[str]], path: str, findings: Findings) -> None:
    text = _first(fields, "Root-Is-Purelib", path, findings)
    if text is None:
        _odd(path, "It says no Root-Is-Purelib, which pip and uv take for false.", findings)
    elif text.lower() == "true" != text:
        sentence = (
            f"Root-Is-Purelib is {quoted(text)}, and uv takes only 'true' for that: where there are two folders of "
            "packages (lib64 on Fedora and RHEL) pip installs into the one and uv into the other."
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
        details = "Such a line was written by 'wheel tags' of 0.40 and 0.41." if "tag" in hidden else ""
    else:
        sentence = "WHEEL has other tags than the filename: somebody renamed the wheel."
        missing, stray = _listed(filename.tags - found), _listed(found - filename.tags)
        details = f"In the filename alone: {missing}. In WHEEL alone: {stray}."
    message = f"{sentence} {IF_YOURS}{f' ({details})' if details else ''}"
    findings.note(Code.WHEEL_TAGS_MISMATCH, "Tag", message)


def expanded(text: str) -> frozenset[Tag] | None:
    """The tags of a compressed set (PEP 425), None if it is none, or one of more than `MOST_TAGS`."""
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
        _odd(path, f"It says Build {len(values)} times.", findings)
        return
    match = _BUILD.fullmatch(values[0]) if values else None
    found = (int(match[1]), match[2]) if match else tuple(values)
    if found != filename.build:
        said = quoted(values[0]) if values else "nothing before its first empty line" if hidden else "nothing"
        expected = f"'{''.join(map(str, filename.build))}'" if filename.build else "nothing"
        message = (
            f"WHEEL says another Build than the filename. {IF_YOURS} (WHEEL says {said}, the filename {expected}.)"
        )
        findings.note(Code.WHEEL_BUILD_MISMATCH, "Build", message)


def _invalid(path: str, sentence: str, findings: Findings) -> None:
    findings.refuse(Code.WHEEL_FILE_INVALID, path, f"{sentence} {BUILD_AGAIN}")


def _odd(path: str, sentence: str, findings: Findings) -> None:
    """Note what pip and uv don't look at, or read alike."""
    findings.warn(Code.WHEEL_FILE_INVALID, path, f"{sentence} {IF_YOURS}")
