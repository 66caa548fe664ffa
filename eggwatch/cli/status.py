"""eggwatch status: read only, without the lock."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import event_line, json_option, print_json, say
from eggwatch.cli.url_option import reader_afar, url_option
from eggwatch.errors import NotFoundError
from eggwatch.model.counting import counted
from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import shown
from eggwatch.model.queue import Stage
from eggwatch.model.status import Status
from eggwatch.readers.status import Standing, standing
from eggwatch.readers.status_fields import is_silent

if TYPE_CHECKING:
    from eggwatch.readers.remote import RemoteReader

KEPT_IN = {
    "quarantine": "quarantine (public/.eggwatch/quarantine/)",
    "damaged": "state, as damaged catalogs (*.damaged-*)",
    "leftovers": "the drop folder, under hidden names (.eggwatch-*)",
}
"""Where kept files are, if their folder has another name."""
STAGES = {Stage.IN_HAND: "in progress", Stage.WAITING: "waiting", Stage.UNFINISHED: "unfinished"}


@click.command()
@index_options
@url_option
@json_option
def status(selection: Selection, url: str | None, as_json: bool) -> None:
    """Show the status of each index: whether a daemon runs, what is waiting and why, and problems.

    Problems come first, then counts, what is waiting, and the last events with the newest last. Without a daemon it
    shows what is in the folders, and nothing that the last daemon reported.

    \b
    Examples:
      eggwatch status
      eggwatch status --url http://packages.example.com/
    Exit status: 0 all is well, 1 there are problems (for example, uploads
    wait and no daemon runs).
    """
    if url is not None:
        _say_remote(reader_afar(url), as_json=as_json)
        return
    states = [standing(index) for index in selection.all()]
    for state in states:
        print_json(state.as_json()) if as_json else _say_state(state)
    sys.exit(1 if any(state.status.faults for state in states) else 0)


def _say_remote(reader: RemoteReader, *, as_json: bool) -> None:
    """Print PUBLIC/status.json, which has the number of faults and not their texts."""
    state = reader.status()
    if state is None:
        raise NotFoundError(
            f"There is no {reader.base}status.json.",
            remedy="Let the web server show it; 'eggwatch list --url' may work.",
        )
    problems = _problems_afar(state)
    if as_json:
        print_json({"problems": problems, **state.as_public_json()})
    else:
        say(f"{reader.base}: {'ready' if state.ready else 'not ready'}; last updated {shown(str(state.at))}")
        for problem in problems:
            say(f"  problem: {shown(problem)}")
        if state.projects is not None:  # a daemon that could not open its index has not counted them
            _say_counts(state)
        _say_surroundings(state)
    sys.exit(1 if problems else 0)


def _problems_afar(state: Status) -> list[str]:
    """The problems that PUBLIC/status.json shows."""
    problems = []
    if is_silent(state):
        problems.append(f"the daemon has not reported since {state.at}")
    elif state.running is False and state.queue_length:
        problems.append(f"no daemon is running, and the drop folder has {counted(state.queue_length, 'upload')}")
    if state.faults_count:
        problems.append(f"{counted(state.faults_count, 'fault')}; 'eggwatch status' on the server shows them")
    return problems


def _say_counts(state: Status) -> None:
    counts = f"{counted(state.projects or 0, 'project')}, {counted(state.files or 0, 'file')}"
    say(f"  {counts}, last serial {state.serial}")
    if state.pages_stale:
        say(f"  pages waiting to be rendered: {counted(state.pages_stale, 'project')}")


def _say_state(standing: Standing) -> None:
    state = standing.status
    say(f"{state.index}: {_who_works(state)}")
    for what, why in state.faults.items():
        say(f"  problem: {what}: {why}")
    if state.projects is not None:
        _say_counts(state)
    if state.watcher is not None:
        polling = f"polling only: {state.watcher.reason}"
        say(f"  watching: {polling if state.watcher.mode == 'polling' else 'inotify'}")
    _say_queue(state)
    _say_surroundings(state)
    for name, behind in (state.behind or {}).items():
        told = f"{counted(behind, 'event')} behind" if behind else "up to date"
        say(f"  {name}: {told}")
    for folder, kept in (state.leavings or {}).items():
        if kept.files:
            place = KEPT_IN.get(folder, f"{folder}/")
            say(f"  kept in {place}: {counted(kept.files, 'file')}, {counted(kept.bytes, 'byte')}")
    for serial, event in _as_of_now(standing.last_events):
        say(f"  event {event_line(serial, event).strip()}")


def _as_of_now(events: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
    """Events, oldest first; says until when removed bytes can be downloaded if no later event changed that."""
    later, told = set[str | None](), list[tuple[int, Event]]()
    for serial, event in reversed(events):
        told.append((serial, replace(event, bytes_until=None) if event.filename in later else event))
        later |= {event.filename} if event.kind in (EventKind.REMOVED, EventKind.ADMITTED) else set()
    return told[::-1]


def _who_works(state: Status) -> str:
    """Whether a daemon is running, and when the status was last updated."""
    if state.running is None:
        more = f"; last updated {state.at}" if state.at else ""
        return f"this account can't see whether a daemon is running{more}"
    if not state.running:
        return "no daemon is running"
    if state.pid is None:
        return "another command is running"
    return f"daemon running, pid {state.pid}; last updated {state.at}"


def _say_queue(state: Status) -> None:
    counts = state.queue_counts or Counter(row.stage for row in state.queue)  # a daemon before had no counts
    if any(counts.values()):
        say(f"  queue: {', '.join(f'{counts[stage]} {word}' for stage, word in STAGES.items())}{_age(state)}")
    since = {row.path: f" (since {row.since})" for row in state.queue}
    for row in state.waiting:
        say(f"  drop folder:  {row.path}: {row.reason}{since.get(row.path, '')}")
    if state.waiting_not_shown:
        say(f"  drop folder:  and {state.waiting_not_shown} more files")
    if state.unseen is not None:
        say(f"  drop folder: {state.unseen}")


def _age(state: Status) -> str:
    seconds = state.oldest_waiting_seconds
    return "" if seconds is None else f"; oldest waiting for {seconds:.0f} s"


def _say_surroundings(state: Status) -> None:
    """Lag, disks and the last `verify`: what a state of an older eggwatch does not have is left out."""
    if state.last_publish_seconds is not None:
        say(f"  last publication: {state.last_publish_seconds:.2f} s from claim to page")
    for folder, free in (state.disk_free or {}).items():
        if free is not None:
            short = ", less than min-free" if free < (state.min_free or 0) else ""
            say(f"  free for {folder}: {free / (1 << 20):.0f} MiB{short}")
    if state.last_verify is not None:
        found = counted(state.last_verify.findings, "finding")
        say(f"  last verified {state.last_verify.at}: {found}")
