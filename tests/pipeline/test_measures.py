"""What one process counts of its work."""

from __future__ import annotations

import pytest

from eggwatch.model.events import Event, EventKind, timestamp
from eggwatch.model.sightings import Claim, Identity, Imported
from eggwatch.model.verdicts import Admit, Defer, Flaw, Level, Reject, Verdict
from eggwatch.pipeline.admit import Batch
from eggwatch.pipeline.in_hand import InHand
from eggwatch.pipeline.measures import BOUNDS, Measures

NOW = 1_800_000_000.0
WARNING = Flaw(code="summary-too-long", subject="METADATA", message="It is long.", level=Level.WARN)
REFUSAL = Flaw(code="incomplete", subject="demo", message="It ends.")


def hand(name: str, *, at: float = NOW, imported: Imported | None = None) -> InHand:
    """An upload whose copy was made at a moment."""
    identity = Identity(dev=1, ino=1, size=1, mtime_ns=1, ctime_ns=1)
    filename = f"{name}-1.0.tar.gz"
    claim = Claim(
        number=1, path=f"folder/{filename}", filename=filename, identity=identity, sha256="0", size=1, uid=0,
        uploader="root", at=timestamp(at), imported=imported,
    )  # fmt: skip
    return InHand(claim=claim, key=filename)


def committed(*hands: InHand) -> Batch:
    """A batch in which these were admitted."""
    events = [Event(kind=EventKind.ADMITTED, at=timestamp(NOW), path=one.claim.path) for one in hands]
    return Batch(next_serial=1, events=events)


def test_the_latency_of_a_publication_ends_with_its_page() -> None:
    """Counted for each upload when its project's page is visible, once, and never below 0."""
    measures, one, two = Measures(), hand("demo", at=NOW - 3), hand("Demo", at=NOW + 60)
    measures.judged([(one, Admit()), (two, Admit())], committed(one, two))
    measures.shown(["other"], now=NOW)
    assert measures.latencies.last is None
    measures.shown(["demo"], now=NOW)
    measures.shown(["demo"], now=NOW + 100)
    assert (sum(measures.latencies.counts), measures.latencies.total) == (2, pytest.approx(3.0))
    assert measures.latencies.counts[BOUNDS.index(5.0)] == 1
    assert measures.latencies.counts[0] == 1


def test_verdicts_and_flaws_are_counted() -> None:
    """Warnings of what is published, too, with their level."""
    measures, good = Measures(), hand("good")
    verdicts: list[tuple[InHand, Verdict]] = [
        (good, Admit(warnings=(WARNING,))),
        (hand("bad"), Reject(flaws=(REFUSAL, WARNING))),
        (hand("cut"), Defer(reason="its end is missing")),
    ]
    measures.judged(verdicts, committed(good))
    assert measures.verdicts == {"admit": 1, "known": 0, "defer": 1, "reject": 1, "hold": 0}
    assert measures.flaws == {("summary-too-long", "warn"): 2, ("incomplete", "refuse"): 1}


def test_what_was_admitted_but_could_not_be_linked_is_held() -> None:
    """Another file lies in its place: no publication, and no latency of one."""
    measures = Measures()
    measures.judged([(hand("demo"), Admit())], committed())
    measures.shown(["demo"], now=NOW)
    assert (measures.verdicts["hold"], measures.verdicts["admit"], measures.latencies.last) == (1, 0, None)


def test_a_stock_that_is_imported_is_not_counted() -> None:
    """Nobody waits for it."""
    measures, one = Measures(), hand("demo", imported=Imported(upload_time=timestamp(NOW)))
    measures.judged([(one, Admit())], committed(one))
    assert sum(measures.verdicts.values()) == 0
