"""The catalog: what each event does, and that it is nothing but a projection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eggwatch.model.events import Entry, Event, EventKind
from eggwatch.model.queue import Fate
from eggwatch.model.releases import ProjectListing, newest
from eggwatch.model.sightings import Identity
from eggwatch.model.verdicts import Flaw
from eggwatch.store.state.catalog import AT_ONCE, Catalog, Original, Reader, key_of
from eggwatch.store.state.site_tables import SiteRecord

SHA = {number: f"{number:064x}" for number in range(10)}
ONE, TWO = "demo-1.0.tar.gz", "demo-2.0.tar.gz"
IDENTITY = Identity(dev=1, ino=2, size=3, mtime_ns=4, ctime_ns=5)


def at(number: int) -> str:
    """A moment."""
    return f"2026-01-01T00:00:{number:02d}.000000Z"


def event(kind: str, filename: str = ONE, *, project: str = "demo", number: int = 0, **more: Any) -> Event:
    """An event about a file."""
    values = {"sha256": SHA[1], "size": 10, "name": "Demo", **more}
    return Event(kind=EventKind(kind), at=at(number), project=project, filename=filename, **values)


def entries(events: Iterable[Event]) -> list[Entry]:
    """Events as they would stand in a ledger."""
    return [
        Entry(serial=number, event=one, offset=number * 100, length=100, sha256=f"line {number}")
        for number, one in enumerate(events, 1)
    ]


@pytest.fixture
def catalog() -> Catalog:
    """An empty one, in memory."""
    return Catalog(":memory:")


def test_admitted(catalog: Catalog) -> None:
    """A file is present, its project exists, its page is stale, and it is found under every spelling."""
    catalog.apply(entries([event("admitted", requires_python=">=3", uploader="alice", metadata_sha256="m")]))
    record = catalog.file(key_of("Demo-1.0.tar.gz"))
    assert record is not None
    assert (record.present, record.serial, record.project) == (True, 1, "demo")
    file = record.file
    assert (file.filename, file.version, file.upload_time) == (ONE, "1.0", at(0))
    assert (file.requires_python, file.uploader, file.metadata_sha256, file.yanked) == (">=3", "alice", "m", None)
    assert catalog.counts() == (1, 1)
    assert catalog.stale() == ["demo"]
    listing = catalog.listing("demo")
    assert listing is not None and (listing.name, listing.last_serial, len(listing.files)) == ("Demo", 1, 1)


def test_rejected(catalog: Catalog) -> None:
    """A refusal is remembered by its name, and neither makes nor changes a page."""
    flaws = (Flaw(code="b", subject="", message=""), Flaw(code="a", subject="", message=""))
    catalog.apply(entries([event("rejected", flaws=flaws), event("rejected", "no name at all", flaws=flaws)]))
    assert catalog.counts() == (0, 0) and catalog.stale() == [] and catalog.listing("demo") is None
    refusal = catalog.refusal(key_of(ONE))
    assert refusal is not None and (refusal.serial, refusal.codes) == (1, ("b", "a"))
    assert catalog.refusal(key_of("no name at all")) is not None


def test_a_later_admission_takes_a_refusal_back(catalog: Catalog) -> None:
    """The latest event decides, in either direction."""
    catalog.apply(entries([event("rejected"), event("admitted")]))
    assert catalog.refusal(key_of(ONE)) is None
    catalog.apply([Entry(serial=3, event=event("rejected"), offset=0, length=1, sha256="x")])
    assert catalog.refusal(key_of(ONE)) is not None
    record = catalog.file(key_of(ONE))
    assert record is not None and record.present


def test_yanked_and_unyanked(catalog: Catalog) -> None:
    """A reason, no reason, none at all; each makes the page stale."""
    catalog.apply(entries([event("admitted"), event("yanked", reason="bad")]))
    assert _yanked(catalog) == "bad"
    for serial, kind, wanted in ((3, "yanked", ""), (4, "unyanked", None)):
        catalog.apply([Entry(serial=serial, event=event(kind), offset=0, length=1, sha256="x")])
        assert _yanked(catalog) == wanted
    listing = catalog.listing("demo")
    assert listing is not None and listing.last_serial == 4


def _yanked(catalog: Catalog) -> str | None:
    record = catalog.file(key_of(ONE))
    assert record is not None
    return record.file.yanked


@pytest.mark.parametrize("kind", ["removed", "quarantined"])
def test_removed(catalog: Catalog, kind: str) -> None:
    """The file is no longer on the page, but known; its bytes are to be deleted, bad ones at once; a yank ends."""
    catalog.apply(entries([event("admitted"), event("yanked"), event(kind, number=9)]))
    listing = catalog.listing("demo")
    assert listing is not None and listing.files == ()
    (removed,) = listing.removed
    assert (removed.filename, removed.sha256, removed.at, removed.upload_time) == (ONE, SHA[1], at(9), at(0))
    assert catalog.unswept() == [("demo", ONE, at(9) if kind == "removed" else AT_ONCE)]
    assert catalog.counts() == (1, 0)


def test_a_returning_file_keeps_its_first_time_and_loses_its_yank(catalog: Catalog) -> None:
    """Law 5: the upload time is when it came first; nothing is left to be swept."""
    catalog.apply(entries([event("admitted"), event("yanked"), event("removed"), event("admitted", number=8)]))
    record = catalog.file(key_of(ONE))
    assert record is not None
    assert (record.present, record.file.upload_time, record.file.yanked) == (True, at(0), None)
    assert catalog.unswept() == [] and catalog.counts() == (1, 1)


def test_imported_brings_its_first_time(catalog: Catalog) -> None:
    """What `rebuild` learns from a page keeps the time on that page."""
    catalog.apply(entries([event("imported", number=9, first_upload_time=at(1))]))
    record = catalog.file(key_of(ONE))
    assert record is not None and record.file.upload_time == at(1)


def test_a_removal_of_what_was_never_seen_is_remembered(catalog: Catalog) -> None:
    """`rebuild` learns removed names too: the name may not be used for other bytes."""
    catalog.apply(entries([event("removed", first_upload_time=at(1), number=5)]))
    record = catalog.file(key_of(ONE))
    assert record is not None and (record.present, record.file.upload_time) == (False, at(1))
    assert catalog.counts() == (1, 0)


def test_only_published_pages_are_on_the_root(catalog: Catalog) -> None:
    """A project is listed when its own page is durable, with its newest release."""
    catalog.apply(entries([event("admitted"), event("admitted", "other-1.0.tar.gz", project="other")]))
    assert catalog.root().entries == ()
    publish(catalog, "demo")
    assert [(entry.project, entry.newest_version) for entry in catalog.root().entries] == [("demo", "1.0")]
    assert catalog.stale() == ["other"]
    assert catalog.is_visible(serial=1, project="demo") and not catalog.is_visible(serial=2, project="other")
    assert catalog.is_visible(serial=99, project=None) and not catalog.is_visible(serial=1, project="absent")


def publish(catalog: Catalog, project: str) -> None:
    """As if a page had been published."""
    listing = catalog.listing(project)
    assert listing is not None
    catalog.mark_published([(listing, *(newest(listing) or (None, None)))])


def test_a_page_that_changed_while_it_was_published_stays_stale(catalog: Catalog) -> None:
    """The listing was published, without events that happened meanwhile."""
    catalog.apply(entries([event("admitted")]))
    listing = catalog.listing("demo")
    assert listing is not None
    catalog.apply([Entry(serial=2, event=event("yanked"), offset=0, length=1, sha256="x")])
    catalog.mark_published([(listing, "1.0", at(0))])
    assert catalog.stale() == ["demo"]
    assert catalog.published_serial("demo") == 1


def test_the_place_in_the_ledger_is_kept(catalog: Catalog) -> None:
    """Offset, serial, hash and length of the last line that was applied."""
    assert catalog.position().serial == 0
    catalog.apply(entries([event("admitted"), event("admitted", TWO)]))
    position = catalog.position()
    assert (position.offset, position.serial, position.sha256, position.length) == (300, 2, "line 2", 100)
    assert catalog.event_at(1) == (100, 100)
    assert list(catalog.events_of(key_of(TWO))) == [(2, 200, 100)]
    assert catalog.latest_events("demo") == [(2, 200, 100), (1, 100, 100)]


def test_an_error_in_a_batch_applies_nothing(catalog: Catalog) -> None:
    """A batch is one transaction; SQLite stores no text with a lone surrogate."""
    with pytest.raises(UnicodeEncodeError):
        catalog.apply(entries([event("admitted"), event("admitted", TWO, sha256="\udcff")]))
    assert catalog.counts() == (0, 0) and catalog.position().serial == 0


def test_the_number_of_an_inode_may_have_all_its_bits(catalog: Catalog) -> None:
    """As on mergerfs and rclone, of each second file."""
    identity = IDENTITY._replace(ino=(1 << 64) - 1, dev=1 << 63)
    original = Original(path="demo-1.0.tar.gz", identity=identity, fate=Fate.HELD)
    catalog.remember([original])
    assert catalog.originals() == [original]


@pytest.mark.parametrize("path", ["team/demo-1.0.tar.gz", "t\udcff/demo-1.0.tar.gz", "zeile\n.whl", "ü"])
def test_originals_are_remembered_and_forgotten(catalog: Catalog, path: str) -> None:
    """What became of a file in the drop, also under a name that is no UTF-8."""
    original = Original(path=path, identity=IDENTITY, fate=Fate.REJECTED, serial=3, sha256=SHA[1], reason="why")
    catalog.remember([original])
    assert catalog.originals() == [original]
    catalog.remember([Original(path=path, identity=IDENTITY, fate=Fate.HELD)])
    assert [one.fate for one in catalog.originals()] == ["held"]
    catalog.forget([path])
    assert catalog.originals() == []


def test_meta(catalog: Catalog) -> None:
    """Small values that other modules store."""
    catalog.set_meta({"a": 1, "b": "two", "c": None})
    assert (catalog.meta("a"), catalog.meta("b"), catalog.meta("c"), catalog.number("b")) == (1, "two", None, 0)


def test_a_value_that_was_taken_back_is_not_remembered(catalog: Catalog) -> None:
    """The transaction failed after it was set."""
    catalog.set_meta({"root_wanted": 0})
    catalog.apply(entries([event("admitted")]))
    listing = catalog.listing("demo")
    assert listing is not None

    def pages() -> Iterator[tuple[ProjectListing, str | None, str | None]]:
        yield listing, None, None
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        catalog.mark_published(pages())
    assert catalog.number("root_wanted") == 0


def test_every_page_can_be_made_stale(catalog: Catalog) -> None:
    """All pages, for another renderer; a value is stored with it."""
    catalog.apply(entries([event("admitted"), event("admitted", "other-1.0.tar.gz", project="other")]))
    publish(catalog, "demo")
    catalog.mark_all_stale({"renderer": "2"})
    assert catalog.stale() == ["demo", "other"] and catalog.stale(1) == ["demo"] and catalog.meta("renderer") == "2"


def test_single_pages_can_be_made_stale(catalog: Catalog) -> None:
    """The pages of projects with another status, if they exist; a value is stored with it."""
    catalog.apply(entries([event("admitted"), event("admitted", "other-1.0.tar.gz", project="other")]))
    publish(catalog, "demo")
    publish(catalog, "other")
    catalog.mark_stale(["other", "unborn"], {"archived": "2"})
    assert catalog.stale() == ["other"] and catalog.meta("archived") == "2"


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(
            ["admitted", "rejected", "yanked", "unyanked", "removed", "unblocked", "imported", "quarantined"]
        ),
        st.sampled_from([(ONE, "demo"), (TWO, "demo"), ("Demo-1.0.tar.gz", "demo"), ("other-1.0.tar.gz", "other")]),
        st.integers(1, 3),
    ),
    max_size=14,
)


def content(catalog: Catalog) -> dict[str, list[tuple[Any, ...]]]:
    """Every table, as it is."""
    tables = [row[0] for row in catalog._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {table: sorted(map(tuple, catalog._db.execute(f"SELECT * FROM {table}")), key=repr) for table in tables}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(HISTORY, st.lists(st.integers(1, 5), min_size=1))
def test_it_is_the_same_whatever_the_batches(steps: list[tuple[str, tuple[str, str], int]], sizes: list[int]) -> None:
    """A catalog made at once equals one that was fed piece by piece, table by table."""
    events = [
        event(kind, name, project=project, number=number, sha256=SHA[sha])
        for number, (kind, (name, project), sha) in enumerate(steps)
        if not (
            kind in ("yanked", "unyanked", "unblocked") and all(step[1] != (name, project) for step in steps[:number])
        )
    ]
    whole, pieces = Catalog(":memory:"), Catalog(":memory:")
    lines = entries(events)
    whole.apply(lines)
    start = 0
    while start < len(lines):
        count = sizes[start % len(sizes)]
        pieces.apply(lines[start : start + count])
        start += count
    assert content(whole) == content(pieces)
    present = sum(len(listing.files) for name in whole.projects() if (listing := whole.listing(name)))
    assert whole.counts() == (len(whole.projects()), present)


def test_readers_see_what_the_writer_committed(tmp_path: Path) -> None:
    """A reader beside the writer, and after it; it can't write."""
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    catalog.apply(entries([event("admitted")]))
    reader = Reader.open(catalog.path)
    assert reader.counts() == (1, 1)
    with pytest.raises(sqlite3.OperationalError):
        reader._db.execute("DELETE FROM files")
    reader.close()
    catalog.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.sqlite3"]
    reader = Reader.open(catalog.path)
    assert reader.counts() == (1, 1)
    reader.close()


def test_a_reader_of_another_version_is_refused(tmp_path: Path) -> None:
    """A catalog of a newer version, or none: sqlite3.Error, and no file is created."""
    path = tmp_path / "catalog.sqlite3"
    with pytest.raises(sqlite3.Error):
        Reader.open(path)
    assert not path.exists()
    catalog = Catalog(path)
    catalog.set_meta({"schema": 999})
    catalog.finish()
    with pytest.raises(sqlite3.DatabaseError, match="another version"):
        Reader.open(path)


def test_finishing_beside_a_reader_is_no_error(tmp_path: Path) -> None:
    """A reader that has it open keeps the write-ahead log alive; the writer ends all the same."""
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    catalog.apply(entries([event("admitted")]))
    reader = Reader.open(catalog.path)
    reader._db.execute("BEGIN")
    reader.counts()
    catalog._db.execute("PRAGMA busy_timeout = 50")
    catalog.finish()
    reader.close()
    again = Catalog(catalog.path)
    assert again.counts() == (1, 1)
    again.finish()


def test_pages_of_the_site_that_get_a_link_are_rendered_once_and_after_all_that_changed(catalog: Catalog) -> None:
    def rendered(project: str, *needs: str) -> None:
        mark = catalog.site.mark_of(project)
        catalog.mark_site([SiteRecord(project=project, mark=mark, card={"name": project}, needs=needs)])

    projects = ("needed", "dependent", "unrelated", "also-needed")
    for project in projects:
        catalog.site.mark(project)
    assert catalog.site.stale() == ["also-needed", "unrelated", "dependent", "needed"]
    rendered("dependent", "also-needed", "needed")
    rendered("also-needed")
    assert catalog.site.stale() == ["unrelated", "needed", "dependent"]
    rendered("needed")
    rendered("unrelated")
    assert catalog.site.stale() == ["dependent"]
    rendered("dependent", "also-needed", "needed")
    assert catalog.site.stale() == []


def test_the_position_in_the_ledger_is_read_at_once(tmp_path: Path) -> None:
    """A daemon that commits while another process reads it does not mix two of them."""
    writer = Catalog(tmp_path / "catalog.sqlite3")
    committed = entries([event("admitted", f"demo-{number}.0.tar.gz") for number in range(20)])
    writer.apply(committed[:1])
    reader, rest = Reader.open(writer.path), iter(committed[1:])
    reader._db.set_trace_callback(lambda _: writer.apply([next(rest)]))
    position = reader.position()
    assert (position.offset, position.sha256) == (position.serial * 100 + 100, f"line {position.serial}")
    reader._db.set_trace_callback(None)
    reader.close()
    writer.close()
