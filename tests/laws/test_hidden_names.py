"""A crash may leave an original under its hidden name; anybody else may give a file such a name, too."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator

import pytest

from eggwatch.intake import retire
from eggwatch.store.drop import retiring
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, quick_folder


class Died(BaseException):
    """Stands in for a kill."""


NAME, DATA = wheel("demo")
HIDDEN = f".eggwatch-1-{hashlib.sha256(DATA).hexdigest()[:8]}"


@pytest.fixture
def work() -> Iterator[IndexAtWork]:
    with quick_folder() as base, IndexAtWork(base) as work:
        yield work


def killed(work: IndexAtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload is published, and the process dies while its original is hidden."""
    assert work.index is not None
    with monkeypatch.context() as patch:
        patch.setattr(retiring, "finish", _dies)
        with pytest.raises(Died):
            work.upload(f"team/{NAME}", DATA)
    work.index.abandon()
    work.index = None
    assert work.lying() == [f"team/{HIDDEN}"]


def _dies(*_: object) -> None:
    raise Died


def test_what_we_have_hidden_goes_after_a_crash_without_a_second_copy(
    work: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(work, monkeypatch)
    work.open()
    assert work.index is not None
    monkeypatch.setattr(work.index.pipeline.components.spool, "claiming", _dies)
    work.work()
    assert work.lying() == [] and len(work.events()) == 1


def test_what_nobody_remembers_to_have_hidden_is_not_read_but_an_upload_like_any_other(
    work: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the catalog was lost together with it, but for a small one: nothing is lost."""
    killed(work, monkeypatch)
    monkeypatch.setattr(retire, "SOON_READ", 0)
    monkeypatch.setattr(retiring, "_sha256", _dies)
    shutil.copy(work.config.drop / "team" / HIDDEN, work.config.drop / "team/another")
    (work.config.drop / "team/another").rename(work.config.drop / "team" / HIDDEN)
    work.open()
    work.work()
    assert work.lying() == [] and [event["event"] for event in work.events()] == ["admitted"]


def test_a_small_one_whose_name_was_taken_is_known_by_its_hash_although_the_catalog_is_lost(
    work: IndexAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its first hidden name was taken it has a random one, which says nothing of its bytes."""
    killed(work, monkeypatch)
    (work.config.drop / "team" / HIDDEN).rename(work.config.drop / "team/.eggwatch-1-0123abcd")
    (work.config.state / "catalog.sqlite3").unlink()
    work.open()
    work.work()
    assert work.lying() == [] and [event["event"] for event in work.events()] == ["admitted"]


def test_many_files_under_names_of_unknown_events_are_one_fault(work: IndexAtWork) -> None:
    for number in range(50):
        work.put(f"some{number}/x", b"")
        (work.config.drop / f"some{number}/x").rename(work.config.drop / f"some{number}/.eggwatch-9-0123abcd")
    work.work()
    assert work.index is not None
    (fault,) = work.index.pipeline.uploads.faults.values()
    assert "and 49 more: left by an unknown event" in fault


@pytest.mark.parametrize("serial", ["0", "9" * 18, "9" * 20, "9" * 200, "\u0664"])
def test_a_hidden_name_with_any_number_stops_nothing(work: IndexAtWork, serial: str) -> None:
    """Anybody may give one to a file of his own; SQLite knows no number of twenty digits."""
    (work.config.drop / f".eggwatch-{serial}-01234567").write_bytes(b"of somebody else")
    work.upload(NAME, DATA)
    assert work.files("demo") and work.lying() == [f".eggwatch-{serial}-01234567"]
