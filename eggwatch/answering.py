"""What uploaders are told of files that get no verdict: of another kind, misnamed, out of reach, or unfinished."""

from __future__ import annotations

from eggwatch.announcing import News
from eggwatch.model.sightings import Sighting
from eggwatch.policy import settling
from eggwatch.sights import Sights
from eggwatch.store.drop import Drop, Found, Survey


def answer_strangers(survey: Survey, drop: Drop, sights: Sights, news: News) -> None:
    """Say, once each, why packages are not taken as they are, and which folders can't be entered."""
    for found in sights.strangers(survey):
        _answer_stranger(found, drop, sights, news)
    for path in sights.newly_closed(survey):
        news.not_taken(path, survey.unreadable[path])


def _answer_stranger(found: Found, drop: Drop, sights: Sights, news: News) -> None:
    """Whether its name or what is in it tells that it is a package."""
    if settling.is_foreign_package(found.name):
        news.not_taken(found.path, settling.remark_on(found.name) or "")
    elif remark := settling.remark_on_contents(found.name, *drop.ends_of(found)):
        sights.is_misnamed(found, remark)
        news.not_taken(found.path, remark)


def answer_unfinished(sighting: Sighting, sights: Sights, news: News, patience: settling.Patience) -> None:
    """Say once that the end is missing, and until when it is waited for.

    By the file's own time, so that another process comes to the same answer.
    """
    why = sights.newly_unfinished(sighting)
    if why is not None:
        since = sighting.identity.ctime_ns / 1e9
        news.unfinished(sighting.path, why, since=since, until=since + patience.unfinished_after)
