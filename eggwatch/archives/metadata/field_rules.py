"""PyPI's checks of single metadata fields, value by value (docs: what PyPI checks, M2 to M10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.utils import getaddresses
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from eggwatch.archives.findings import quoted
from eggwatch.archives.metadata.resolving import unread_requirement
from eggwatch.model.codes import Code
from eggwatch.model.parsing import parsed

LONGEST_SUMMARY = 512
LONGEST_LABEL = 32
_LONGEST_EMAILS = 2000

FieldFlaw = tuple[Code, str, str]
"""Code, field and what was found."""

_LINE_BREAK = re.compile(r"[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
# RFC 5322 dot-atom, RFC 6531 letters; no quoted local parts and no address literals (email-validator's defaults).
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]")
# `other (1.0)`, PEP 345's own example; in a requirement there is always an operator.
_BARE_VERSION = re.compile(r"\A([\w.-]+) ?\(([0-9][\w.!+]*)\)\Z", re.ASCII)
# What most requirements are: a name and versions that pip and uv read alike. It takes a tenth of the time to see that.
_PLAIN_SPECIFIER = r"(?:[<>]=?|[=!]=) ?[0-9]{1,9}(?:\.[0-9]{1,9})*"
_PLAIN = re.compile(
    rf"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?: ?{_PLAIN_SPECIFIER}(?:, ?{_PLAIN_SPECIFIER})*)?"
    r"(?: ?; ?extra == (?:'[A-Za-z0-9-]+'|\"[A-Za-z0-9-]+\"))?"
)
_SCHEMES = ("http", "https", "ftp", "git")


def summary(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """M3 and M11: one line of at most 512 characters."""
    text = fields.get("summary", "")
    if _LINE_BREAK.search(text):
        yield Code.SUMMARY_MULTILINE, "Summary", "It has several lines instead of one."
    if len(text) > LONGEST_SUMMARY:
        yield Code.SUMMARY_TOO_LONG, "Summary", f"It has {len(text)} characters; PyPI accepts {LONGEST_SUMMARY}."


def emails(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """M4: addresses of RFC 5322, `name <local@domain>`, separated by commas."""
    for name, title in (("author_email", "Author-Email"), ("maintainer_email", "Maintainer-Email")):
        text = fields.get(name, "")
        if text in ("", "UNKNOWN"):
            continue
        pairs = (parsed(lambda one: getaddresses([one]), text) or []) if len(text) <= _LONGEST_EMAILS else []
        wrong = next((address for _, address in pairs if not is_email(address)), None if pairs else text)
        if wrong is not None:
            yield (
                Code.EMAIL_INVALID,
                title,
                f"{quoted(wrong)} in {quoted(text)} is not an address like jane@example.org.",
            )


def is_email(text: str) -> bool:
    """True for an address of at most 254 characters whose domain has a dot."""
    local, at, domain = text.rpartition("@")
    return bool(at) and len(text) <= 254 and bool(_LOCAL.fullmatch(local)) and bool(_DOMAIN.fullmatch(domain))


def classifiers(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """M5: classifiers of trove-classifiers, which contains no `Private ::` ones."""
    known, deprecated = _trove()
    for text in dict.fromkeys(fields.get("classifiers", [])):
        if text.startswith("Private ::"):
            yield Code.CLASSIFIER_PRIVATE, "Classifier", f"{quoted(text)} keeps the project off PyPI."
        elif text in deprecated:
            instead = ", ".join(deprecated[text]) or "nothing"
            yield (
                Code.CLASSIFIER_DEPRECATED,
                "Classifier",
                f"{quoted(text)} is deprecated; it is replaced by {instead}.",
            )
        elif text not in known and text != "UNKNOWN":
            yield Code.CLASSIFIER_UNKNOWN, "Classifier", f"{quoted(text)} is not on PyPI's list."


@cache
def _trove() -> tuple[frozenset[str], dict[str, list[str]]]:
    import trove_classifiers

    return frozenset(trove_classifiers.classifiers), dict(trove_classifiers.deprecated_classifiers)


def urls(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """M6: URLs of the web, and labels of 1 to 32 characters."""
    for name, title in (("home_page", "Home-Page"), ("download_url", "Download-URL")):
        text = fields.get(name, "")
        if text not in ("", "UNKNOWN") and not is_url(text):
            yield Code.URL_INVALID, title, f"{quoted(text)} is not a URL like https://example.org/."
    for label, url in fields.get("project_urls", {}).items():
        if not label or not url or len(label) > LONGEST_LABEL:
            found = f"{quoted(label)} with the URL {quoted(url)}"
            yield (
                Code.URL_LABEL_INVALID,
                "Project-URL",
                f"{found} should be a label of 1 to {LONGEST_LABEL} characters and a URL.",
            )
        elif not is_url(url):
            yield Code.URL_INVALID, "Project-URL", f"{quoted(url)} is not a URL like https://example.org/."


def is_url(text: str) -> bool:
    """True for an absolute URL with a host, and without spaces and control characters."""
    return bool(parsed(_is_of_the_web, text)) and text.isprintable() and not any(map(str.isspace, text))


def _is_of_the_web(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)


def requirements(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """M8 and M11: PEP 508, and no `name @ URL`."""
    for text in fields.get("requires_dist", []):
        if not _PLAIN.fullmatch(text):
            yield from _requirement(text)


@lru_cache(maxsize=1024)
def _requirement(text: str) -> tuple[FieldFlaw, ...]:
    """The flaws of one requirement. Cached, because the releases of a project have mostly the same."""
    requirement = parsed(Requirement, text)
    if requirement is None:
        return ((Code.REQUIREMENT_INVALID, "Requires-Dist", f"{quoted(text)} is not a requirement (PEP 508)."),)
    told: list[FieldFlaw] = []
    if trouble := unread_requirement(requirement):
        told.append((Code.REQUIREMENT_UNSUPPORTED, "Requires-Dist", f"{quoted(text)}: {trouble}."))
    if requirement.url:
        told.append(
            (Code.REQUIREMENT_DIRECT, "Requires-Dist", f"{quoted(text)} is fetched from a URL, not from an index.")
        )
    return tuple(told)


def provided(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """M7: Provides-Dist and Obsoletes-Dist are requirements without URL and marker."""
    for name, title in (("provides_dist", "Provides-Dist"), ("obsoletes_dist", "Obsoletes-Dist")):
        for text in fields.get(name, []):
            requirement = parsed(Requirement, _BARE_VERSION.sub(r"\1==\2", text))
            if requirement is None or requirement.url:
                yield Code.PROVIDES_DIST_INVALID, title, f"{quoted(text)} is not a name with an optional version."


def licenses(fields: dict[str, Any]) -> Iterator[FieldFlaw]:
    """M10: License is deprecated by License-Expression (PEP 639)."""
    if fields.get("license") and fields.get("license_expression"):
        yield Code.LICENSE_CONFLICT, "License", "License-Expression, which is also there, replaces it."


FieldRule = Callable[[dict[str, Any]], Iterator[FieldFlaw]]

RULES: tuple[FieldRule, ...] = (summary, emails, classifiers, urls, requirements, provided, licenses)
"""Rules over the fields as packaging.metadata.parse_email names them."""
