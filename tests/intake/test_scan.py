"""The scan: of everything, and of folders that have come."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from eggwatch.intake import scan as scanning
from eggwatch.intake.scan import Scan
from eggwatch.store.drop.folder import Drop, Survey


def paths_of(survey: Survey) -> list[str]:
    return [found.path for found in survey.uploads]


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    """Of a drop folder with files beside and below."""
    for path in (
        "a-1.0.tar.gz",
        "team/deep/b-1.0.tar.gz",
        "team/c-1.0.tar.gz",
        "receipts/d-1.0.tar.gz",
        ".x/e-1.0.tar.gz",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return Scan(Drop(tmp_path, ("sdist",)))


@pytest.mark.parametrize(
    ("folder", "uploads"),
    [
        ("team", ["team/c-1.0.tar.gz", "team/deep/b-1.0.tar.gz"]),
        ("team/deep", ["team/deep/b-1.0.tar.gz"]),
        ("receipts", []),
        (".x", []),
        ("gone", []),
        ("gone/deep", []),
        ("a-1.0.tar.gz", []),
    ],
)
def test_a_folder_that_has_come_is_looked_at_alone(scan: Scan, folder: str, uploads: list[str]) -> None:
    """With all that is below it, and nothing is said of the rest."""
    scan.begin_below(folder)
    assert bool(scan)
    seen = scan.portion()
    assert paths_of(seen) == uploads and not seen.complete
    assert not scan and scan.whole() is None


def test_a_folder_that_has_come_does_not_wait_for_a_long_scan(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the whole scan says at its end holds for it too."""
    monkeypatch.setattr(scanning, "AT_LEAST", 1)
    monkeypatch.setattr(scanning, "SECONDS", 0.0)
    scan.begin()
    scan.portion()
    scan.begin_below("team/deep")
    assert paths_of(scan.portion()) == ["team/deep/b-1.0.tar.gz"]
    while scan:
        scan.portion()
    whole = scan.whole()
    assert whole is not None and "team/deep/b-1.0.tar.gz" in whole.elsewhere
    assert {"a-1.0.tar.gz", "team/c-1.0.tar.gz"} <= set(paths_of(whole))


def test_scans_rest_for_as_long_as_they_cost(scan: Scan) -> None:
    """However often one is asked for: without end while one is under way, then so many times its cost."""
    assert scan.rests_until(10) <= time.monotonic()
    with scan.counted():
        scan.begin()
        assert scan.rests_until(10) == math.inf
        scan.portion()
        sum(range(500_000))
    assert scan.cost > 0
    ended = scan.rests_until(0)
    assert scan.rests_until(10) == pytest.approx(ended + 10 * scan.cost)
