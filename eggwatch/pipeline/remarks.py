"""Tells uploaders about files without a verdict: of another kind, misnamed, unreadable, or incomplete."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from eggwatch.intake.uploads import Uploads
from eggwatch.model.names import shown
from eggwatch.model.sightings import Identity, Sighting
from eggwatch.notifiers.receipts import Receipts
from eggwatch.policy import settling
from eggwatch.store.drop.folder import Drop, Found, Survey
from eggwatch.store.state.catalog import Catalog

log = logging.getLogger("eggwatch")


def answer_strangers(survey: Survey, uploads: Uploads, *, drop: Drop, catalog: Catalog, receipts: Receipts) -> None:
    """Say, once each, why packages are not taken as they are, and which folders can't be entered."""
    told = []
    for found, remark in _remarks(survey, drop, uploads):
        if remark is None:
            uploads.answered.passed(found)
        else:
            told.append(uploads.told(found, remark.replace("\n", " ")))
            tell_not_taken(found.path, remark, receipts)
    if told:
        catalog.remember(told)


def tell_not_taken(path: str, reason: str, receipts: Receipts) -> None:
    """Tell the uploader why a file in the drop folder can't be published as it is."""
    log.warning("sight    %s: not accepted: %s", shown(path), reason.replace("\n", " "))
    receipts.tell_not_taken(path, reason)


def _remarks(survey: Survey, drop: Drop, uploads: Uploads) -> Iterator[tuple[Found, str | None]]:
    """What may be a package that is not taken as it is, and folders; one after the other, as long as there is room."""
    for found in survey.others:
        if uploads.answered.is_known(found):
            continue
        is_one = settling.is_foreign_package(found.name) or settling.may_be_misnamed(found.name)
        if is_one and uploads.answered.is_due(found):
            yield found, _remark_on(found, drop)
    for found in map(_folder, survey.closed):
        if uploads.answered.is_due(found):
            yield found, survey.unreadable[found.path]


def _remark_on(found: Found, drop: Drop) -> str | None:
    """Why a file seems to be a package, by its name or contents; None if it does not."""
    if settling.is_foreign_package(found.name):
        return settling.remark_on(found.name)
    return settling.remark_on_contents(found.name, *drop.ends_of(found))


def _folder(found: Found) -> Found:
    """A folder by its inode alone: what is put into it is no news."""
    same = Identity(dev=found.identity.dev, ino=found.identity.ino, size=0, mtime_ns=0, ctime_ns=0)
    return found._replace(identity=same)


def answer_unfinished(sighting: Sighting, uploads: Uploads, receipts: Receipts, patience: settling.Patience) -> None:
    """Say once that the end is missing, and until when it is waited for.

    By the file's own time, so that another process comes to the same answer.
    """
    why = uploads.newly_unfinished(sighting)
    if why is not None:
        since = sighting.identity.ctime_ns / 1e9
        receipts.tell_unfinished(sighting.path, why, since=since, until=since + patience.unfinished_after)


class LaterRemarks:
    """Remarks on files that are left where they are; they are added to a receipt after earlier events."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    def stays(self, serial: int, filename: str, path: str, why: str) -> None:
        """An original that was judged can't be removed: its receipt will say so, once it is there."""
        self._waiting.append((serial, partial(self._receipts.tell_staying, filename, path, why)))

    def left(self, uploads: Iterable[tuple[str, str]], *, after: int) -> None:
        """Each (path, why) is no new upload: its receipt says so after what has happened up to a serial."""
        for path, why in uploads:
            log.warning("judge    %s: not accepted: %s", shown(path), why)
            self._waiting.append((after, partial(self._receipts.tell_not_taken, path, why)))

    def tell(self, untold: Iterable[int]) -> None:
        """Write the remarks that need not wait any more; `untold` are the serials still to be announced."""
        if not self._waiting:
            return
        still = set(untold)
        due = [tell for serial, tell in self._waiting if serial not in still]
        self._waiting = [one for one in self._waiting if one[0] in still]
        for tell in due:
            tell()
