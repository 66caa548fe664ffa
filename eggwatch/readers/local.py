"""What readers know of an index without its lock: pages from PUBLIC, and more where STATE may be read."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import EggwatchError, FolderError, LedgerError, in_words
from eggwatch.linux.accounts import run_as_owner
from eggwatch.model.events import Entry, Event, EventKind, timestamp
from eggwatch.model.names import JSON_NAME, Filename, parse_filename, stored_name
from eggwatch.model.queue import FINAL
from eggwatch.model.status import Delivery, Status
from eggwatch.policy.retries import Progress
from eggwatch.policy.settling import NameKind, kind_of_name
from eggwatch.readers.missing import Absence, absences, is_gone, root_serial
from eggwatch.readers.status_fields import is_silent, read_status
from eggwatch.store.drop.folder import Drop, Found, read_foreign
from eggwatch.store.state.catalog_reader import Original, Reader, key_of
from eggwatch.store.state.cursors import read_all
from eggwatch.store.state.deliveries import Deliveries
from eggwatch.store.state.history import event_at
from eggwatch.store.state.ledger import START, Ledger, Position
from eggwatch.store.state.lock import Lock

REASON = ".reason.json"
"""How the name of a reason file ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReader:
    """One index, read from outside; every call looks at what is there now."""

    config: IndexConfig

    def _page(self, path: str) -> dict[str, Any] | None:
        try:
            data: dict[str, Any] = json.loads((self.config.public / path).read_bytes())
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise FolderError(
                f"{self.config.public / path} can't be read: {error.strerror}.", remedy=run_as_owner(self.config.public)
            ) from error
        except (OSError, ValueError) as error:
            raise FolderError(
                f"{self.config.public / path} can't be read: {in_words(error)}.", remedy="Run 'eggwatch verify'."
            ) from error
        return data

    def projects(self) -> list[dict[str, Any]]:
        """The published projects as the root page has them (`name`, `_newest`), sorted."""
        root = self._page(f"simple/{JSON_NAME}")
        return [] if root is None else root["projects"]

    def project(self, name: str) -> dict[str, Any] | None:
        """A project's page (PEP 691); None if it has none."""
        return self._page(f"simple/{name}/{JSON_NAME}")

    def is_running(self) -> bool:
        """Whether a writer holds the lock; where this account can't see it, whether PUBLIC/status.json denies it."""
        if self.sees_lock():
            return Lock(self._lock).is_held()
        said = self.status()
        return said is None or (said.running is not False and not is_silent(said))

    def sees_lock(self) -> bool:
        """True if this account can see whether a writer runs."""
        return os.access(self._lock, os.R_OK) or is_gone(self._lock)

    @property
    def _lock(self) -> Path:
        return self.config.state / "lock"

    def news(self) -> dict[str, Delivery]:
        """How far each subscription has come, by what the courier keeps: behind by how many events, since when, why.

        Nothing where this account may not enter STATE.
        """
        if not self.sees_lock():
            return {}
        deliveries = Deliveries(self.config.state)
        letters = Counter(letter.subscription for letter in deliveries.letters())
        progress = read_all(self.config.state)
        with self.catalog() as catalog:
            end = 0 if catalog is None else catalog.position().serial
        told = {}
        for one in self.config.subscriptions:
            here = progress.get(one.name, Progress(cursor=end))
            told[one.name] = Delivery(
                cursor=here.cursor,
                behind=max(0, end - here.cursor),
                undelivered=letters[one.name],
                failures=here.failures,
                failing_since=None if here.since is None else timestamp(here.since),
                error=here.error,
            )
        return told

    def status(self) -> Status | None:
        """What the daemon last wrote of itself; None if nothing is there for this account."""
        folders = (self.config.state, self.config.public)
        return next(filter(None, (read_status(folder / "status.json") for folder in folders)), None)

    def is_by_holder(self, status: Status) -> bool:
        """Whether a status was written by the very process that holds the lock, and not by one before it."""
        holder = Lock(self._lock).holder()
        return holder is not None and holder[0] == status.pid

    @contextmanager
    def catalog(self) -> Iterator[Reader | None]:
        """The catalog, if this account may read it."""
        try:
            reader = Reader.open(self.config.catalog)
        except sqlite3.Error:
            yield None
            return
        try:
            yield reader
        finally:
            reader.close()

    def ledger(self) -> Ledger:
        """The ledger, for reading. FolderError where this account may not enter STATE."""
        path = self.config.ledger
        try:
            path.open("rb").close()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise FolderError(
                f"{path} can't be read: {error.strerror}.",
                remedy=run_as_owner(self.config.state),
            ) from error
        return Ledger(path)

    def visible_entries(self, start: Position = START) -> Iterator[Entry]:
        """Everything after `start` that can be seen, oldest first. LedgerError if the ledger is lost."""
        ledger = self.ledger()
        if is_gone(ledger.path) and root_serial(self.config):
            raise LedgerError(
                f"{ledger.path} is missing, but events were published from it.",
                remedy="Restore it from a backup, or stop the daemon and run 'eggwatch rebuild'.",
            )
        with self.catalog() as reader:
            shown = reader.published_serials() if reader is not None else {}
        for entry in ledger.read(start):
            event = entry.event
            refused = event.kind is EventKind.REJECTED
            if refused or event.project is None or self._shows(shown, event.project, entry.serial):
                yield entry

    def _shows(self, shown: dict[str, int], project: str, serial: int) -> bool:
        if project not in shown:
            page = self.project(project)
            shown[project] = 0 if page is None else int(page["meta"]["_last-serial"])
        return shown[project] >= serial

    def last_events(self, limit: int) -> list[tuple[int, Event]]:
        """The last visible events, newest first, of the last `limit`; none where this account may not read STATE."""
        with self.catalog() as reader:
            places = [] if reader is None else reader.last_events(limit)
            try:
                events = [(place[0], event_at(self.ledger(), place[1:])) for place in places]
            except (FolderError, OSError, ValueError, KeyError):
                return []
            return [(serial, event) for serial, event in events if event and self._is_visible(reader, serial, event)]

    def _is_visible(self, reader: Reader | None, serial: int, event: Event) -> bool:
        project = None if event.kind is EventKind.REJECTED else event.project
        return reader is not None and reader.is_visible(serial=serial, project=project)

    def latest(self, filename: str, wanted: Callable[[Event], bool]) -> Event | None:
        """The last visible event of a filename for which `wanted` is true.

        If STATE may not be read, the rejection in the drop folder.
        """
        with self.catalog() as reader:
            if reader is not None:
                return self._visible(reader, reader.events_of(key_of(filename)), wanted)
        return self._reason([f"{stored_name(filename)}{REASON}"], wanted)

    def latest_of(self, project: str, wanted: Callable[[Event], bool]) -> Event | None:
        """The last visible event of a project for which `wanted` is true; else as `latest`."""
        with self.catalog() as reader:
            if reader is not None:
                return self._visible(reader, reader.latest_events(project), wanted)
        return self._reason(list(self._reasons_of(project)), wanted)

    def _visible(
        self, reader: Reader, places: Iterable[tuple[int, int, int]], wanted: Callable[[Event], bool]
    ) -> Event | None:
        ledger = self.ledger()
        for serial, offset, length in places:
            event = event_at(ledger, (offset, length))
            if event is not None and wanted(event):
                return event if self._is_visible(reader, serial, event) else None
        return None

    @property
    def _refusals(self) -> list[Path]:
        return [folder / "rejected" for folder in (self.config.drop, self.config.state / "answers")]

    def _reasons_of(self, project: str) -> Iterator[str]:
        """The names of reason files about a project."""
        for folder in self._refusals:
            with suppress(OSError):
                for name in os.listdir(folder):
                    parsed = parse_filename(name.removesuffix(REASON)) if name.endswith(REASON) else None
                    if isinstance(parsed, Filename) and parsed.project == project:
                        yield name

    def _reason(self, names: Iterable[str], wanted: Callable[[Event], bool]) -> Event | None:
        """The last rejection for which `wanted` is true, of the reason files with these names."""
        found = []
        for path in [folder / name for folder in self._refusals for name in names]:
            with suppress(OSError, ValueError, KeyError, TypeError):
                found.append(Event.from_json(json.loads(read_foreign(path))))
        return max(filter(wanted, found), key=lambda event: event.at, default=None)

    def missing(self) -> list[Absence]:
        """What is missing of the index, as far as this account may look."""
        shown = root_serial(self.config)  # first: a daemon may be at work
        with self.catalog() as catalog:
            return absences(self.config, catalog, shown=shown)

    def pending(self) -> list[Found]:
        """Uploads in the drop folder that have no verdict yet, as far as this account can tell."""
        try:
            survey = Drop(self.config.drop, self.config.formats).scan()
        except (EggwatchError, OSError):
            return []
        with self.catalog() as reader:
            originals = {} if reader is None else {original.path: original for original in reader.originals()}
        return [
            found
            for found in survey.uploads
            if found.path not in originals
            or originals[found.path].identity != found.identity
            or originals[found.path].fate not in FINAL
        ]

    def judged(self, folder: str) -> list[Original]:
        """What lies in a folder of the drop folder (with its slash), and has had its verdict."""
        with self.catalog() as reader:
            known = [] if reader is None else reader.originals_below(folder)
        return [original for original in known if original.fate in FINAL]


def is_upload(path: Path, config: IndexConfig) -> bool:
    """Whether a file's name is one that the drop folder takes in."""
    return kind_of_name(path.name, config.formats) is NameKind.UPLOAD
