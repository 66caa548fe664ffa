"""Core metadata as people read it: bytes → `About`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from eggwatch.archives.metadata.fields import parsed_fields
from eggwatch.archives.metadata.readme import LONGEST_README, unfolded
from eggwatch.model.site import LONGEST, MOST, About

_LINK = re.compile(r"https?://[^\s\"'<>]+|mailto:[^\s\"'<>]+", re.IGNORECASE)
_UNKNOWN = "UNKNOWN"
"""What distutils wrote for a field without a value."""


def about(content: bytes) -> About:
    """What metadata says; nothing where it can't be read."""
    fields, _ = parsed_fields(content) or ({}, {})
    return About(
        summary=_line(fields.get("summary")),
        description=_description(fields),
        description_type=_line(fields.get("description_content_type")),
        license=_license(fields),
        authors=_lines([*_people(fields, "author"), *_people(fields, "maintainer")]),
        links=tuple(_links(fields))[:MOST],
        classifiers=_lines(fields.get("classifiers", ())),
        keywords=_lines(_keywords(fields.get("keywords", ()))),
        requires=_lines(fields.get("requires_dist", ())),
    )


def _line(value: object) -> str:
    text = " ".join(value.split())[:LONGEST] if isinstance(value, str) else ""
    return "" if text == _UNKNOWN else text


def _lines(values: Iterable[object]) -> tuple[str, ...]:
    """Each value once, as a line."""
    return tuple(line for line in dict.fromkeys(map(_line, values)) if line)[:MOST]


def _description(fields: dict[str, Any]) -> str:
    text = unfolded(fields.get("description", ""))
    return "" if text.strip() == _UNKNOWN else text[:LONGEST_README].strip("\n")


def _license(fields: dict[str, Any]) -> str:
    """The expression, else the first line of the text, else what the classifiers say."""
    said = fields.get("license_expression") or fields.get("license", "").strip().partition("\n")[0]
    classified = [one.rpartition(" :: ")[2] for one in fields.get("classifiers", ()) if one.startswith("License ::")]
    return _line(said) or _line(", ".join(classified))


def _people(fields: dict[str, Any], role: str) -> Iterator[str]:
    """The names of a role; its addresses where these are named there, as pyproject.toml has it."""
    name, addresses = fields.get(role, ""), fields.get(f"{role}_email", "")
    if name:
        yield name
    elif addresses:
        yield addresses


def _links(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    urls = {"Homepage": fields.get("home_page", ""), **fields.get("project_urls", {})}
    for label, url in {**urls, "Download": fields.get("download_url", "")}.items():
        if _LINK.fullmatch(url) and len(url) <= LONGEST:
            yield _line(label) or url, url


def _keywords(values: Iterable[str]) -> list[str]:
    """Old ones are separated by blanks."""
    found = list(values)
    return found[0].split() if len(found) == 1 else found
