"""What one process counts of its work: for `status` and for metrics. No library is needed for it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from eggwatch.model.events import EventKind, seconds_of
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.sightings import Claim
from eggwatch.model.status import Status
from eggwatch.model.verdicts import Admit, Defer, Reject, Verdict, VerdictWord
from eggwatch.pipeline.admit import Batch
from eggwatch.pipeline.in_hand import InHand

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper ends of the histogram's buckets, in seconds."""


class Latencies:
    """A histogram of seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self.last: float | None = None

    def add(self, seconds: float) -> None:
        """One more; a clock that was set back makes it 0."""
        seconds = max(seconds, 0.0)
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        self.last = seconds


class Measures:
    """Verdicts, flaws, and how long it took from the claim of a finished upload to its page."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter(dict.fromkeys(VerdictWord, 0))
        self.flaws: Counter[tuple[str, str]] = Counter()
        """By (code, level)."""
        self.latencies = Latencies()
        self._unseen: dict[str, list[float]] = {}

    def judged(self, verdicts: Iterable[tuple[InHand, Verdict]], batch: Batch) -> None:
        """Count a committed batch, without imported archives."""
        committed = {event.path for event in batch.events if event.kind is EventKind.ADMITTED}
        self.verdicts[VerdictWord.KNOWN] += len(batch.known)
        for hand, verdict in verdicts:
            if hand.intake.has_uploader:
                self._count(hand.claim, verdict, committed=hand.claim.path in committed)

    def _count(self, claim: Claim, verdict: Verdict, *, committed: bool) -> None:
        if isinstance(verdict, Admit):
            self.verdicts[VerdictWord.ADMIT if committed else VerdictWord.HOLD] += 1
            self._count_flaws(verdict)
            filename = parse_filename(claim.filename)
            if committed and isinstance(filename, Filename):
                self._unseen.setdefault(filename.project, []).append(seconds_of(claim.at))
        elif isinstance(verdict, Reject):
            self.verdicts[VerdictWord.REJECT] += 1
            self._count_flaws(verdict)
        elif isinstance(verdict, Defer):
            self.verdicts[VerdictWord.DEFER] += 1

    def _count_flaws(self, verdict: Admit | Reject) -> None:
        flaws = verdict.warnings if isinstance(verdict, Admit) else verdict.flaws
        self.flaws.update((flaw.code, str(flaw.level)) for flaw in flaws)

    def held(self) -> None:
        """A bug of ours met an upload."""
        self.verdicts[VerdictWord.HOLD] += 1

    def shown(self, projects: Iterable[str], *, now: float) -> None:
        """The pages of some projects are visible; `now` in seconds since the epoch."""
        for project in projects:
            for claimed in self._unseen.pop(project, ()):
                self.latencies.add(now - claimed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An index `at` a moment (seconds since the epoch); `state` is that of `status`, None while it is down.

    It is what metrics are made of, and frozen, so that other threads may read it.
    """

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
