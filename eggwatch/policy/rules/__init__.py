"""The table of rules, by code: one text for `eggwatch explain`, the documentation, and the weights of flaws."""

from __future__ import annotations

from difflib import get_close_matches

from eggwatch.policy.rules import filenames, metadata, releases, sdists, wheels, wholeness, zips
from eggwatch.policy.rules.rule import PRINCIPLES, Profile, Rule, Weight

__all__ = ["CHAPTERS", "OF_THE_INDEX", "PRINCIPLES", "RULES", "Profile", "Rule", "Weight", "nearest"]

CHAPTERS: dict[str, tuple[Rule, ...]] = {
    "Filenames": filenames.RULES,
    "Every archive": wholeness.RULES,
    "Zip": zips.RULES,
    "Wheels": wheels.RULES,
    "Sdists": sdists.RULES,
    "Metadata": metadata.RULES,
    "The index and its people": releases.RULES,
}
"""The rules as the documentation shows them, in the order in which an archive is looked at."""

RULES: dict[str, Rule] = {rule.code: rule for rules in CHAPTERS.values() for rule in rules}

OF_THE_INDEX = frozenset(rule.code for rule in releases.RULES)
"""Codes of what an archive alone does not show: what is published already, who uploads, what is configured."""


def nearest(code: str) -> str | None:
    """The code that somebody may have meant; None if none is near."""
    near = get_close_matches(code, RULES, n=1)
    return near[0] if near else None
