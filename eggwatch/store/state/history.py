"""Events of the ledger by their serial, without reading those before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from eggwatch.model.events import Entry, Event
from eggwatch.store.state.catalog_reader import Reader
from eggwatch.store.state.ledger import START, Ledger, Position


def entries_after(ledger: Ledger, reader: Reader, serial: int) -> Iterator[Entry]:
    """The entries with a serial above `serial`, without reading those before it where the catalog knows the place."""
    place = reader.event_at(serial)
    start = START if place is None else _after(ledger, place, serial)
    return (entry for entry in ledger.read(start) if entry.serial > serial)


def _after(ledger: Ledger, place: tuple[int, int], serial: int) -> Position:
    with ledger.path.open("rb") as file:
        file.seek(place[0])
        line = file.read(place[1])
    return Position(offset=sum(place), serial=serial, sha256=hashlib.sha256(line[:-1]).hexdigest(), length=place[1])


def event_at(ledger: Ledger, place: tuple[int, int] | None) -> Event | None:
    """One event by the (offset, length) of its line, as the catalog remembers it; None without a place."""
    return next(events_at(ledger, () if place is None else (place,)), None)


def events_at(ledger: Ledger, places: Sequence[tuple[int, int]]) -> Iterator[Event]:
    """The same of several places, in their order."""
    if not places:
        return
    with ledger.path.open("rb") as file:
        for offset, length in places:
            file.seek(offset)
            yield Event.from_json(json.loads(file.read(length)))
