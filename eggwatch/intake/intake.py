"""Where intakes differ, the ways in which archives come into an index: the pipeline asks here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from eggwatch.model.events import IMPORTER, Event, EventKind
from eggwatch.model.sightings import Claim
from eggwatch.policy.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One of these ways."""

    kind: EventKind
    """Of the event when an archive is taken."""
    has_uploader: bool
    """Whether an account has copied it here: it must be one that may, is told the verdict, which is counted among those
    on uploads, and the original is remembered and leaves. Else whoever takes the archive in sees to all this."""
    terms: Callable[[Terms], Terms]
    """On which of an index's terms it is judged."""
    events: Callable[[Event, Claim], list[Event]]
    """What is put on record of one that is taken, made from what is known of its bytes."""


def _recorded(event: Event, claim: Claim) -> list[Event]:
    """What was recorded where the archives were before, instead of what is known about the importing account."""
    known = claim.imported
    assert known is not None
    event = replace(event, uploader=known.uploader, uid=None, actor=IMPORTER, first_upload_time=known.upload_time)
    if known.yanked is None:
        return [event]
    return [event, replace(event, kind=EventKind.YANKED, reason=known.yanked or None, flaws=())]


UPLOAD = Intake(
    kind=EventKind.ADMITTED, has_uploader=True, terms=lambda terms: terms, events=lambda event, claim: [event]
)
STOCK = Intake(kind=EventKind.IMPORTED, has_uploader=False, terms=Terms.for_stock, events=_recorded)


def intake_of(claim: Claim) -> Intake:
    """How an archive has come; what an import has left unfinished is still a stock's, whoever finishes it."""
    return UPLOAD if claim.imported is None else STOCK
