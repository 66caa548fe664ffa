"""The table of rules by code: the texts of `eggwatch explain` and the documentation, and the weights of flaws."""

from __future__ import annotations

from eggwatch.policy.rules import filenames, metadata, releases, sdists, wheels, wholeness, zips
from eggwatch.policy.rules.rule import PRINCIPLES, Rule
from eggwatch.policy.terms import Profile, Weight

__all__ = ["CHAPTERS", "OF_THE_INDEX", "PRINCIPLES", "RULES", "Profile", "Rule", "Weight"]

CHAPTERS: dict[str, tuple[Rule, ...]] = {
    "Filenames": filenames.RULES,
    "Every archive": wholeness.RULES,
    "Zip": zips.RULES,
    "Wheels": wheels.RULES,
    "Sdists": sdists.RULES,
    "Metadata": metadata.RULES,
    "The index and its people": releases.RULES,
}
"""The rules in the order of the documentation, which is that of an inspection."""

RULES: dict[str, Rule] = {rule.code: rule for rules in CHAPTERS.values() for rule in rules}

OF_THE_INDEX = frozenset(rule.code for rule in releases.RULES)
"""Codes that depend on more than the archive: on what is published, on the uploader, or on the configuration."""
