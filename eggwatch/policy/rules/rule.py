"""One entry of the table of rules: what it requires, why, by which standard, and whether it rejects or warns."""

from __future__ import annotations

from dataclasses import dataclass

from eggwatch.model.codes import Code
from eggwatch.policy.terms import Profile, Weight

BUILD_AGAIN = "Build it again with 'python -m build'."


PRINCIPLES: dict[Profile, str] = {
    Profile.DEFAULT: "Rejects archives that endanger a machine, a terminal or the index, that are damaged, whose name "
    "or version can't be trusted, that a current pip or uv can't install, or that the two install differently. "
    "Everything else is published with a warning.",
    Profile.PYPI: "Rejects what PyPI's current upload code rejects, as far as an archive alone shows, and no more: "
    "PyPI verifies neither RECORD nor CRCs, for example. It shows whether an archive can be uploaded to PyPI, not "
    "whether it can be installed.",
    Profile.STRICT: "Every rule rejects. For teams that publish only what they build themselves.",
}
"""What each profile rejects, in sentences for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule and its code.

    `rule`, `why` and `remedy` are sentences for people. `source` is the PEP or the section of the specifications.
    `warehouse` has the ids of the checks by which PyPI rejects the same (see docs/rules.rst).
    """

    code: Code
    title: str
    rule: str
    why: str
    remedy: str = BUILD_AGAIN
    source: str
    warehouse: tuple[str, ...] = ()
    default: Weight | None = None
    """None: warn if `lenient` has a text, else refuse."""
    pypi: Weight | None = None
    """None: refuse if PyPI has a check in `warehouse`, else warn."""
    lenient: str = ""
    """Why the inspection only warns although a specification forbids it: legitimate archives have it."""
    milder: str = ""
    """The harmless case, if there is one. The inspection only warns of it, so only `strict` rejects it."""

    @property
    def fixed(self) -> bool:
        """True for a rule that no configuration can weaken."""
        return self.code.fixed

    def weight(self, profile: Profile) -> Weight:
        """The weight in a profile, unless the configuration sets another."""
        if profile is Profile.STRICT or self.fixed:
            return Weight.REFUSE
        if profile is Profile.DEFAULT:
            return self.default or (Weight.WARN if self.lenient else Weight.REFUSE)
        return self.pypi or (Weight.REFUSE if self.warehouse else Weight.WARN)

    def as_json(self) -> dict[str, object]:
        """The rule for scripts, as one JSON object."""
        texts = {name: getattr(self, name) for name in ("code", "title", "rule", "why", "remedy", "source")}
        return {
            **texts,
            "warehouse": list(self.warehouse),
            **{str(profile): self.weight(profile) for profile in Profile},
            "fixed": self.fixed,
        }
