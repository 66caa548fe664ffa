"""What metrics are made of: one index at one moment, frozen, so that other threads may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eggwatch.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An index `at` a moment (seconds since the epoch); `state` is that of `status`, None while it is down."""

    index: str
    at: float
    state: Status | None = None
    verdicts: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[tuple[str, str], int] = field(default_factory=dict)
    latencies: tuple[int, ...] = ()
    latency_total: float = 0.0

    def stamp(self) -> tuple[object, ...]:
        """What is different when something has happened."""
        known = self.state or Status()
        return (self.state is None, known.ready, known.serial, known.queue_length, sum(self.verdicts.values()))
