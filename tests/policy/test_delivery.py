"""When news that could not be delivered are tried again, and when they are put aside."""

from __future__ import annotations

from eggwatch.policy.retries import PAUSES, Progress, gives_up, pause


def test_pauses_grow_with_each_failure_and_the_last_repeats() -> None:
    progress, pauses = Progress(cursor=3), []
    for second in range(8):
        progress = progress.failed("down", now=float(second))
        pauses.append(pause(progress))
    assert tuple(pauses[: len(PAUSES)]) == PAUSES
    assert pauses[-1] == PAUSES[-1]
    assert pause(Progress()) == 0.0


def test_an_outage_begins_with_its_first_failure_and_ends_with_a_success() -> None:
    progress = Progress(cursor=3).failed("down", now=10.0).failed("still", now=20.0)
    assert (progress.since, progress.error, progress.cursor) == (10.0, "still", 3)
    assert progress.told(4, now=30.0) == Progress(cursor=4, told_at=30.0)


def test_news_are_put_aside_when_the_outage_has_lasted_long_enough() -> None:
    progress = Progress().failed("down", now=100.0)
    assert not gives_up(progress, give_up_after=60.0, now=159.0)
    assert gives_up(progress, give_up_after=60.0, now=160.0)
    assert not gives_up(Progress(), give_up_after=0.0, now=1.0)


def test_what_is_put_aside_does_not_end_the_outage() -> None:
    progress = Progress(cursor=1, sending=2).failed("down", now=5.0).passed(2)
    assert (progress.cursor, progress.sending, progress.since) == (2, None, 5.0)


def test_an_outage_that_a_wrong_clock_has_begun_in_years_to_come_begins_when_the_clock_is_right() -> None:
    progress = Progress().failed("down", now=9000.0).failed("down", now=100.0)
    assert progress.since == 100.0
