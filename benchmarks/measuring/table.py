"""The rows of the table, and in what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = f"{'what':46} {'ours':>12} {'beside it':>12} {'ratio':>7}  wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured; of eggwatch, and in the same run of what it is held against, where there is such a thing."""

    what: str
    ours: float
    unit: str
    beside: float | None = None
    wanted: str = ""

    def __str__(self) -> str:
        beside = "" if self.beside is None else f"{self.beside:.1f} {self.unit}"
        ratio = "" if not self.beside else f"{self.ours / self.beside:.2f}"
        return f"{self.what:46} {f'{self.ours:.1f} {self.unit}':>12} {beside:>12} {ratio:>7}  {self.wanted}".rstrip()


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which that part of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
