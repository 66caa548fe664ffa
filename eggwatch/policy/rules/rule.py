"""One line of the table of rules: what is asked, why, by whom, and how much it weighs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from eggwatch.model.codes import Code

BUILD_AGAIN = "Build it again with 'python -m build'."


class Weight(StrEnum):
    """What becomes of an upload that breaks a rule: refused, published with a warning, or not even told."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


class Profile(StrEnum):
    """Which weights hold; PRINCIPLES says what each is for."""

    DEFAULT = "default"
    PYPI = "pypi"
    STRICT = "strict"


PRINCIPLES: dict[Profile, str] = {
    Profile.DEFAULT: "Rejects what endangers a machine, a terminal or the index, what is damaged, what has a name or "
    "version that can't be trusted, and what a current pip or uv can't install, or what the two install differently. "
    "Everything else is published with a warning.",
    Profile.PYPI: "Rejects what PyPI's current upload code rejects, as far as an archive alone shows, and no more: "
    "PyPI verifies no RECORD and no CRC, for instance. It shows whether an archive can be uploaded to PyPI, not "
    "whether it can be installed.",
    Profile.STRICT: "Every rule rejects. For teams that publish only what they build themselves.",
}
"""By what each profile weighs, in sentences for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule and its code.

    `rule`, `why` and `mend` are sentences for people; `source` is the PEP or the section of the
    specifications, `warehouse` the ids of the checks by which PyPI refuses the same (see `warehouse.CHECKS`).
    """

    code: Code
    title: str
    rule: str
    why: str
    mend: str = BUILD_AGAIN
    source: str
    warehouse: tuple[str, ...] = ()
    default: Weight | None = None
    """None where `lenient` tells."""
    pypi: Weight | None = None
    """None where `warehouse` tells: PyPI refuses by these checks, and takes what it has none for."""
    lenient: str = ""
    """Why archives tell of it at level `warn`, although a specification forbids it: honest archives in use need it."""
    milder: str = ""
    """The case of it, if there is one, that archives tell at level `warn`: it refuses in no profile but `strict`."""
    fixed: bool = False
    """True for what protects the index itself, the machines that unpack, and terminals: no configuration weakens it."""

    def weight(self, profile: Profile) -> Weight:
        """The weight in a profile, where the configuration says nothing else."""
        if profile is Profile.STRICT or self.fixed:
            return Weight.REFUSE
        if profile is Profile.DEFAULT:
            return self.default or (Weight.WARN if self.lenient else Weight.REFUSE)
        return self.pypi or (Weight.REFUSE if self.warehouse else Weight.WARN)

    def as_json(self) -> dict[str, object]:
        """The rule for scripts: absent is null, ids are a list."""
        told = {name: getattr(self, name) for name in ("code", "title", "rule", "why", "mend", "source")}
        return {
            **told,
            "warehouse": list(self.warehouse),
            **{str(profile): self.weight(profile) for profile in Profile},
            "fixed": self.fixed,
        }
