"""Faults of order and durability, planted one at a time: with each of them the crash test must turn red.

A fault changes eggwatch inside the process that plays the history, as a careless change of its code would.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eggwatch.intake.retire import Retirement
from eggwatch.model.events import Entry, Event
from eggwatch.model.verdicts import Admit, Verdict
from eggwatch.pipeline import announce
from eggwatch.pipeline.in_hand import InHand
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.pipeline.sweep import GracePeriod
from eggwatch.policy.retries import Progress
from eggwatch.store import durable
from eggwatch.store.drop import retiring
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.retiring import Hidden, RetireOutcome
from eggwatch.store.durable import Place
from eggwatch.store.public.pool import Pool
from eggwatch.store.public.spool import Spool
from eggwatch.store.state.catalog import Catalog, Original
from eggwatch.store.state.ledger import Ledger, Position
from eggwatch.targets.folder import FolderTarget

Plant = Callable[[], None]
BUSY = 2.0
"""Seconds for which a forked worker outlives its daemon."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A planted fault. `near` (a regular expression) names the kill points around which it shows.

    `fates` are those of DROP, PUBLIC and STATE when the power is cut (one letter each: l for lost, k for
    kept, s for saved), None where killing is enough. `twice`: shows only when the restarted process dies too.
    `outlives`: what shows is a process that outlives the killed one. No copy of the disk has these two.
    """

    plant: Plant
    near: str
    fates: str | None = None
    twice: bool = False
    outlives: bool = False


FAULTS: dict[str, Fault] = {}


def fault(
    near: str, *, fates: str | None = None, twice: bool = False, outlives: bool = False
) -> Callable[[Plant], Plant]:
    """Register a function that plants a fault under its own name."""

    def register(plant: Plant) -> Plant:
        FAULTS[plant.__name__] = Fault(plant=plant, near=near, fates=fates, twice=twice, outlives=outlives)
        return plant

    return register


def _nothing(*_: Any, **__: Any) -> None:
    """Stands where something was done."""


class _Later:
    """Archives and their metadata, put off."""

    def __init__(self) -> None:
        self._place, self._place_metadata = Pool.place, Pool.place_metadata
        self._waiting: list[Callable[[], None]] = []
        Pool.place = lambda pool, source, **where: self._put_off(pool, source, where)  # type: ignore[method-assign]
        Pool.place_metadata = lambda *data, **where: self._waiting.append(  # type: ignore[method-assign]
            lambda: self._place_metadata(*data, **where)
        )

    def _put_off(self, pool: Pool, source: Path, where: dict[str, str]) -> None:
        kept = pool.folder.parent / f"{source.name}.{os.getpid()}"
        os.link(source, kept)
        self._waiting.append(lambda: self._link(pool, kept, where))

    def _link(self, pool: Pool, kept: Path, where: dict[str, str]) -> None:
        self._place(pool, kept, **where)
        kept.unlink()

    def go(self) -> None:
        """Do now what was put off."""
        waiting, self._waiting = self._waiting, []
        for link in waiting:
            link()


@fault(r"rename .*/simple/\w+/index")
def pages_before_archives() -> None:
    """The archive is linked when its pages are out already."""
    later, publish = _Later(), FolderTarget.publish

    def published(target: FolderTarget, pages: Any) -> Any:
        changed = publish(target, pages)
        later.go()
        return changed

    FolderTarget.publish = published  # type: ignore[method-assign]


@fault(r"link .*/files/")
def commit_before_link() -> None:
    """The ledger says that a file is there before it is."""
    later, append = _Later(), Ledger.append

    def appended(ledger: Ledger, events: Iterable[Event]) -> list[Entry]:
        entries = append(ledger, events)
        later.go()
        return entries

    Ledger.append = appended  # type: ignore[method-assign]


@fault(r"append .*ledger")
def unlink_before_commit() -> None:
    """Original and claim of what is admitted go before the commit."""
    admit, release = Pipeline.admit, Spool.release

    def admitted(pipeline: Pipeline, verdicts: list[tuple[InHand, Verdict]]) -> None:
        def committed(*arguments: Any) -> Any:
            for hand, verdict in verdicts:
                if isinstance(verdict, Admit):
                    durable.unlink(pipeline.config.drop / hand.claim.path)
                    release(pipeline.components.spool, hand.claim)
            return commit(*arguments)

        commit, pipeline.commit = pipeline.commit, committed  # type: ignore[method-assign]
        try:
            admit(pipeline, verdicts)
        finally:
            del pipeline.commit

    Pipeline.admit = admitted  # type: ignore[method-assign]


@fault(r"append .*ledger")
def catalog_before_ledger() -> None:
    """The projection knows an event before it has happened."""

    def committed(self: Pipeline, events: list[Event], originals: Iterable[Original] = ()) -> list[Entry]:
        sync, append, ledger = Ledger._commit, durable.append, self.components.ledger
        durable.append = Ledger._commit = _nothing  # type: ignore[assignment, method-assign]
        try:
            before = ledger.end
            entries = ledger.append(events)
        finally:
            durable.append, Ledger._commit = append, sync  # type: ignore[method-assign]
        self.components.catalog.apply(entries, tuple(originals))
        ledger.end = before
        return commit(self, events, originals)

    commit = Pipeline.commit
    Pipeline.commit = committed  # type: ignore[method-assign]


@fault(r"(sync .*ledger|rename .*/simple/\w+/index)", fates="ssl")
def no_fsync_of_the_ledger() -> None:
    """The commit is only written."""
    Ledger._commit = _nothing  # type: ignore[method-assign]


@fault(r"(sqlite-commit|append .*ledger)", fates="sls")
def no_sync_of_the_archives() -> None:
    """Links of archives and their metadata are not synced before the commit."""
    Pool.sync = _nothing  # type: ignore[method-assign]


@contextmanager
def _sync_is(replacement: Callable[[Iterable[Path]], None]) -> Iterator[None]:
    sync = durable.sync
    durable.sync = replacement
    try:
        yield
    finally:
        durable.sync = sync


def _publishing_with(which: Callable[[Path], bool]) -> None:
    """Publishing syncs only the paths that `which` lets through."""
    publish, sync = FolderTarget.publish, durable.sync

    def published(target: FolderTarget, pages: Any) -> Any:
        with _sync_is(lambda paths: sync([path for path in paths if which(path)])):
            return publish(target, pages)

    FolderTarget.publish = published  # type: ignore[method-assign]


@fault(r"(sync .*/simple|sqlite-commit|tell)", fates="sks")
def no_sync_of_new_pages() -> None:
    """Pages are renamed into place before their bytes are on the disk."""
    _publishing_with(lambda path: path.is_dir())


@fault(r"tell recorder", fates="sls")
def no_sync_of_the_folders() -> None:
    """The names of new pages are not synced."""
    _publishing_with(lambda path: not path.is_dir())


@fault(r"rename .*/simple/\w+/index")
def stale_list_cleared_early() -> None:
    """Pages are struck off the list before they are published."""
    publish = Pipeline.publish

    def published(self: Pipeline, listings: list[Any]) -> None:
        self.components.catalog.mark_published((listing, None, None) for listing in listings)
        publish(self, listings)

    Pipeline.publish = published  # type: ignore[method-assign]


@fault(r"tell ")
def cursor_moved_before_telling() -> None:
    """A notifier's cursor says that it has told what it is going to tell."""
    tell = announce.News.tell

    def told(self: announce.News) -> None:
        visible = [entry.serial for entry in self._untold if self._may_tell(entry)]
        if visible:
            self._cursors.keep({one.name: Progress(cursor=max(visible)) for one in self._deliveries})
        tell(self)

    announce.News.tell = told  # type: ignore[method-assign]


@fault(r"rename .*/simple/(beta|gamma|delta)")
def root_before_project_pages() -> None:
    """The root lists projects whose pages are not published yet."""
    publish, root = Pipeline.publish, Catalog.root

    def all_projects(catalog: Catalog) -> Any:
        catalog._db.execute("UPDATE projects SET page_serial = serial")
        return root(catalog)

    def published(self: Pipeline, listings: list[Any]) -> None:
        self.components.catalog.set_meta({"root_serial": None})
        self.components.front.finish()
        publish(self, listings)

    Catalog.root = all_projects  # type: ignore[method-assign]
    Pipeline.publish = published  # type: ignore[method-assign]


@fault(r"unlink ")
def originals_leave_by_name() -> None:
    """What lies under the original's name at its end is taken for the original."""
    finish = retiring.finish

    def finished(hidden: Hidden, answers: Answers) -> RetireOutcome:
        name = Place(hidden.folder, hidden.departure.path.rpartition("/")[2])
        durable.unlink_at(name)
        return finish(hidden, answers)

    retiring.finish = finished


@fault(r"unlink .*/files/")
def grace_ignored() -> None:
    """Removed bytes go at once."""
    GracePeriod.left = lambda *_, **__: 0.0  # type: ignore[method-assign]


@fault(r"unlink .*\.eggwatch-")
def hidden_originals_forgotten() -> None:
    """What a crash left under a hidden name is not looked at."""
    Retirement.resume = _nothing  # type: ignore[method-assign]


@fault(r"unlink .*\(as ", fates="kss")
def no_sync_of_answers() -> None:
    """Receipts and reasons are told of before they are on the disk."""
    durable.Unsynced.sync = _nothing  # type: ignore[method-assign]


@fault(r"rename .*/simple/alpha/index\.html\.gz", fates="lks")
def no_sync_before_a_removal() -> None:
    """A removal does not see to it that the upload stays gone; later its receipt is synced to the same disk."""
    durable.sync_everything = _nothing  # type: ignore[assignment]


@fault(r"sync .*ledger", fates="ssl", twice=True)
def found_ledger_not_synced() -> None:
    """A line that a killed process had only written is built upon."""
    Ledger.make_last = _nothing  # type: ignore[method-assign]


@fault(r"link .*/files/")
def linked_but_uncommitted_is_an_error() -> None:
    """A name in files/ that the ledger does not know is never recognised."""
    Pool._recognise = _refuse  # type: ignore[method-assign]


def _refuse(self: Pool, target: Path, sha256: str) -> None:
    from eggwatch.store.public.pool import StrangerInPoolError

    raise StrangerInPoolError(f"{target} exists")


@fault(r"unlink .*\.eggwatch/")
def spool_not_recovered() -> None:
    """Claims that a crash left in the spool are not taken up again."""
    Pipeline.recover = _nothing  # type: ignore[method-assign]


@fault(r"sync .*ledger", outlives=True)
def a_forked_worker() -> None:
    """A worker is forked, so that it has the lock, and is still busy when the daemon is killed."""
    opened = Ledger.open

    def forked(ledger: Ledger, end: Position) -> None:
        opened(ledger, end)
        daemon = os.getpid()
        if os.fork() == 0:
            while os.getppid() == daemon:
                time.sleep(0.01)
            time.sleep(BUSY)  # the fault itself: it holds the lock for so long
            os._exit(0)

    Ledger.open = forked  # type: ignore[method-assign]
