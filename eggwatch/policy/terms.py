"""On which terms uploads are taken: everything that the configuration says to the judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eggwatch.policy.rules import RULES, Profile, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The settings of the judge (sizes in bytes); without any, whoever can write to the drop can publish.

    Patterns and names are normalised (`ownership.normalized_pattern`).
    """

    profile: Profile = Profile.DEFAULT
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

    def refuses_readmes(self) -> bool:
        """Whether a README that does not render is refused: only then is rendering worth its milliseconds."""
        code = "readme-unrenderable"
        return self.rules.get(code, RULES[code].weight(self.profile)) is Weight.REFUSE
