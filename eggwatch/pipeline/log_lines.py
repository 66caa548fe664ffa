"""What the stages say of a file in their one log line."""

from __future__ import annotations

from eggwatch.model.archives import Inspection
from eggwatch.model.names import shown
from eggwatch.model.releases import ProjectListing
from eggwatch.model.verdicts import Admit, Defer, Known, Leave, Verdict


def found_in(inspection: Inspection | None) -> str:
    """What an inspector has found."""
    if inspection is None:
        return "nothing"
    if inspection.incomplete is not None:
        return f"unfinished: {shown(inspection.incomplete)}"
    return f"flaws: {', '.join(flaw.code for flaw in inspection.flaws)}" if inspection.flaws else "whole"


def said(verdict: Verdict) -> str:
    """What a verdict comes to."""
    if isinstance(verdict, Admit):
        return "admit"
    if isinstance(verdict, Known):
        return f"known, the same bytes since serial {verdict.serial}"
    if isinstance(verdict, Defer):
        return f"defer, {shown(verdict.reason)}"
    if isinstance(verdict, Leave):
        return f"leave, the same bytes were removed at {verdict.removed_at}"
    return f"reject, {'; '.join(flaw.code for flaw in verdict.flaws)}"


def names(listings: list[ProjectListing]) -> str:
    """A few projects, and how many more."""
    names = [listing.project for listing in listings]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def crowded(count: int, drop: str) -> str:
    """The warning over a stock that was put into the drop folder."""
    return (
        f"{count} archives are in {drop}: each is published as a new upload of its owner, with a receipt. To add many "
        "existing archives faster and keep their upload times, use 'eggwatch import DIR' with a folder of their own"
    )
