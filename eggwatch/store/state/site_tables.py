"""The part of the catalog that the site needs: which of its pages are stale, and what lists and links know."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eggwatch.model.site import Card

TABLES = """
CREATE TABLE site_stale (project TEXT PRIMARY KEY, mark INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX site_stale_by_mark ON site_stale (mark);
CREATE TABLE site_pages (
    project TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (project, path)
) WITHOUT ROWID;
CREATE TABLE cards (project TEXT PRIMARY KEY, card TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE needs (needed TEXT NOT NULL, project TEXT NOT NULL, PRIMARY KEY (needed, project)) WITHOUT ROWID;
CREATE INDEX needs_of_project ON needs (project);
"""
LAST_FILES = 1000
MOST_CARDS = 20_000
"""So many cards are kept in memory, of some 2 kB each."""
_NEWEST = """
WITH last AS (SELECT project, version, release FROM files WHERE state = 'present' ORDER BY upload_time DESC LIMIT ?),
of_release AS (
    SELECT last.project, last.version, MIN(files.upload_time) AS at,
        MIN(files.state <> 'present' OR files.yanked IS NOT NULL) AS yanked
    FROM (SELECT DISTINCT * FROM last) AS last
    JOIN files ON files.project = last.project AND files.release = last.release GROUP BY 1, 2
)
SELECT project, name, version, at, yanked FROM of_release JOIN projects USING (project)
WHERE EXISTS (
    SELECT 1 FROM site_pages AS page WHERE page.project = of_release.project
    AND path = 'project/' || page.project || '/' || version || '/index.html'
)
ORDER BY at DESC, project, version LIMIT ?
"""
_SHOWN = """
WITH shown AS (
    SELECT serial, offset, length, filename, project FROM events WHERE CASE kind WHEN 'rejected' THEN ? ELSE EXISTS (
        SELECT 1 FROM projects WHERE project = events.project AND page_serial >= events.serial
    ) END
    ORDER BY serial DESC LIMIT ?
)
SELECT offset, length, EXISTS (SELECT 1 FROM cards WHERE project = shown.project) AS has_page,
    CASE WHEN EXISTS (
        SELECT 1 FROM site_pages AS page WHERE page.project = shown.project
        AND path = 'project/' || shown.project || '/' || version || '/index.html'
    ) THEN version END AS version,
    CASE state WHEN 'present' THEN uploader END AS uploader
FROM shown LEFT JOIN files ON files.filename = shown.filename ORDER BY shown.serial DESC
"""
LAST = 0
"""The mark of pages that are rendered after all that change."""
AFTERWARDS = -1
"""The mark of pages that list others: after all of those, so that many of them cost one rendering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEvent:
    """The place of an event in the ledger, and what the site has of its file."""

    offset: int
    length: int
    has_page: bool
    """Whether its project has a page;"""
    version: str | None
    """the file's version, if that has a page;"""
    uploader: str | None
    """and of whom it is, as long as it is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRecord:
    """What is remembered of a project's pages of the site: `mark` is the one by which they were stale.

    `needs` are the dependencies of all its releases, `digests` by path those of what was rendered.
    """

    project: str
    mark: int
    card: Mapping[str, Any] | None
    """The fields of a `Card` but for the project; None if it could not be rendered: then it is when it changes."""
    needs: Sequence[str] = ()
    digests: Mapping[str, str] = field(default_factory=dict)


class SiteTables:
    """Answers by key; whoever changes something does it in a transaction of the catalog."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def stale(self, limit: int = -1) -> list[str]:
        """Projects whose pages are to be rendered, the last one that changed first."""
        rows = self._db.execute("SELECT project FROM site_stale ORDER BY mark DESC, project LIMIT ?", (limit,))
        return [row[0] for row in rows]

    def next_stale(self, limit: int) -> list[str]:
        """Those of them that are to be rendered together now: none that lists another of them."""
        rows = self._db.execute(
            "SELECT project FROM site_stale WHERE mark > ? OR NOT EXISTS (SELECT 1 FROM site_stale WHERE mark > ?) "
            "ORDER BY mark DESC, project LIMIT ?",
            (AFTERWARDS, AFTERWARDS, limit),
        )
        return [row[0] for row in rows]

    def is_stale(self, project: str) -> bool:
        """Whether a project's pages are to be rendered."""
        return self._db.execute("SELECT 1 FROM site_stale WHERE project = ?", (project,)).fetchone() is not None

    def mark_of(self, project: str) -> int:
        """The mark by which a project's pages are stale; 0 as well if they are not."""
        row = self._db.execute("SELECT mark FROM site_stale WHERE project = ?", (project,)).fetchone()
        return 0 if row is None else int(row[0])

    def digests(self, project: str) -> dict[str, str]:
        """The pages that a project has, by path, with the digest of what each was rendered from."""
        rows = self._db.execute("SELECT path, digest FROM site_pages WHERE project = ?", (project,))
        return {row[0]: row[1] for row in rows}

    def cards(self) -> dict[str, Card]:
        """What is known of each project, sorted by its name."""
        rows = self._db.execute("SELECT project, card FROM cards ORDER BY project")
        return {row[0]: _card(row[0], row[1]) for row in rows}

    def newest(self, limit: int) -> tuple[Card, ...]:
        """The releases with a file and a page that came last, among those of the last files."""
        rows = self._db.execute(_NEWEST, (LAST_FILES, limit))
        return tuple(Card(**{**dict(row), "yanked": bool(row["yanked"])}) for row in rows)

    def last_events(self, limit: int, *, rejections: bool) -> list[ShownEvent]:
        """The last events that a page shows, newest first, and rejections if they are wanted."""
        rows = self._db.execute(_SHOWN, (rejections, limit))
        return [ShownEvent(**{**dict(row), "has_page": bool(row["has_page"])}) for row in rows]

    def dependents(self, project: str) -> list[str]:
        """The projects of which a release requires this one, sorted."""
        rows = self._db.execute("SELECT project FROM needs WHERE needed = ? ORDER BY project", (project,))
        return [row[0] for row in rows]

    def neighbours(self, project: str) -> set[str]:
        """The projects that it requires or that require it: its pages show some of them, and theirs it."""
        rows = self._db.execute(
            "SELECT project FROM needs WHERE needed = ? UNION SELECT needed FROM needs WHERE project = ?",
            (project, project),
        )
        return {row[0] for row in rows}

    def has_page(self, project: str) -> bool:
        """Whether a project has a page of the site."""
        return self._db.execute("SELECT 1 FROM cards WHERE project = ?", (project,)).fetchone() is not None

    def mark(self, project: str) -> None:
        """A project's pages are stale."""
        self._db.execute(
            "INSERT OR REPLACE INTO site_stale SELECT ?, MAX(COALESCE(MAX(mark), ?), ?) + 1 FROM site_stale",
            (project, LAST, LAST),
        )

    def mark_all(self) -> None:
        """All pages are to be rendered anew, after those that change."""
        self._db.execute("UPDATE site_pages SET digest = ''")
        self._db.execute(
            "INSERT OR REPLACE INTO site_stale SELECT project, ? FROM projects WHERE page_serial IS NOT NULL", (LAST,)
        )

    def doubt(self) -> None:
        """What the pages of stale projects were rendered from is not known any more."""
        self._db.execute(
            "UPDATE site_pages SET digest = '' "
            "WHERE project IN (SELECT project FROM stale UNION SELECT project FROM site_stale)"
        )

    def forget_pages(self, project: str) -> None:
        """All pages of a project are to be rendered anew, whatever they were rendered from."""
        self._db.execute("UPDATE site_pages SET digest = '' WHERE project = ?", (project,))
        self.mark(project)

    def lists_that_change(self, records: Sequence[SiteRecord]) -> set[str]:
        """The projects whose dependents will be others once these records are remembered."""
        changed: set[str] = set()
        for record in records:
            if record.card is not None:
                rows = self._db.execute("SELECT needed FROM needs WHERE project = ?", (record.project,))
                changed |= {row[0] for row in rows} ^ set(record.needs)
        return changed

    def remember(self, records: Sequence[SiteRecord], lists: Iterable[str] = ()) -> None:
        """These pages are durable; those that are to link to a new one are stale, and rendered last: more may come. So
        are those that have these `lists`, after them."""
        for record in records:
            self._db.execute("DELETE FROM site_stale WHERE project = ? AND mark = ?", (record.project, record.mark))
        rendered = [record for record in records if record.card is not None]
        new = [record.project for record in rendered if not self.has_page(record.project)]
        for record in rendered:
            self._remember(record)
        for needed in new:
            self._db.execute(
                "INSERT OR IGNORE INTO site_stale SELECT project, ? FROM needs WHERE needed = ?", (LAST, needed)
            )
        for project in filter(self.has_page, lists):
            self._mark_list(project)

    def _mark_list(self, project: str) -> None:
        """Without the digest: what was published last may be newer than what this catalog knows."""
        path = f"project/{project}/index.html"
        self._db.execute("UPDATE site_pages SET digest = '' WHERE project = ? AND path = ?", (project, path))
        self._db.execute("INSERT OR IGNORE INTO site_stale VALUES (?, ?)", (project, AFTERWARDS))

    def _remember(self, record: SiteRecord) -> None:
        project, execute = record.project, self._db.execute
        execute("INSERT OR REPLACE INTO cards VALUES (?, ?)", (project, json.dumps(record.card, sort_keys=True)))
        execute("DELETE FROM needs WHERE project = ?", (project,))
        self._insert("needs", ((needed, project) for needed in record.needs))
        self._insert("site_pages", ((project, path, digest) for path, digest in record.digests.items()))

    def _insert(self, table: str, rows: Iterable[tuple[str, ...]]) -> None:
        for row in rows:
            marks = ", ".join("?" * len(row))
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608


@functools.lru_cache(MOST_CARDS)
def _card(project: str, text: str) -> Card:
    """What is remembered of a project; kept, since few of them change from one time to the next."""
    data = json.loads(text)
    lists: dict[str, Any] = {key: tuple(data.pop(key, ())) for key in ("keywords", "classifiers")}
    return Card(project=project, **{"name": project, **data}, **lists)
