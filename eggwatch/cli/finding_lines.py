"""What `verify` and `repair` found, a line a project; every page and archive with -v."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TypeVar

import click

from eggwatch.maintenance.verify import Discrepancy, DiscrepancyKind
from eggwatch.model.counting import counted

T = TypeVar("T")

TOGETHER = {
    DiscrepancyKind.PAGE: ("page", "are missing or differ from a fresh render"),
    DiscrepancyKind.ROTTEN: ("archive", "have other bytes than were published"),
    DiscrepancyKind.MISSING: ("archive", "are missing or can't be read"),
    DiscrepancyKind.METADATA: ("metadata file", "are missing or altered"),
    DiscrepancyKind.STRANGER: ("file", "are not known to the ledger"),
}
MOST_NAMES = 3

verbose_option = click.option("-v", "--verbose", is_flag=True, help="A line for every page and archive.")


def grouped(rows: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Rows of one key together, in the order in which the first of each came."""
    groups: dict[Hashable, list[T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def group_of(finding: Discrepancy) -> tuple[str, str, str]:
    """What is told in one line: of one folder, one sort, and one remedy."""
    return str(Path(finding.where).parent), str(finding.sort), finding.remedy


def line_of(findings: list[Discrepancy]) -> str:
    """Where it is and what is wrong: of one finding all that is known, of several how many."""
    first = findings[0]
    if len(findings) == 1 or first.sort not in TOGETHER:
        return f"{first.where}: {first.problem}"
    noun, what = TOGETHER[first.sort]
    names = [Path(one.where).name for one in findings[:MOST_NAMES]]
    more = f" and {len(findings) - MOST_NAMES} more" if len(findings) > MOST_NAMES else ""
    return f"{Path(first.where).parent}: {counted(len(findings), noun)} {what} ({', '.join(names)}{more})"
