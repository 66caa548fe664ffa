"""What uploaders are told of files that get no verdict: of another kind, misnamed, out of reach, or unfinished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from eggwatch.intake.uploads import Uploads
from eggwatch.model.sightings import Identity, Sighting
from eggwatch.pipeline.announce import News
from eggwatch.pipeline.components import Components
from eggwatch.policy import settling
from eggwatch.store.drop.folder import Drop, Found, Survey


def answer_strangers(survey: Survey, components: Components, uploads: Uploads, news: News) -> None:
    """Say, once each, why packages are not taken as they are, and which folders can't be entered."""
    told = []
    for found, remark in _remarks(survey, components.drop, uploads):
        if remark is None:
            uploads.answered.passed(found)
        else:
            told.append(uploads.told(found, remark.replace("\n", " ")))
            news.not_taken(found.path, remark)
    if told:
        components.catalog.remember(told)


def _remarks(survey: Survey, drop: Drop, uploads: Uploads) -> Iterator[tuple[Found, str | None]]:
    """What may be a package that is not taken as it is, and folders; one after the other, as long as there is room."""
    for found in survey.others:
        is_one = settling.is_foreign_package(found.name) or settling.may_be_misnamed(found.name)
        if is_one and uploads.answered.is_due(found):
            yield found, _remark_on(found, drop)
    for found in map(_folder, survey.closed):
        if uploads.answered.is_due(found):
            yield found, survey.unreadable[found.path]


def _remark_on(found: Found, drop: Drop) -> str | None:
    """What its name or what is in it tells of a package; None if it is none."""
    if settling.is_foreign_package(found.name):
        return settling.remark_on(found.name)
    return settling.remark_on_contents(found.name, *drop.ends_of(found))


def _folder(found: Found) -> Found:
    """A folder by its inode alone: what is put into it is no news."""
    same = Identity(dev=found.identity.dev, ino=found.identity.ino, size=0, mtime_ns=0, ctime_ns=0)
    return replace(found, identity=same)


def answer_unfinished(sighting: Sighting, uploads: Uploads, news: News, patience: settling.Patience) -> None:
    """Say once that the end is missing, and until when it is waited for.

    By the file's own time, so that another process comes to the same answer.
    """
    if not uploads.answered.may_tell(sighting):
        return
    why = uploads.newly_unfinished(sighting)
    if why is not None:
        since = sighting.identity.ctime_ns / 1e9
        news.unfinished(sighting.path, why, since=since, until=since + patience.unfinished_after)
