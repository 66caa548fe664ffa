"""The queue of uploads without a verdict."""

from __future__ import annotations

from eggwatch.model.queue import MOST_SHOWN, Queued, Stage, queue_of


def queued(path: str, stage: Stage, since: float = 0.0) -> Queued:
    """One upload."""
    return Queued(path=path, stage=stage, since=since, reason="")


def test_the_oldest_upload_is_one_that_could_be_published() -> None:
    """An unfinished one may wait for days, and that is nobody's fault but its uploader's."""
    unfinished = queued("a", Stage.UNFINISHED, 1.0)
    queue = queue_of([unfinished, queued("b", Stage.WAITING, 3.0), queued("c", Stage.IN_HAND, 2.0)])
    assert (len(queue), queue.oldest) == (3, 2.0)
    assert queue.counts == {Stage.UNFINISHED: 1, Stage.WAITING: 1, Stage.IN_HAND: 1}
    assert queue_of([unfinished]).oldest is None


def test_the_first_thousand_are_named_by_their_paths_and_all_are_counted() -> None:
    uploads = [queued(f"{number:05}", Stage.WAITING) for number in reversed(range(MOST_SHOWN + 1))]
    queue = queue_of(uploads)
    assert [one.path for one in queue.rows] == [f"{number:05}" for number in range(MOST_SHOWN)]
    assert len(queue) == MOST_SHOWN + 1
