"""Requirements that PEP 440 and PEP 508 allow and a current client can't read, or reads otherwise than another.

Tried with pip 26.3 and uv 0.13.9 (tests/hostile/test_clients.py): uv keeps numbers of versions in 64 bits, knows no
`===` but with a version behind it, and no URL without a scheme; pip can't compare by `~=` what is no version.
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

# What `str` makes of a marker: each comparison with single blanks, and values in double quotes.
_COMPARISON = re.compile(r'(\w+|"[^"]*") (~=|===?|!=|[<>]=?|not in|in) (\w+|"[^"]*")')
_BETWEEN = re.compile(r"[ ()]*(?:(?:and|or)[ ()]+)*")
_OF_VERSIONS = ("python_version", "python_full_version", "implementation_version")
_VERSIONS_OF_PIP = ("platform_release", "platform_version")
_OF_LOCK_FILES = ("extras", "dependency_groups")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
# In such lists no version is a part of another one, but for Python 2.x and 3.1, which nobody has.
_LISTS = {
    "python_version": re.compile(r"[ ,|]*(?:[0-9]\.[0-9]{1,2}(?:[ ,|]+|\Z))*"),
    "python_full_version": re.compile(r"[ ,|]*(?:[0-9]\.[0-9]{1,2}\.[0-9](?:[ ,|]+|\Z))*"),
}
_NEVER = re.compile(r"(?!)")


def unread_specifiers(specifiers: SpecifierSet) -> str | None:
    """Why uv can't read one of the specifiers, which pip can; None if it can."""
    for specifier in sorted(specifiers, key=str):
        text = specifier.version if specifier.operator == "===" else specifier.version.removesuffix(".*")
        version = parsed(Version, text)
        if version is None:
            return f"uv reads no {quoted(str(specifier))}, since no version follows '==='; pip does"
        if is_too_large(version):
            return f"uv reads no numbers as large as in {quoted(str(specifier))}; pip does"
    return None


# In this order, as uv mends what it can't read: '>=3.6<4', '>=3.6.*', '!=3.0*', quotation marks beside a number.
_REPAIRS = (
    (re.compile(r"([0-9])([<>=~!])", re.ASCII), r"\1,\2"),
    (re.compile(r"(>=|<=|<|>)(\s*[0-9]+(?:\.[0-9]+)*)\.\*", re.ASCII), r"\1\2"),
    (re.compile(r"([!=]=)(\s*[0-9]+(?:\.[0-9]+)+)\*", re.ASCII), r"\1\2.*"),
    (re.compile(r"['\"]"), ""),
)


def repaired(text: str) -> str | None:
    """The specifiers that uv reads in a Requires-Python which is none, and which pip ignores; None if it fails."""
    for wrong, right in _REPAIRS:
        text = wrong.sub(right, text)
    specifiers = parsed(SpecifierSet, text)
    return None if specifiers is None or unread_list(text) or unread_specifiers(specifiers) else text


def unread_list(text: str) -> str | None:
    """Why uv can't read a list of specifiers: nothing stands before one of its commas."""
    if all(part.strip() for part in text.split(",")[:-1]):
        return None
    return "uv reads no list with nothing before a comma; pip does"


def unread_requirement(requirement: Requirement) -> str | None:
    """Why pip or uv can't read a requirement that the other one can, or reads it otherwise; None if both can."""
    url = parsed(urlsplit, requirement.url or "file:")
    if url is None or not url.scheme:
        return f"uv reads no URL without a scheme ({quoted(requirement.url or '')}); pip takes it for a path"
    return unread_specifiers(requirement.specifier) or next(_unread_comparisons(requirement.marker), None)


def _unread_comparisons(marker: Marker | None) -> Iterator[str]:
    text = str(marker or "")
    if not _BETWEEN.fullmatch(_COMPARISON.sub("", text)):
        yield f"pip and uv may differ over {quoted(text)}, which has a quotation mark in a value"
    for left, operator, right in _COMPARISON.findall(text):
        said = f"pip and uv differ over {quoted(f'{left} {operator} {right}')}"
        if left.startswith('"') == right.startswith('"'):
            yield f"{said}: a variable has to be compared with a text"
        elif right.startswith('"'):
            yield from _unread_comparison(said, left, operator, right[1:-1])
        elif right in _OF_VERSIONS and not _may_stand_first(operator, left[1:-1]):
            yield f"{said}: what it is compared with has to stand behind the operator"
        else:
            yield from _unread_comparison(said, right, _MIRRORED.get(operator, operator), left[1:-1])


def _may_stand_first(operator: str, value: str) -> bool:
    """Whether pip, which looks for the left side in a specifier of the right one, compares a version as uv does."""
    version = parsed(Version, value)
    is_plain = not value.endswith(".*") if version is None else str(version) == version.base_version
    return operator not in ("~=", "in", "not in") and is_plain


def _unread_comparison(said: str, variable: str, operator: str, value: str) -> Iterator[str]:
    """Why a variable is not compared by both with this value, or not alike."""
    if variable == "extra" and operator not in ("==", "!="):
        yield f"{said}: extras are compared by '==' alone"
    elif variable in _OF_LOCK_FILES:
        yield f"{said}: {variable} stands in lock files only"
    elif operator == "===":
        yield f"{said}: one of them or both fail over '==='"
    elif variable in _OF_VERSIONS:
        yield from _unread_version(said, variable, operator, value)
    elif operator == "~=":
        yield f"{said}: pip can't compare by '~=' what is no version"
    elif variable in _VERSIONS_OF_PIP and (
        operator in ("<", "<=", ">", ">=") or (operator == "!=" and parsed(Version, value) is not None)
    ):
        yield f"{said}: uv compares it as text, pip as a version"


def _unread_version(said: str, variable: str, operator: str, value: str) -> Iterator[str]:
    if "in" in operator:
        if not _LISTS.get(variable, _NEVER).fullmatch(value):
            yield f"{said}: pip looks for a part of a text, uv for a version in a list"
    elif not _is_version(operator, value):
        as_text = "it" if operator == "~=" else "it but as text"
        yield f"{said}: that is no version, and pip can't compare {as_text}"
    elif variable == "python_version" and operator not in _alike(value):
        yield f"{said}: it never is such a version"
    elif "+" in value:
        yield f"{said}: uv leaves out what follows the '+'"


def _is_version(operator: str, value: str) -> bool:
    if parsed(Specifier, operator + value) is not None:
        return True
    return operator != "~=" and parsed(Version, value) is not None


def _alike(value: str) -> tuple[str, ...]:
    """The operators for which it is all the same whether a client heeds what follows the numbers of a version."""
    version = parsed(Version, value)
    if version is not None and version.is_prerelease:
        return ("<", ">=")
    if version is not None and version.is_postrelease:
        return ("<=", ">")
    return ("<", "<=", ">", ">=", "==", "!=", "~=")
