"""What the terms of an index make of the rules."""

from __future__ import annotations

from eggwatch.model.codes import Code
from eggwatch.policy.rules import RULES
from eggwatch.policy.terms import Terms, Weight


def weights(terms: Terms) -> dict[str, str]:
    """The weight of each rule by its code, for people; `always` if no configuration can change it."""
    return {
        rule.code: "always" if rule.fixed else str(terms.rules.get(rule.code, rule.weight(terms.profile)))
        for rule in RULES.values()
    }


def refuses_readmes(terms: Terms) -> bool:
    """True if a README that can't be rendered is rejected; only then is it rendered, which takes milliseconds."""
    code = Code.README_UNRENDERABLE
    return terms.rules.get(code, RULES[code].weight(terms.profile)) is Weight.REFUSE


def needs_renderer(terms: Terms) -> bool:
    """True if READMEs are rendered: those of uploads, or of archives that `import` publishes."""
    return refuses_readmes(terms) or refuses_readmes(terms.for_stock())
