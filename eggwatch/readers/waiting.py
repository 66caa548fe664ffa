"""What became of one upload, as everybody can see it: the project's page, and the reasons of rejected files."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from eggwatch.model.events import Event, EventKind, timestamp
from eggwatch.model.names import JSON_NAME, Filename, parse_filename, stored_name
from eggwatch.readers.local import IndexReader
from eggwatch.store.drop.folder import read_foreign
from eggwatch.store.state.catalog_reader import key_of

LEDGER_PAUSE = 0.5
"""Seconds between two looks into the ledger: a later rejection of the same name may have replaced the reason."""

Version = tuple[int, int, int] | None
"""Which file lies at a path: inode, time and size."""


class Awaited:
    """An upload whose verdict is awaited; made before it is given to the daemon. A look costs three stat calls."""

    def __init__(self, reader: IndexReader, *, filename: str, sha256: str, uploader: str) -> None:
        self._reader, self._filename, self._sha256, self._uploader = reader, filename, sha256, uploader
        self._key, parsed = key_of(filename), parse_filename(filename)
        self._project = parsed.project if isinstance(parsed, Filename) else None
        self._page: Version = None
        self._is_there = False
        self._began, self._next_look = timestamp(time.time()), time.monotonic() + LEDGER_PAUSE
        folders = (reader.config.drop, reader.config.state / "answers")
        reasons = (folder / "rejected" / f"{stored_name(filename)}.reason.json" for folder in folders)
        self._reasons: dict[Path, Version] = {path: self._version(path) for path in reasons}

    def __repr__(self) -> str:
        return f"Awaited({self._filename!r})"

    def is_published(self) -> bool:
        """Whether the file is on its project's page, with these bytes."""
        if self._project is None:
            return False
        version = self._version(self._reader.config.public / "simple" / self._project / JSON_NAME)
        if version != self._page:
            self._page, self._is_there = version, self._is_shown(self._project)
        return self._is_there

    def _is_shown(self, project: str) -> bool:
        page = self._reader.project(project) or {"files": ()}
        return any(
            file["hashes"]["sha256"] == self._sha256 and key_of(file["filename"]) == self._key for file in page["files"]
        )

    def rejection(self) -> Event | None:
        """The rejection of these bytes under this name, if it came since this was made: of this uploader, as another
        one may have no right to what this one may."""
        for path, before in self._reasons.items():
            if (version := self._version(path)) == before:
                continue
            event, serial = self._read(path)
            if not self._is_committed(serial):
                return None  # the reason is written first
            self._reasons[path] = version
            if event is not None:
                return event
        if time.monotonic() < self._next_look:
            return None
        self._next_look = time.monotonic() + LEDGER_PAUSE
        return self._reader.latest(self._filename, self._is_meant)

    def _read(self, path: Path) -> tuple[Event | None, int]:
        """The rejection of these bytes, and its serial; None and 0 if it is another one, or can't be read."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(read_foreign(path))
            event = Event.from_json(data)
            if (event.sha256, event.uploader) == (self._sha256, self._uploader):
                return event, int(data["serial"])
        return None, 0

    def _is_committed(self, serial: int) -> bool:
        """Whether the ledger has come so far; also where this account may not see it."""
        with self._reader.catalog() as catalog:
            return catalog is None or catalog.position().serial >= serial

    def _is_meant(self, event: Event) -> bool:
        is_one = (event.kind, event.sha256, event.uploader) == (EventKind.REJECTED, self._sha256, self._uploader)
        return is_one and event.at >= self._began

    def _version(self, path: Path) -> Version:
        """None where nothing lies that the daemon has written."""
        try:
            status, spool = os.lstat(path), os.lstat(self._reader.config.public / ".eggwatch")
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns, status.st_size) if status.st_uid == spool.st_uid else None
