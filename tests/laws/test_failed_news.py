"""A notifier that fails is asked again, whether or not anything else happens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eggwatch.model.events import Entry
from eggwatch.notifiers.receipts import Receipts
from tests.archive_factory import sdist
from tests.laws.at_work import IndexAtWork


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
        deadline = time.monotonic() + 20
        while pipeline.news.next_due() is None:
            assert time.monotonic() < deadline
            pipeline.round(wait=0.05)
        assert not receipt.exists()
        due = pipeline.next_due()
        assert due is not None and due - time.monotonic() <= 2.0
        pipeline.announce()
        assert not receipt.exists(), "not before its time"
        assert "Too many open files" in pipeline.news.faults()["receipts"]
        again = pipeline.news.next_due()
        assert again is not None
        time.sleep(max(0.0, again - time.monotonic()))
        pipeline.announce()
        assert receipt.exists()
        assert pipeline.news.faults() == {}
        assert pipeline.news.next_due() is None
