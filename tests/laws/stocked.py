"""A program for test_cost: stock an index with synthetic archives, then publish a few uploads, each between two marks.

Run as `python -m tests.laws.stocked FOLDER ARCHIVES fill` and then `… work`, the latter under strace: a mark is
an access(2) of a path below /mark/, and the numbers of SQLite's steps are printed as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.events import Event, EventKind, timestamp
from eggwatch.model.releases import newest
from eggwatch.pipeline.root_pages import RenderedRoot
from eggwatch.policy.retries import Progress
from eggwatch.policy.settling import Patience
from eggwatch.writer.index import Index, open_index
from tests import archive_factory
from tests.laws.at_work import InlineInspectors

A_PROJECT = 10
"""Archives of one project in the stock."""
UPLOADS = 6
A_WHILE = 10.0
"""Seconds from one upload to the next: what is due once a second or so is due at each."""
START = 1_700_000_000.0


def configuration(base: Path) -> IndexConfig:
    """Three folders, and originals that stay for the time of the test."""
    return IndexConfig(
        name="main",
        drop=base / "drop",
        public=base / "public",
        state=base / "state",
        patience=Patience(linger=3600.0),
        min_free=0,
    )


def synthetic(number: int, in_project: int) -> Event:
    """An event as an upload of the project's nth file would have made it."""
    project, version = f"stock-{number // in_project:05}", f"1.{number % in_project}"
    return Event(
        kind=EventKind.ADMITTED,
        at=timestamp(START + number),
        project=project,
        version=version,
        filename=f"{project.replace('-', '_')}-{version}-py3-none-any.whl",
        sha256=f"{number:064x}",
        size=1000 + number,
        uploader="alice",
        uid=1000,
        name=project,
        requires_python=">=3.11",
        metadata_sha256=f"{number:064x}",
        path="x",
    )


def fill(base: Path, archives: int, *, in_project: int = A_PROJECT) -> None:
    """Commit `archives` events, and note their pages as published."""
    config = configuration(base)
    config.drop.mkdir(parents=True)
    index = open_index(config)
    components = index.pipeline.components
    for start in range(0, archives, 1000):
        entries = components.ledger.append(
            [synthetic(number, in_project) for number in range(start, min(start + 1000, archives))]
        )
        components.catalog.apply(entries)
    listings = [
        listing for project in components.catalog.projects() if (listing := components.catalog.listing(project))
    ]
    components.catalog.mark_published((listing, *(newest(listing) or (None, None))) for listing in listings)
    components.cursors.keep({"receipts": Progress(cursor=components.ledger.end.serial)})
    index.pipeline.finish(site_seconds=0)
    index.close()


class NoRenderer:
    """Front pages and site are rendered in a process of their own, and are no part of this."""

    def begin(self, known_projects: int) -> None:
        """Never done."""

    def begin_root(self, known_projects: int) -> None:
        """Never done."""

    def begin_site(self, projects: list[str]) -> None:
        """Never done."""

    def result(self, timeout: float) -> RenderedRoot | None:
        """Never done."""
        return None

    def channel(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Nothing to end."""


def work(base: Path) -> None:
    """Publish a few uploads of one new project.

    The clock stands still while a round is counted: a part of the work has turns of a few milliseconds, and another is
    due once a second, so that on a busy machine it would be left to a later round, or done in an earlier one.
    """
    with mock.patch("time.monotonic", return_value=time.monotonic()) as clock:
        index = open_index(configuration(base), renderer=lambda *_: NoRenderer(), inspectors=InlineInspectors)
        index.pipeline.recover()
        index.pipeline.round()
        print(json.dumps(list(_steps_of_uploads(index, base, clock))))
        index.abandon()


def _steps_of_uploads(index: Index, base: Path, clock: mock.Mock) -> Iterator[int]:
    """SQLite's steps for each upload."""
    database, steps = index.pipeline.components.catalog._db, [0]
    database.set_progress_handler(lambda: _count(steps), 1)
    for number in range(UPLOADS):
        name, data = archive_factory.wheel("fresh", f"1.{number}")
        (base / "drop" / name).write_bytes(data)
        clock.return_value += A_WHILE
        before = steps[0]
        os.access(f"/mark/begin/{number}", os.F_OK)
        index.pipeline.round({name})
        os.access(f"/mark/end/{number}", os.F_OK)
        assert name in (base / "public/simple/fresh/index.v1_json").read_text()
        yield steps[0] - before
    database.set_progress_handler(None, 0)


def _count(steps: list[int]) -> int:
    steps[0] += 1
    return 0


if __name__ == "__main__":
    if sys.argv[3] == "fill":
        fill(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        work(Path(sys.argv[1]))
