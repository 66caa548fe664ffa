"""One line of the table of rules: what is asked, why, by whom, and how much it weighs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """What becomes of an upload that breaks a rule: refused, published with a warning, or not even told."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


class Profile(StrEnum):
    """Which weights hold: `default` is for what is safe and unambiguous, `pypi` for what PyPI would take."""

    DEFAULT = "default"
    PYPI = "pypi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule and its code.

    `rule`, `why` and `mend` are sentences for people; `source` is the PEP or the section of the
    specifications, `warehouse` the ids of the checks of PyPI that it answers (see `warehouse.CHECKS`).
    """

    code: str
    title: str
    rule: str
    why: str
    mend: str
    source: str
    warehouse: tuple[str, ...] = ()
    default: Weight = Weight.REFUSE
    pypi: Weight = Weight.REFUSE
    fixed: bool = False
    """True for what protects the index itself, the machines that unpack, and terminals: no configuration weakens it."""

    def weight(self, profile: Profile) -> Weight:
        """The weight in a profile, where the configuration says nothing else."""
        return self.pypi if profile is Profile.PYPI else self.default

    def as_json(self) -> dict[str, object]:
        """The rule for scripts: absent is null, ids are a list."""
        return {
            "code": self.code,
            "title": self.title,
            "rule": self.rule,
            "why": self.why,
            "mend": self.mend,
            "source": self.source,
            "warehouse": list(self.warehouse),
            "default": str(self.default),
            "pypi": str(self.pypi),
            "fixed": self.fixed,
        }
