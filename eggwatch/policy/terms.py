"""The settings by which uploads are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Weight(StrEnum):
    """What happens to an upload that breaks a rule: rejected, published with a warning, or published without one."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


class Profile(StrEnum):
    """A named choice of weights for all rules; PRINCIPLES says what each is for."""

    DEFAULT = "default"
    PYPI = "pypi"
    STRICT = "strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The settings of the judge (sizes in bytes). By default, anyone who can write to the drop folder can publish.

    Patterns and names are normalised (`model.names.project_name`).
    """

    profile: Profile = Profile.DEFAULT
    stock: Profile = Profile.DEFAULT
    """The profile for archives that `import` publishes, which exist already and can't be changed."""
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
        """The terms for an archive that `import` publishes."""
        return replace(self, profile=self.stock)
