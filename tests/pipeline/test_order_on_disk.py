"""In which order the stages of one upload change the disk."""

from __future__ import annotations

from pathlib import Path

from eggwatch.store import durable
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork

Steps = list[tuple[str, str]]


def steps_of_an_upload(work: IndexAtWork) -> Steps:
    """(operation, path) of what one upload changes."""
    steps: Steps = []
    with durable.observed(lambda operation, subject: steps.append((operation, subject))):
        work.upload(*wheel())
    return steps


def test_a_claim_lasts_before_anything_is_linked_from_it(tmp_path: Path) -> None:
    """Else a power cut could leave a published archive of which nobody knows whose it is."""
    with IndexAtWork(tmp_path) as work:
        steps = steps_of_an_upload(work)
        claim, files = str(work.config.public / ".eggwatch"), str(work.config.public / "files")
        linked = next(place for place, (operation, path) in enumerate(steps) if operation == "link" and files in path)
        assert ("sync", claim) in steps[:linked]
        assert not any(operation == "write" and path.endswith(".bytes") for operation, path in steps[linked:])


def test_how_far_notifiers_are_is_written_once_for_uploads_of_a_moment(tmp_path: Path) -> None:
    """And when the index is closed at the latest, so that nobody is told again."""
    with IndexAtWork(tmp_path) as work:
        assert work.index is not None
        for number in range(3):
            work.put(*wheel(f"demo-{number}"))
        steps: Steps = []
        with durable.observed(lambda operation, subject: steps.append((operation, subject))):
            work.work()
            work.close()
        kept = [path for operation, path in steps if operation == "rename" and path.endswith("news/daemon.json")]
        assert len(kept) == 1
        work.open()
        assert work.index is not None
        cursors = work.index.pipeline.components.cursors
        assert {cursors.cursor(name) for name in ("receipts", "journal")} == {3}
