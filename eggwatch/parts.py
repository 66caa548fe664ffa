"""What a pipeline is made of; `assembly` chooses the pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment

from eggwatch.front import Front
from eggwatch.model.archives import Inspection
from eggwatch.model.sightings import Claim
from eggwatch.notifiers import Notifier
from eggwatch.notifiers.receipts import Receipts
from eggwatch.store.answers import Answers
from eggwatch.store.catalog import Catalog
from eggwatch.store.drop import Drop
from eggwatch.store.ledger import Ledger
from eggwatch.store.pool import Pool
from eggwatch.store.spool import Spool
from eggwatch.targets import Target
from eggwatch.workers import Inspectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The collaborators of one index; `now` gives seconds since the epoch.

    `rules_url` is where uploaders read the rules, None where nobody knows.
    """

    drop: Drop
    spool: Spool
    pool: Pool
    ledger: Ledger
    catalog: Catalog
    answers: Answers
    target: Target
    templates: Environment
    front: Front
    inspectors: Inspectors
    receipts: Receipts
    notifiers: Sequence[Notifier]
    now: Callable[[], float]
    rules_url: str | None = None


@dataclass(slots=True, kw_only=True)
class InHand:
    """A claim on its way to a verdict; `key` is its normalised filename.

    `overdue`: unfinished, and has had all its time. `after`: the last serial when it was read, None if unknown.
    """

    claim: Claim
    key: str
    overdue: bool = False
    after: int | None = None
    scarce: frozenset[str] = frozenset()
    """What no other upload may be judged for in the same batch (`policy.admission.scarce`)."""
    inspection: Inspection | None = None
    done: bool = False
    touched: bool = False
    """The very file that was published, read again because a client has set its mode or times by name since."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one process has done so far: for `run --once` and for `status`."""

    published: int = 0
    known: int = 0
    refused: int = 0
    refusals: list[tuple[str, str]] = field(default_factory=list)

    def counts(self) -> tuple[int, int, int]:
        """(published, known, refused) so far."""
        return self.published, self.known, self.refused
