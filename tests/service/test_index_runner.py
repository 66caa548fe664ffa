"""One index in the daemon: how often it looks at everything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from eggwatch.service.index_runner import BLIND_SCAN, IDLE_REST, REST, IndexRunner


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
