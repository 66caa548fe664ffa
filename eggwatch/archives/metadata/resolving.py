"""Finds requirements that PEP 440 and PEP 508 allow, but that pip or uv can't read, or that they read differently.

Tried with pip 26.3 and uv 0.13.9 (tests/hostile/test_clients.py): uv stores numbers of versions in 64 bits, requires a
version after `===` and a scheme in a URL; pip can't compare anything but versions by `~=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from eggwatch.archives.findings import quoted
from eggwatch.model.names import is_too_large
from eggwatch.model.parsing import parsed

# The form that `str` gives a marker: each comparison with single spaces, and values in double quotes.
_COMPARISON = re.compile(r'(\w+|"[^"]*") (~=|===?|!=|[<>]=?|not in|in) (\w+|"[^"]*")')
_BETWEEN = re.compile(r"[ ()]*(?:(?:and|or)[ ()]+)*")
_OF_VERSIONS = ("python_version", "python_full_version", "implementation_version")
_VERSIONS_OF_PIP = ("platform_release", "platform_version")
_OF_LOCK_FILES = ("extras", "dependency_groups")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
# In such lists no version is a part of another one, except for Python 2.x and 3.1, which are out of use.
_LISTS = {
    "python_version": re.compile(r"[ ,|]*(?:[0-9]\.[0-9]{1,2}(?:[ ,|]+|\Z))*"),
    "python_full_version": re.compile(r"[ ,|]*(?:[0-9]\.[0-9]{1,2}\.[0-9](?:[ ,|]+|\Z))*"),
}
_NEVER = re.compile(r"(?!)")


def unread_specifiers(specifiers: SpecifierSet) -> str | None:
    """Why uv can't read one of the specifiers, though pip can; None if it can."""
    for specifier in sorted(specifiers, key=str):
        text = specifier.version if specifier.operator == "===" else specifier.version.removesuffix(".*")
        version = parsed(Version, text)
        if version is None:
            return f"uv can't read {quoted(str(specifier))}, because no version follows '==='; pip can"
        if is_too_large(version):
            return f"uv can't read numbers as large as in {quoted(str(specifier))}; pip can"
    return None


# uv repairs these in this order: '>=3.6<4', '>=3.6.*', '!=3.0*', quotation marks beside a number.
_REPAIRS = (
    (re.compile(r"([0-9])([<>=~!])", re.ASCII), r"\1,\2"),
    (re.compile(r"(>=|<=|<|>)(\s*[0-9]+(?:\.[0-9]+)*)\.\*", re.ASCII), r"\1\2"),
    (re.compile(r"([!=]=)(\s*[0-9]+(?:\.[0-9]+)+)\*", re.ASCII), r"\1\2.*"),
    (re.compile(r"['\"]"), ""),
)


def repaired(text: str) -> str | None:
    """The specifiers that uv reads in an invalid Requires-Python, which pip ignores; None if uv fails, too."""
    for wrong, right in _REPAIRS:
        text = wrong.sub(right, text)
    specifiers = parsed(SpecifierSet, text)
    return None if specifiers is None or unread_list(text) or unread_specifiers(specifiers) else text


def unread_list(text: str) -> str | None:
    """Why uv can't read a list of specifiers (nothing precedes one of its commas); None if it can."""
    if all(part.strip() for part in text.split(",")[:-1]):
        return None
    return "uv can't read a list with nothing before a comma; pip can"


def unread_requirement(requirement: Requirement) -> str | None:
    """Why only one of pip and uv can read a requirement, or why they read it differently; None if they do not."""
    url = parsed(urlsplit, requirement.url or "file:")
    if url is None or not url.scheme:
        return f"uv can't read a URL without a scheme ({quoted(requirement.url or '')}); pip takes it for a path"
    return unread_specifiers(requirement.specifier) or next(_unread_comparisons(requirement.marker), None)


def _unread_comparisons(marker: Marker | None) -> Iterator[str]:
    text = str(marker or "")
    if not _BETWEEN.fullmatch(_COMPARISON.sub("", text)):
        yield f"pip and uv may read {quoted(text)} differently, because of the quotation mark in a value"
    for left, operator, right in _COMPARISON.findall(text):
        said = f"pip and uv read {quoted(f'{left} {operator} {right}')} differently"
        if left.startswith('"') == right.startswith('"'):
            yield f"{said}: one side has to be a variable and the other a text"
        elif right.startswith('"'):
            yield from _unread_comparison(said, left, operator, right[1:-1])
        elif right in _OF_VERSIONS and not _may_stand_first(operator, left[1:-1]):
            yield f"{said}: the value has to follow the operator"
        else:
            yield from _unread_comparison(said, right, _MIRRORED.get(operator, operator), left[1:-1])


def _may_stand_first(operator: str, value: str) -> bool:
    """True if pip compares a version on the left side in the same way as uv."""
    version = parsed(Version, value)
    is_plain = not value.endswith(".*") if version is None else str(version) == version.base_version
    return operator not in ("~=", "in", "not in") and is_plain


def _unread_comparison(said: str, variable: str, operator: str, value: str) -> Iterator[str]:
    """Why pip and uv do not both compare a variable with this value, or compare it differently."""
    if variable == "extra" and operator not in ("==", "!="):
        yield f"{said}: extras can only be compared by '=='"
    elif variable in _OF_LOCK_FILES:
        yield f"{said}: {variable} is only for lock files"
    elif operator == "===":
        yield f"{said}: at least one of them fails at '==='"
    elif variable in _OF_VERSIONS:
        yield from _unread_version(said, variable, operator, value)
    elif operator == "~=":
        yield f"{said}: pip can't compare by '~=', because it is not a version"
    elif variable in _VERSIONS_OF_PIP and (
        operator in ("<", "<=", ">", ">=") or (operator == "!=" and parsed(Version, value) is not None)
    ):
        yield f"{said}: uv compares it as text, pip as a version"


def _unread_version(said: str, variable: str, operator: str, value: str) -> Iterator[str]:
    if "in" in operator:
        if not _LISTS.get(variable, _NEVER).fullmatch(value):
            yield f"{said}: pip searches for a part of the text, uv for a version in the list"
    elif not _is_version(operator, value):
        as_text = "it" if operator == "~=" else "it except as text"
        yield f"{said}: the value is not a version, and pip can't compare {as_text}"
    elif variable == "python_version" and operator not in _alike(value):
        yield f"{said}: this variable never has such a version"
    elif "+" in value:
        yield f"{said}: uv drops the '+' and what follows it"


def _is_version(operator: str, value: str) -> bool:
    if parsed(Specifier, operator + value) is not None:
        return True
    return operator != "~=" and parsed(Version, value) is not None


def _alike(value: str) -> tuple[str, ...]:
    """The operators with the same result whether or not a client ignores what follows the numbers of a version."""
    version = parsed(Version, value)
    if version is not None and version.is_prerelease:
        return ("<", ">=")
    if version is not None and version.is_postrelease:
        return ("<=", ">")
    return ("<", "<=", ">", ">=", "==", "!=", "~=")
