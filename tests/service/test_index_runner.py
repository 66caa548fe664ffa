"""One index in the daemon: how often it looks at everything, and how it starts again after an error."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from eggwatch.config.settings import Site
from eggwatch.errors import FolderError
from eggwatch.service import index_runner
from eggwatch.service.index_runner import BLIND_SCAN, IDLE_REST, REST, IndexRunner
from eggwatch.service.watcher import Bell
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork


@pytest.mark.parametrize(
    ("blind", "cost", "pause"),
    [
        (False, 0.001, 30.0),
        (False, 6.0, 6.0 * IDLE_REST),
        (True, 0.001, BLIND_SCAN),
        (True, 6.0, 6.0 * REST),
    ],
)
def test_a_large_drop_folder_is_scanned_less_often(blind: bool, cost: float, pause: float) -> None:
    """`scan` is the shortest pause: scans take a few hundredths of the time, a tenth where there is nothing else."""
    pipeline = SimpleNamespace(uploads=SimpleNamespace(unwatched=blind, faults={}), scan=SimpleNamespace(cost=cost))
    runner: Any = mock.Mock(index=SimpleNamespace(pipeline=pipeline), config=SimpleNamespace(scan=30.0))
    runner.watcher.is_blind.return_value = False
    assert IndexRunner._scan_pause(runner) == pause


def test_an_error_that_comes_back_in_each_round_is_met_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that comes later than the first round, as of the site: the pauses grow, and so the log does not."""
    monkeypatch.setattr(index_runner, "PAUSES", (0.0, 0.01, 60.0))
    work = IndexAtWork(tmp_path, site=Site())
    work.put(*wheel("demo", "1.0"))
    work.config.public.mkdir()
    (work.config.public / "project").write_text("in the way of a folder")
    with closing(Bell()) as bell:
        runner = IndexRunner(work.config, bell, lambda: None)
        runner.open()
        pauses: list[str] = []
        while len(pauses) < 3:
            runner.beat()
            pauses = re.findall(r"retrying in (\S+) s", caplog.text)
            time.sleep(0.01)
        runner.close()
    assert pauses == ["0", "0.01", "60"]


def test_an_error_and_its_remedy_are_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of several indexes, one that can't be opened; the line feed between the two was logged as \\x0a."""
    work = IndexAtWork(tmp_path)
    with closing(Bell()) as bell:
        runner = IndexRunner(work.config, bell, lambda: None)
        runner.fail(str(FolderError("It can't be opened.", remedy="Run it as its owner.")))
        runner.close()
    assert "It can't be opened. Run it as its owner; retrying in 1 s" in caplog.text
