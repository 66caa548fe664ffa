"""A backup killed at any of its changes of the disk: the next run goes on, and what lies there is never half a file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.errors import LedgerError
from eggwatch.maintenance import backup
from eggwatch.maintenance.backup import Backup
from eggwatch.maintenance.rebuild import rebuild
from eggwatch.store import durable
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork, quick_folder
from tests.laws.killing import killed


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory; new files get their names two by two."""
    monkeypatch.setattr(backup, "GROUP", 2)
    with quick_folder() as folder:
        yield folder


def sound_files(kept: Path) -> dict[str, bytes]:
    """Everything that the backup's ledger names as published lies there, with the bytes that it names."""
    path = kept / "state/ledger.jsonl"
    lines = (
        [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")] if path.exists() else []
    )
    files = {}
    for event in map(json.loads, lines):
        if event["event"] == "removed":
            files.pop(event["filename"], None)
        elif event["event"] == "admitted":
            files[event["filename"]] = (event["project"], event["sha256"])
    found = {name: (kept / "public/files" / project / name).read_bytes() for name, (project, _) in files.items()}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in found.items()} == {
        name: sha256 for name, (_, sha256) in files.items()
    }
    return found


@pytest.mark.long
@pytest.mark.parametrize("first", [True, False])
def test_a_backup_goes_on_after_a_kill_at_any_step(base: Path, first: bool) -> None:
    """The first and a later one; at every moment what its ledger names is whole, and the next run ends as one alone."""
    kept, moment = base / "kept", 0
    with IndexAtWork(base / "site") as site:
        site.upload(*wheel("alpha", "1.0"))
        site.upload(*sdist("beta", "1.0"))
        if not first:
            Backup(site.config, kept).run()
            site.order("remove", "beta")
        for number in range(3):
            site.upload(*wheel("gamma", f"1.{number}"))
    config, begun = site.config, base / "begun"
    if not first:
        shutil.copytree(kept, begun)
    while True:
        shutil.rmtree(kept, ignore_errors=True)
        if not first:
            shutil.copytree(begun, kept)
        if not killed(lambda: Backup(config, kept).run(), moment):
            break
        sound_files(kept)
        report = Backup(config, kept).run()
        assert (report.damaged, report.files) == ([], len(sound_files(kept))), moment
        assert list((kept / "new").iterdir()) == []
        moment += 1
    assert moment > 20


def test_a_name_is_given_only_to_bytes_that_last(base: Path) -> None:
    """Each new file is synced before it is renamed."""
    with IndexAtWork(base / "site") as site:
        for number in range(5):
            site.upload(*wheel("gamma", f"1.{number}"))
    seen: list[str] = []
    with durable.observed(lambda operation, subject: seen.append(f"{operation} {subject}")):
        Backup(site.config, base / "kept").run()
    unsynced = 0
    for line in seen:
        if line.startswith("write ") and "/new/" in line:
            unsynced += 1
        elif line.startswith("sync "):
            unsynced = 0
        elif line.startswith("rename ") and "/public/files/" in line:
            assert unsynced == 0, seen


def test_a_ledger_that_is_replaced_meanwhile_is_not_mixed_with_that_of_the_backup(base: Path) -> None:
    """As by `rebuild`: the backup stays as it was before."""
    kept = base / "kept"
    with IndexAtWork(base / "site") as site:
        site.upload(*wheel("alpha", "1.0"))
        Backup(site.config, kept).run()
        site.upload(*sdist("beta", "1.0"))
    before = (kept / "state/ledger.jsonl").read_bytes()

    def replaced(_: str) -> None:
        if site.config.ledger.exists():
            site.config.ledger.unlink()
            rebuild(site.config)

    with pytest.raises(LedgerError, match="replaced"):
        Backup(site.config, kept, progress=replaced).run()
    assert (kept / "state/ledger.jsonl").read_bytes() == before
    assert sound_files(kept).keys() == {wheel("alpha", "1.0")[0]}
