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
_OF_VERSIONS = ("python_version", "python_full_version", "implementation_version")


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
    for left, operator, right in _COMPARISON.findall(str(marker or "")):
        variable, value = (left, right) if right.startswith('"') else (right, left)
        said = quoted(f"{left} {operator} {right}")
        if variable == "extra" and operator not in ("==", "!="):
            yield f"pip and uv differ over {said}: extras are compared by '==' alone"
        elif operator == "~=" and right == value and parsed(Specifier, f"~={value[1:-1]}") is None:
            yield f"pip can't compare by {said}"
        elif variable in _OF_VERSIONS and "in" not in operator and not _is_version(operator, value[1:-1]):
            yield f"pip and uv differ over {said}, since that is no version: pip compares it as text"


def _is_version(operator: str, value: str) -> bool:
    return parsed(Specifier, operator + value) is not None or parsed(Version, value) is not None
