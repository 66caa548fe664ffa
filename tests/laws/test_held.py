"""What meets a fault of our own is held: told once to its uploader, in the log and by status; nothing else waits."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from eggwatch.inspection.worker import Result
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, InlineInspectors

BAD, GOOD = wheel("bad"), wheel("good")


class Failing(InlineInspectors):
    """Inspectors with a bug that one file meets."""

    def submit(self, job: Any) -> None:
        """Fail over that file alone."""
        if job.filename == BAD[0]:
            self._results.append(Result(number=job.number, trouble="Traceback:\nIndexError: a bug of ours"))
        else:
            super().submit(job)


@pytest.mark.parametrize("place", ["inspector", "pool"])
def test_a_held_upload_has_a_receipt_that_is_written_once(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Rounds and starts later it is the same file; what was uploaded after it is published."""
    caplog.set_level(logging.ERROR)
    site = IndexAtWork(tmp_path, inspectors=Failing if place == "inspector" else InlineInspectors)
    receipt = tmp_path / "drop" / "receipts" / f"{BAD[0]}.txt"
    with site:
        site.upload(*GOOD)
        if place == "pool":
            (tmp_path / "public" / "files" / "bad").mkdir()
            (tmp_path / "public" / "files" / "bad" / BAD[0]).write_bytes(b"of somebody else")
        site.upload(*BAD)
        site.upload(*wheel("last"))
        assert receipt.read_text().startswith(f"{BAD[0]}: HELD, it is not in the index yet\n")
        assert site.lying() == [BAD[0]] and site.files("good") and site.files("last")
        assert site.index is not None
        (reason,) = [row.reason for row in site.index.pipeline.uploads.waiting()]
        assert reason.startswith("held: ") and reason.endswith("; to have it checked again, touch it")
        before = receipt.stat()
        site.work()
    with site:
        site.work()
    after = receipt.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert caplog.text.count(": held") == 1
    if place == "inspector":
        os.utime(tmp_path / "drop" / BAD[0])
        with IndexAtWork(tmp_path) as mended:
            mended.work()
            assert mended.files("bad") and not mended.lying()
