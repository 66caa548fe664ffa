"""How much does a flaw weigh? The table of rules, a profile and the configuration's own word decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from eggwatch.model.verdicts import Flaw, Level
from eggwatch.policy.rules import RULES, Profile, Weight

NO_OVERRIDES: Mapping[str, Weight] = {}


def weigh(
    flaws: Iterable[Flaw], profile: Profile = Profile.DEFAULT, overrides: Mapping[str, Weight] = NO_OVERRIDES
) -> tuple[Flaw, ...]:
    """The flaws with the levels that hold here, in their order; those whose rule is off are left out.

    `overrides` are weights by code and go before the profile's, but for rules that are fixed. A flaw whose
    code is not in the table keeps its level.
    """
    return tuple(_weighed(flaws, profile, overrides))


def _weighed(flaws: Iterable[Flaw], profile: Profile, overrides: Mapping[str, Weight]) -> Iterator[Flaw]:
    for flaw in flaws:
        weight = weight_of(flaw, profile, overrides)
        if weight is not Weight.OFF:
            yield replace(flaw, level=Level(weight))


def weight_of(flaw: Flaw, profile: Profile, overrides: Mapping[str, Weight]) -> Weight:
    """What one flaw weighs."""
    rule = RULES.get(flaw.code)
    if rule is None:
        return Weight(flaw.level)
    if flaw.code in overrides and not rule.fixed:
        return overrides[flaw.code]
    if rule.milder and flaw.level is Level.WARN and profile is not Profile.STRICT:
        return Weight.WARN
    return rule.weight(profile)
