"""Upload times of existing archives, from the documents beside them; stored in a temporary database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from eggwatch.model.events import seconds_of
from eggwatch.store.recorded.values import Recorded


class UploadTimes:
    """What was recorded of files by name; not in memory, however many there are."""

    def __init__(self, *, now: float) -> None:
        """`now` in seconds since the epoch: later times are not believed."""
        self._now = now
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary file of SQLite's own, gone when closed
        self._db.execute("CREATE TABLE recorded (filename TEXT, sha256 TEXT, at TEXT, uploader TEXT, yanked TEXT)")
        self._db.execute("CREATE INDEX by_filename ON recorded (filename)")

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def learn(self, records: Iterable[Recorded]) -> int:
        """Remember what a document says; returns for how many files it has something."""
        self._db.execute("BEGIN")
        count = 0
        for found in records:
            if found.at is not None and seconds_of(found.at) > self._now:
                continue
            row = (found.filename, found.sha256, found.at, found.uploader, found.yanked)
            self._db.execute("INSERT INTO recorded VALUES (?, ?, ?, ?, ?)", row)
            count += 1
        self._db.execute("COMMIT")
        return count

    def of(self, filename: str, sha256: str) -> Recorded:
        """What is known of a file with these bytes: its earliest time, and what else any document says.

        A document that names other bytes for the name speaks of another file.
        """
        rows = self._db.execute(
            "SELECT min(at), max(uploader), max(yanked) FROM recorded "
            "WHERE filename = ? AND (sha256 IS NULL OR sha256 = ?)",
            (filename, sha256),
        ).fetchone()
        return Recorded(filename=filename, sha256=sha256, at=rows[0], uploader=rows[1], yanked=rows[2])
