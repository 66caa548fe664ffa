"""What the judge asks the catalog for costs the same in a large index as in a small one (law 4)."""

from __future__ import annotations

import pytest

from eggwatch.model.events import Entry, Event, EventKind
from eggwatch.store.state.catalog import Catalog

QUESTIONS = ("twin", "other_sdist", "first_uploader", "size_of")


def filled(archives: int) -> Catalog:
    """A catalog with so many projects of one sdist each, uploaded by alice."""
    catalog = Catalog(":memory:")
    events = [
        Event(
            kind=EventKind.ADMITTED,
            at="2026-01-01T00:00:00.000000Z",
            project=f"demo{number}",
            version="1.0",
            filename=f"demo{number}-1.0.tar.gz",
            sha256=f"{number:064x}",
            size=10,
            uploader="alice",
        )
        for number in range(archives)
    ]
    catalog.apply(Entry(serial=n, event=event, offset=n, length=1, sha256="") for n, event in enumerate(events, 1))
    return catalog


def steps(catalog: Catalog, question: str) -> int:
    """Instructions of SQLite's machine that one question takes."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    catalog._db.set_progress_handler(step, 1)
    ask(catalog, question)
    catalog._db.set_progress_handler(None, 1)
    return count


def ask(catalog: Catalog, question: str) -> object:
    """One question about demo7."""
    if question == "twin":
        return catalog.twin(f"{7:064x}", key="other-1.0.tar.gz")
    if question == "other_sdist":
        return catalog.other_sdist("demo7", "1", key="other-1.0.tar.gz")
    return getattr(catalog, question)("demo7")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_lookup_does_not_grow_with_the_index(question: str) -> None:
    """The same number of SQLite's own steps at 10 and at 1 000 archives."""
    assert steps(filled(10), question) == steps(filled(1000), question) > 0


def test_what_the_judge_learns() -> None:
    """The other name of the same bytes, the other sdist, the first uploader, the bytes of a project."""
    catalog = filled(10)
    assert [ask(catalog, question) for question in QUESTIONS] == ["demo7-1.0.tar.gz", "demo7-1.0.tar.gz", "alice", 10]


def test_a_file_is_neither_its_own_twin_nor_its_own_rival() -> None:
    """Asked for itself, and for what is not there."""
    catalog = filled(10)
    assert catalog.twin(f"{7:064x}", key="demo7-1.0.tar.gz") is None
    assert catalog.other_sdist("demo7", "1", key="demo7-1.0.tar.gz") is None
    assert (catalog.first_uploader("absent"), catalog.size_of("absent")) == (None, 0)


def test_what_was_removed_is_no_rival() -> None:
    """Its bytes and its release are free again; the first uploader is still known."""
    catalog = filled(10)
    event = Event(
        kind=EventKind.REMOVED, at="2026-01-02T00:00:00.000000Z", project="demo7", filename="demo7-1.0.tar.gz"
    )
    catalog.apply([Entry(serial=11, event=event, offset=11, length=1, sha256="")])
    assert [ask(catalog, question) for question in QUESTIONS] == [None, None, "alice", 0]


def test_the_first_uploader_is_the_first_who_is_known() -> None:
    """After an import that records no uploader, the next uploader counts as the first."""
    catalog = Catalog(":memory:")
    for serial, (name, uploader) in enumerate([("a-1.tar.gz", None), ("a-2.tar.gz", "bob"), ("a-3.tar.gz", "eve")], 1):
        event = Event(kind=EventKind.IMPORTED, at="2026-01-01T00:00:00.000000Z", project="a", filename=name,
                      uploader=uploader, version="1", sha256=name, size=1)  # fmt: skip
        catalog.apply([Entry(serial=serial, event=event, offset=serial, length=1, sha256="")])
    assert catalog.first_uploader("a") == "bob"
