"""On which terms uploads are taken: everything that the configuration says to the judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from eggwatch.model.codes import Code
from eggwatch.policy.rules import RULES, Profile, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The settings of the judge (sizes in bytes); without any, whoever can write to the drop can publish.

    Patterns and names are normalised (`ownership.normalized_pattern`).
    """

    profile: Profile = Profile.DEFAULT
    stock: Profile = Profile.DEFAULT
    """The profile for archives that `import` brings in: a stock is what it is, whatever uploads are asked for."""
    rules: Mapping[str, Weight] = field(default_factory=dict)
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    first_uploader_owns: bool = False
    max_file_size: int | None = None
    max_project_size: int | None = None
    allowed_names: tuple[str, ...] = ()
    """Patterns; with none, every name is allowed."""
    forbidden_names: tuple[str, ...] = ()
    reserved_prefixes: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()

    def for_stock(self) -> Terms:
        """The terms on which an archive of a stock is taken."""
        return replace(self, profile=self.stock)

    def refuses_readmes(self) -> bool:
        """Whether a README that does not render is refused: only then is rendering worth its milliseconds."""
        code = Code.README_UNRENDERABLE
        return self.rules.get(code, RULES[code].weight(self.profile)) is Weight.REFUSE

    def weights(self) -> dict[str, str]:
        """What each rule weighs here, by its code, for people; `always` where no configuration has a say."""
        return {
            rule.code: "always" if rule.fixed else str(self.rules.get(rule.code, rule.weight(self.profile)))
            for rule in RULES.values()
        }

    def needs_renderer(self) -> bool:
        """Whether READMEs are rendered: those of uploads, or of a stock."""
        return self.refuses_readmes() or self.for_stock().refuses_readmes()
