"""The status of an index: as its daemon reports it, or, without a daemon, as the folders show it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import FolderError, in_words
from eggwatch.model.counting import counted
from eggwatch.model.events import Event, seconds_of
from eggwatch.model.names import shown
from eggwatch.model.queue import FINAL, MOST_SHOWN, Fate, Queued, Stage, queue_of
from eggwatch.model.status import Delivery, Status, WaitingFile
from eggwatch.policy.settling import remark_on
from eggwatch.policy.subscriptions import is_outside
from eggwatch.readers.local import IndexReader
from eggwatch.readers.missing import Absence
from eggwatch.readers.status_fields import (
    SILENCE,
    is_silent,
    with_cursors,
    with_queue,
    with_surroundings,
    without_queue,
    writer_lives,
)
from eggwatch.store.drop.folder import Drop, Found, Survey
from eggwatch.store.state.catalog_reader import Original
from eggwatch.store.state.cursors import DAEMON, Cursors

HANDFUL = 5
"""Last events that `status` shows."""

LET_GO = "the daemon closed the index after an error and will open it again; see its log"

START = "Start it: 'systemctl start eggwatch' or 'eggwatch run'. 'eggwatch run --once' publishes what is there now."


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of an index: its status, its last events (each with its serial, oldest first), and its deliveries."""

    status: Status
    last_events: tuple[tuple[int, Event], ...]
    news: Mapping[str, Delivery]

    def as_json(self) -> dict[str, Any]:
        """As `status --json` has it: faults and what is waiting come first; what is not known is null."""
        status = dict.fromkeys(self.status.__slots__) | self.status.as_json()
        first = {key: status[key] for key in ("index", "faults", "waiting")}
        events = [{"serial": serial, **event.as_json()} for serial, event in self.last_events]
        news = {name: asdict(one) for name, one in self.news.items()}
        return {**first, **status, "running": self.status.running, "last_events": events, "news": news}


def standing(config: IndexConfig) -> Standing:
    """Everything that this account can know about an index; what only a daemon knows is None if none runs.

    `running` is None if this account can't see whether a daemon runs.
    """
    reader = IndexReader(config=config)
    status, news = _status(config, reader), reader.news()
    faults = {f"news.{name}": fault for name, one in news.items() if (fault := _fault_of(one)) is not None}
    status = _reasons_first(replace(status, faults={**status.faults, **faults}), config, reader)
    return Standing(status=status, last_events=tuple(reversed(reader.last_events(HANDFUL))), news=news)


def _status(config: IndexConfig, reader: IndexReader) -> Status:
    """From the daemon's status if it runs; else from the files."""
    said = reader.status() or Status()
    said = replace(said, index=said.index or config.name)
    running = reader.is_running()
    if not reader.sees_lock():
        return _from_outside(said, config, reader)
    if running and reader.is_by_holder(said):
        return replace(said, running=True)
    status = _looked_into(_counted(with_surroundings(said, config), reader), config, reader)
    if writer_lives(said):
        # What is so while a daemon lives and is not at work on this index: it will open it again by itself.
        told_why = said.faults if not said.ready else {}  # else it is from a time when all was well
        faults = {**(told_why or {"index": LET_GO}), **status.faults}
        return replace(status, running=True, ready=False, in_hand=(), faults=faults, faults_count=len(faults))
    # Without a daemon nothing that the last one reported is repeated.
    status = replace(status, pid=None, account=None, privileges=None, watcher=None, ready=False, in_hand=())
    return replace(status, running=running, faults_count=len(status.faults))


def _from_outside(said: Status, config: IndexConfig, reader: IndexReader) -> Status:
    """What an account that may not enter STATE can know: the drop folder, and PUBLIC/status.json."""
    status = _looked_into(said, config, reader)
    if status.unseen is not None:
        status = replace(status, queue_length=said.queue_length, oldest_waiting_seconds=said.oldest_waiting_seconds)
    if is_silent(said):
        silent = {"daemon": f"it has not reported since {said.at}. {START}"}
        status = replace(status, faults={**status.faults, **silent})
    return replace(status, running=None) if reader.is_running() else replace(status, running=False, ready=False)


def _reasons_first(status: Status, config: IndexConfig, reader: IndexReader) -> Status:
    """The status with what prevents everything else listed first."""
    first = {one.what: one.text for one in [*reader.missing(), *idleness(config, status, now=time.time())]}
    faults = {**first, **status.faults}
    count = None if status.faults_count is None else max(len(faults), status.faults_count)
    return replace(status, faults=faults, faults_count=count)


def idleness(config: IndexConfig, status: Status, *, now: float) -> list[Absence]:
    """No daemon runs although there is work, or one runs and has not reported for long."""
    queue, stale = status.queue_length or 0, status.pages_stale or 0
    if status.running is False and (queue or stale):
        work = [f"{counted(queue, 'upload')} in the drop folder" if queue else ""]
        work += [f"the pages of {counted(stale, 'project')}" if stale else ""]
        wait = "waits" if queue == 1 and not stale else "wait"
        problem = f"no daemon is running, and {' and '.join(filter(None, work))} {wait} for one"
        return [Absence(what="daemon", where=config.state, problem=problem, remedy=START)]
    age = now - seconds_of(status.at) if status.running and status.pid and status.at else 0.0
    if age > SILENCE:
        problem = f"process {status.pid} is running and has not reported for {age:.0f} s"
        return [Absence(what="daemon", where=config.state, problem=problem, remedy="Restart it. Its log may say why.")]
    return []


def _fault_of(news: Delivery) -> str | None:
    if news.error is not None:
        return f"failing since {news.failing_since}, {counted(news.behind, 'event')} behind: {news.error}"
    if news.undelivered:
        return f"{news.undelivered} undelivered: see STATE/news/undelivered.jsonl, then 'eggwatch notify --retry'"
    return None


def _counted(status: Status, reader: IndexReader) -> Status:
    """What the catalog counts: commands that ran since the last daemon have changed it."""
    with reader.catalog() as catalog:
        if catalog is None:
            return status
        projects, files = catalog.counts()
        serial, stale = catalog.position().serial, catalog.stale_count()
        current = bool(status.pages_current) and not stale
    kept = Cursors(reader.config.state, DAEMON).read()
    cursors = {name: progress.cursor for name, progress in kept.items() if not is_outside(name)}
    status = replace(status, projects=projects, files=files, pages_stale=stale, pages_current=current)
    return with_cursors(replace(status, serial=serial), serial, cursors)


def _looked_into(status: Status, config: IndexConfig, reader: IndexReader) -> Status:
    """The status with the contents of the drop folder, as far as this account may read it."""
    try:
        survey = Drop(config.drop, config.formats).scan()
    except (OSError, FolderError) as error:
        closed = isinstance(error.__cause__ or error, PermissionError)
        unseen = f"{config.drop} can't be read by this account" if closed else None
        return replace(without_queue(status), faults={} if closed else {"drop": in_words(error)}, unseen=unseen)
    with reader.catalog() as catalog:
        originals = {} if catalog is None else {original.path: original for original in catalog.originals()}
    queued = [_queued(found, originals.get(found.path)) for found in survey.uploads]
    queue = queue_of([one for one in queued if one is not None])
    return with_queue(_lying_there(status, survey, originals), queue, now=time.time())


def _lying_there(status: Status, survey: Survey, originals: Mapping[str, Original]) -> Status:
    rows = {found.path: _remembered(found, originals.get(found.path)) for found in survey.uploads}
    rows |= {found.path: remark_on(found.name) or "" for found in survey.others}
    rows |= survey.unreadable
    told = sorted((path, reason) for path, reason in rows.items() if reason)
    waiting = tuple(WaitingFile(path=shown(path), reason=reason) for path, reason in told[:MOST_SHOWN])
    return replace(status, faults={}, waiting=waiting, waiting_not_shown=len(told) - len(waiting))


def _remembered(found: Found, original: Original | None) -> str:
    if original is not None and original.fate is Fate.KEPT and original.identity == found.identity:
        return original.reason or ""
    lines = (original.reason or "").strip().splitlines() if original is not None else []
    if original is None or original.identity != found.identity or not lines:
        return "waiting for the daemon"
    return f"{original.fate}: {shown(lines[-1])}"


def _queued(found: Found, original: Original | None) -> Queued | None:
    """An upload without a verdict; no daemon watches it, so it is as old as its last change."""
    fate = original.fate if original is not None and original.identity == found.identity else None
    if fate in FINAL:
        return None
    return Queued(
        path=found.path,
        stage=Stage.WAITING if fate is None else Stage.UNFINISHED,
        since=found.identity.ctime_ns / 1e9,
        reason=_remembered(found, original),
    )
