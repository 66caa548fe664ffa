"""What the history of the site shows of the ledger's last events."""

from __future__ import annotations

import functools

from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import Filename, parse_filename, shown
from eggwatch.model.site import Happening
from eggwatch.model.verdicts import Level
from eggwatch.pages.site.frame import path_of
from eggwatch.pages.site.happened import MOST
from eggwatch.store.state.catalog_reader import Reader
from eggwatch.store.state.history import events_at
from eggwatch.store.state.ledger import Ledger
from eggwatch.store.state.site_tables import ShownEvent


class History:
    """The history of a ledger; a line of it that was read for the last time is not read again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read: dict[tuple[int, int], Event] = {}

    def happenings(self, reader: Reader, *, rejections: bool) -> tuple[Happening, ...]:
        """The last events that a page shows, newest first, and of rejections if they are wanted."""
        found = {(one.offset, one.length): one for one in reader.site.last_events(MOST, rejections=rejections)}
        new = [place for place in found if place not in self._read]
        read = self._read | dict(zip(new, events_at(self._ledger, new), strict=True))
        self._read = {place: read[place] for place in found}
        return tuple(_happening(self._read[place], one) for place, one in found.items())


def _happening(event: Event, place: ShownEvent) -> Happening:
    return _rejection(event) if event.kind is EventKind.REJECTED else _change(event, place)


def _rejection(event: Event) -> Happening:
    """Whose upload it was no page says."""
    flaws = tuple((str(flaw.code), shown(flaw.message)) for flaw in event.flaws if flaw.level is Level.REFUSE)
    return Happening(kind=event.kind, at=event.at, filename=shown(event.filename or ""), flaws=flaws)


def _change(event: Event, place: ShownEvent) -> Happening:
    filename, project = event.filename or "", event.project or ""
    version = _version(filename)
    return Happening(
        kind=event.kind,
        at=event.at,
        filename=filename,
        name=event.name or project,
        version=version,
        page=_page(project, version, place),
        uploader=_uploader(event, place),
        # Of a removal no page says why.
        reason=event.reason if event.kind is EventKind.YANKED else None,
    )


@functools.lru_cache(2 * MOST)
def _version(filename: str) -> str:
    parsed = parse_filename(filename)
    return str(parsed.version) if isinstance(parsed, Filename) else ""


def _page(project: str, version: str, place: ShownEvent) -> str:
    """That of the release, else that of the project; the one of the simple index while the site has none."""
    if version and version == place.version:
        return path_of(project, version)
    return path_of(project) if place.has_page else f"simple/{project}/index.html"


def _uploader(event: Event, place: ShownEvent) -> str | None:
    """Who uploaded a file that was published, as long as its project's page says so."""
    is_shown = event.kind in (EventKind.ADMITTED, EventKind.IMPORTED) and place.uploader == event.uploader
    return event.uploader if is_shown else None
