"""How an index stands: as its daemon tells it, and where none is alive, as what lies there tells."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import FolderError, in_words
from eggwatch.model.counting import counted
from eggwatch.model.events import Event, seconds_of
from eggwatch.model.names import shown
from eggwatch.model.queue import FINAL, MOST_SHOWN, Queued, Stage, queue_of
from eggwatch.policy.settling import remark_on
from eggwatch.policy.subscriptions import is_outside
from eggwatch.readers.local import IndexReader
from eggwatch.readers.missing import Absence
from eggwatch.readers.remote import SILENCE, is_silent
from eggwatch.readers.status_fields import UNKNOWN_LAG, around, lag, queue_rows, told, writer_lives
from eggwatch.store.drop.folder import Drop, Found, Survey
from eggwatch.store.state.catalog import Original

HANDFUL = 5
"""Last events that `status` shows."""

LET_GO = "the daemon has let go of it after an error, and will try again: see its log"

START = "Start it: 'systemctl start eggwatch', or 'eggwatch run'; 'eggwatch run --once' does what is there now."
LIVE = ("pid", "account", "privileges", "watcher")
"""What only a living daemon has."""


def standing(config: IndexConfig) -> dict[str, Any]:
    """Everything that this account can know of an index now; what only a living daemon could tell is None without one.

    `running` is None where this account can't tell whether a daemon is.
    """
    reader = IndexReader(config=config)
    running = reader.is_running()
    said = reader.status() or {}
    state = {"index": config.name, "faults": {}, "waiting": [], **said, "running": running}
    if not reader.sees_lock():
        state |= _from_outside(config, reader, said)
    elif running and reader.is_by_holder(said):
        pass  # it knows best
    elif writer_lives(said):
        state |= _let_go(config, reader, said)
    else:
        state |= _without_daemon(config, reader, said)
    events = reversed(reader.last_events(HANDFUL))
    state |= {"last_events": [_event_json(serial, event) for serial, event in events]}
    return _reasons_first(_with_news(state, reader), config, reader)


def _from_outside(config: IndexConfig, reader: IndexReader, said: Mapping[str, Any]) -> dict[str, Any]:
    """What an account can know that may not enter STATE: what lies in the drop, and what PUBLIC/status.json tells."""
    state = _looked_into(config, reader)
    if "unseen" in state:
        state |= {key: said.get(key) for key in UNKNOWN_LAG}
    if is_silent(said):
        state["faults"] |= {"daemon": f"it has told nothing of itself since {said['at']}. {START}"}
    return state | ({"running": None} if reader.is_running() else {"running": False, "ready": False})


def _reasons_first(state: dict[str, Any], config: IndexConfig, reader: IndexReader) -> dict[str, Any]:
    """The state with what keeps everything from working before all else that is told of it."""
    first = {one.what: one.text for one in [*reader.missing(), *idleness(config, state, now=time.time())]}
    faults = {**first, **state["faults"]}
    counts = {"faults_count": max(len(faults), state.get("faults_count", 0))} if "faults_count" in state else {}
    rest = {key: value for key, value in state.items() if key not in ("index", "faults")}
    return {"index": state["index"], "faults": faults, **rest, **counts}


def idleness(config: IndexConfig, state: Mapping[str, Any], *, now: float) -> list[Absence]:
    """That nobody is at work although there is work, or that somebody is and has told nothing for long."""
    queue, stale = state.get("queue_length") or 0, state.get("pages_stale", 0)
    if state["running"] is False and (queue or stale):
        work = [f"{counted(queue, 'upload')} in the drop folder" if queue else ""]
        work += [f"the pages of {counted(stale, 'project')}" if stale else ""]
        problem = f"no daemon is running, and {' and '.join(filter(None, work))} {_wait(queue, stale)} for one"
        return [Absence(what="daemon", where=config.state, problem=problem, remedy=START)]
    age = now - seconds_of(state["at"]) if state["running"] and state.get("pid") and state.get("at") else 0.0
    if age > SILENCE:
        problem = f"process {state['pid']} is at work on it and has told nothing of itself for {age:.0f} s"
        return [Absence(what="daemon", where=config.state, problem=problem, remedy="Restart it: its log says more.")]
    return []


def _wait(queue: int, stale: int) -> str:
    return "waits" if queue == 1 and not stale else "wait"


def _with_news(state: dict[str, Any], reader: IndexReader) -> dict[str, Any]:
    """The state with what the courier keeps: it may be at work without a daemon, and be in trouble beside one."""
    news = reader.news()
    faults = {f"news.{name}": fault for name, one in news.items() if (fault := _fault_of(one)) is not None}
    return {**state, "news": news, "faults": {**state["faults"], **faults}}


def _fault_of(news: dict[str, Any]) -> str | None:
    if news["error"] is not None:
        return f"failing since {news['failing_since']}, {counted(news['behind'], 'event')} behind: {news['error']}"
    if news["undelivered"]:
        return f"{news['undelivered']} undelivered: see STATE/news/undelivered.jsonl, then 'eggwatch notify --retry'"
    return None


def _event_json(serial: int, event: Event) -> dict[str, Any]:
    return {"serial": serial, **event.as_json()}


def _let_go(config: IndexConfig, reader: IndexReader, said: Mapping[str, Any]) -> dict[str, Any]:
    """What is so while a daemon lives and is not at work on this index: it will open it again by itself."""
    state = {"ready": False, "in_hand": [], **around(config), **_counted(reader), **_looked_into(config, reader)}
    told_why = not said.get("ready") and said.get("faults")  # else it was last told while all was well
    faults = {**(told_why or {"index": LET_GO}), **state["faults"]}
    return {**state, "running": True, "faults": faults, "faults_count": len(faults)}


def _without_daemon(config: IndexConfig, reader: IndexReader, said: Mapping[str, Any]) -> dict[str, Any]:
    """What is so while nobody is at work: nothing that the last daemon said of itself is repeated."""
    state = {**dict.fromkeys(LIVE), "ready": False, "in_hand": [], **around(config)}
    counts = _counted(reader)
    if counts:
        state |= counts | {"pages_current": bool(said.get("pages_current")) and not counts["pages_stale"]}
    state |= _looked_into(config, reader)
    return {**state, "faults_count": len(state["faults"])}


def _counted(reader: IndexReader) -> dict[str, Any]:
    """What the catalog counts: commands that ran since the last daemon have changed it."""
    with reader.catalog() as catalog:
        if catalog is None:
            return {}
        projects, files = catalog.counts()
        serial = catalog.position().serial
        counts = {"projects": projects, "files": files, "serial": serial, "pages_stale": catalog.stale_count()}
        return counts | told(serial, {name: end for name, end in catalog.cursors().items() if not is_outside(name)})


def _looked_into(config: IndexConfig, reader: IndexReader) -> dict[str, Any]:
    """What lies in the drop folder, as far as this account may look."""
    try:
        survey = Drop(config.drop, config.formats).scan()
    except (OSError, FolderError) as error:
        nothing: dict[str, Any] = {"faults": {}, "waiting": [], "queue": [], "unfinished": []}
        nothing |= UNKNOWN_LAG
        if isinstance(error.__cause__ or error, PermissionError):
            return nothing | {"unseen": f"{config.drop} can't be looked into by this account"}
        return nothing | {"faults": {"drop": in_words(error)}}
    with reader.catalog() as catalog:
        originals = {} if catalog is None else {original.path: original for original in catalog.originals()}
    queued = [_queued(found, originals.get(found.path)) for found in survey.uploads]
    queue = queue_of([one for one in queued if one is not None])
    return {
        "faults": {},
        **_lying_there(survey, originals),
        **queue_rows(queue),
        **lag(queue, now=time.time()),
    }


def _lying_there(survey: Survey, originals: Mapping[str, Original]) -> dict[str, Any]:
    rows = {found.path: _remembered(found, originals.get(found.path)) for found in survey.uploads}
    rows |= {found.path: remark_on(found.name) or "" for found in survey.others}
    rows |= survey.unreadable
    told = sorted((path, reason) for path, reason in rows.items() if reason)
    waiting = [{"path": shown(path), "reason": reason} for path, reason in told[:MOST_SHOWN]]
    return {"waiting": waiting, "waiting_not_shown": len(told) - len(waiting)}


def _remembered(found: Found, original: Original | None) -> str:
    lines = (original.reason or "").strip().splitlines() if original is not None else []
    if original is None or original.identity != found.identity or not lines:
        return "waits for the daemon"
    return f"{original.fate}: {shown(lines[-1])}"


def _queued(found: Found, original: Original | None) -> Queued | None:
    """An upload that has no verdict; nobody watches it, so that it is as old as its last change."""
    fate = original.fate if original is not None and original.identity == found.identity else None
    if fate in FINAL:
        return None
    return Queued(
        path=found.path,
        stage=Stage.WAITING if fate is None else Stage.UNFINISHED,
        since=found.identity.ctime_ns / 1e9,
        reason=_remembered(found, original),
    )
