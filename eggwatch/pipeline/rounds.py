"""One round over everything, for commands: the pipeline runs until nothing is left but what waits for uploaders."""

from __future__ import annotations

import math
import time
from typing import Any

from eggwatch.pipeline.pipeline import Pipeline


def horizon(pipeline: Pipeline) -> float:
    """Seconds for which a single round waits, once and for all files together: originals linger so long."""
    patience = pipeline.config.patience
    return max(patience.linger, patience.quiet if pipeline.uploads.unproven else 0.0) + 0.5


def run_until_rest(pipeline: Pipeline) -> None:
    """Work until every upload has its verdict or waits for more than this process can wait for."""
    pipeline.recover()
    pipeline.round()
    deadline = None  # it counts from when all work is done first, however long that takes on a busy machine
    while True:
        if not pipeline.is_working():
            deadline = deadline or time.monotonic() + horizon(pipeline)
            due = pipeline.next_due()
            if due is None or due > deadline or time.monotonic() > deadline + 1:
                break
            time.sleep(max(0.0, min(due - time.monotonic(), 0.25)))
        pipeline.round(set(), wait=0.05)
    pipeline.finish(site_seconds=math.inf)
    pipeline.publish([])  # files go that pages of the site have led to until now
    pipeline.housekeeping.tidy(pipeline.config.keep_rejected, pipeline.config.keep_aside, now=time.time())


def summary(pipeline: Pipeline, *, since: tuple[int, int, int] = (0, 0, 0)) -> dict[str, Any]:
    """What became of the files, for `run --once`; `since` are (published, known, refused) of before."""
    tally = pipeline.tally
    unfinished = pipeline.uploads.unfinished()
    return {
        "published": tally.published - since[0],
        "known": tally.known - since[1],
        "refused": tally.refused - since[2],
        "unfinished": unfinished,
        "faults": dict(pipeline.uploads.faults),
    }
