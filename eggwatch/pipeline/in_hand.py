"""Uploads on their way to a verdict, and how many have had theirs."""

from __future__ import annotations

from dataclasses import dataclass, field

from eggwatch.intake.claim import project_of
from eggwatch.intake.intake import Intake, intake_of
from eggwatch.model.archives import Inspection
from eggwatch.model.sightings import Claim


@dataclass(slots=True, kw_only=True)
class InHand:
    """A claim on its way to a verdict; `key` is its normalised filename.

    `overdue`: unfinished, and has had all its time. `after`: the last serial when it was read, None if unknown.
    """

    claim: Claim
    key: str
    project: str = field(init=False)
    overdue: bool = False
    after: int | None = None
    scarce: frozenset[str] = frozenset()
    """What no other upload may be judged for in the same batch (`policy.admission.scarce`)."""
    inspection: Inspection | None = None
    done: bool = False
    touched: bool = False
    """The very file that was published, read again because a client has set its mode or times by name since."""

    def __post_init__(self) -> None:
        self.project = project_of(self.claim.filename)

    @property
    def intake(self) -> Intake:
        """How it has come."""
        return intake_of(self.claim)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one process has done so far: for `run --once` and for `status`."""

    published: int = 0
    known: int = 0
    refused: int = 0

    def counts(self) -> tuple[int, int, int]:
        """(published, known, refused) so far."""
        return self.published, self.known, self.refused
