"""A notifier that fails is asked again, whether or not anything else happens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eggwatch.model.events import Entry, Event, EventKind, timestamp
from eggwatch.notifiers.receipts import Receipts
from eggwatch.pipeline.announce import DelayedRefusals
from tests.archive_factory import sdist
from tests.laws.at_work import IndexAtWork
from tests.running import until


def test_a_receipt_that_could_not_be_written_is_soon_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon sleeps until then, and not until the next scan."""
    tell, failures = Receipts.tell, iter([OSError(24, "Too many open files")])

    def failing(self: Receipts, entry: Entry) -> None:
        for error in failures:
            raise error
        tell(self, entry)

    monkeypatch.setattr(Receipts, "tell", failing)
    with IndexAtWork(tmp_path) as work:
        name, data = sdist()
        (work.config.drop / name).write_bytes(data)
        receipt = work.config.drop / "receipts" / f"{name}.txt"
        assert work.index is not None
        pipeline = work.index.pipeline
        until("it is due", lambda: pipeline.round(wait=0.05) or pipeline.news.next_due() is not None)
        assert not receipt.exists()
        due, again = pipeline.next_due(), pipeline.news.next_due()
        assert due is not None and due - time.monotonic() <= 2.0
        assert again is not None and "Too many open files" in pipeline.news.faults()["receipts"]
        pipeline.announce()
        assert time.monotonic() >= again or not receipt.exists(), "not before its time"
        until("its time", lambda: time.monotonic() >= again)
        pipeline.announce()
        assert receipt.exists()
        assert pipeline.news.faults() == {}
        assert pipeline.news.next_due() is None


def test_the_daemon_sleeps_while_a_rejection_can_not_be_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its original has left, so that it could be: the next moment is that at which the notifier is asked again."""

    def failing(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Receipts, "tell", failing)
    with IndexAtWork(tmp_path) as work:
        work.put("broken-1.0.tar.gz", b"no archive")
        assert work.index is not None
        pipeline = work.index.pipeline
        until("the attempt", lambda: pipeline.round(wait=0.05) or pipeline.news.faults())
        assert work.lying() == []
        due = pipeline.news.next_due()
        assert due is not None and due > time.monotonic()


def test_the_daemon_sleeps_while_a_rejection_waits_for_one_before_it() -> None:
    """Somebody has the original of the first one open."""
    refusals = DelayedRefusals([], lying=())
    first, second = (rejected(serial) for serial in (1, 2))
    refusals.add(first)
    due = refusals.next_due()
    refusals.add(second)
    refusals.release(second.serial)
    assert refusals.may_tell(second.serial) and not refusals.may_tell(first.serial)
    assert refusals.next_due() == due


def rejected(serial: int) -> Entry:
    """The rejection of a file."""
    event = Event(kind=EventKind.REJECTED, at=timestamp(serial), filename=f"broken-{serial}.0.tar.gz")
    return Entry(serial=serial, event=event, offset=0, length=0, sha256="")
