"""The page of the rules."""

from __future__ import annotations

from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.rules import PATH, rules_page
from eggwatch.pages.simple import environment
from eggwatch.policy.rules import CHAPTERS, PRINCIPLES, RULES, Profile
from eggwatch.policy.terms import Terms
from eggwatch.policy.weighing import weights
from eggwatch.writer.templates import templates


def test_each_rule_has_its_place_with_its_weight_in_this_index() -> None:
    """Receipts link to it by its code."""
    options = LandingOptions(index_url="https://h/simple/", upload_to="h:/drop/", weights=weights(Terms()))
    (page,) = rules_page(CHAPTERS, environment(templates()), options, principle=PRINCIPLES[Profile.DEFAULT]).items()
    assert page[0] == PATH
    text = page[1].decode()
    for code, weight in options.weights.items():
        section = text.partition(f'id="{code}"')[2].partition("</section>")[0]
        assert f'<dd class="{weight}">' in section, code
    assert options.weights.keys() == RULES.keys()
