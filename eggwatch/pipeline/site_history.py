"""What the history of the site shows of the ledger's last events."""

from __future__ import annotations

from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import Filename, parse_filename, shown
from eggwatch.model.site import Happening
from eggwatch.model.verdicts import Level
from eggwatch.pages.site.frame import path_of
from eggwatch.store.state.catalog_reader import Reader, key_of
from eggwatch.store.state.history import events_at
from eggwatch.store.state.ledger import Ledger


def happenings(reader: Reader, ledger: Ledger, limit: int, *, rejections: bool) -> tuple[Happening, ...]:
    """The last events that a page shows, newest first, and of rejections if they are wanted."""
    events = events_at(ledger, reader.site.last_events(limit, rejections=rejections))
    return tuple(_happening(event, reader) for event in events)


def _happening(event: Event, reader: Reader) -> Happening:
    return _rejection(event) if event.kind is EventKind.REJECTED else _change(event, reader)


def _rejection(event: Event) -> Happening:
    """Whose upload it was no page says."""
    flaws = tuple((str(flaw.code), shown(flaw.message)) for flaw in event.flaws if flaw.level is Level.REFUSE)
    return Happening(kind=event.kind, at=event.at, filename=shown(event.filename or ""), flaws=flaws)


def _change(event: Event, reader: Reader) -> Happening:
    filename, project = event.filename or "", event.project or ""
    parsed = parse_filename(filename)
    version = str(parsed.version) if isinstance(parsed, Filename) else ""
    return Happening(
        kind=event.kind,
        at=event.at,
        filename=filename,
        name=event.name or project,
        version=version,
        page=_page(reader, project, version),
        uploader=_uploader(event, reader),
        # Of a removal no page says why.
        reason=event.reason if event.kind is EventKind.YANKED else None,
    )


def _page(reader: Reader, project: str, version: str) -> str:
    """That of the release, else that of the project; the one of the simple index while the site has none."""
    if (path := path_of(project, version)) in reader.site.digests(project):
        return path
    return path_of(project) if reader.site.has_page(project) else f"simple/{project}/index.html"


def _uploader(event: Event, reader: Reader) -> str | None:
    """Who uploaded a file that was published, as long as its project's page says so."""
    record = reader.file(key_of(event.filename or ""))
    is_shown = event.kind in (EventKind.ADMITTED, EventKind.IMPORTED) and record is not None and record.present
    return event.uploader if is_shown and record is not None and record.file.uploader == event.uploader else None
