"""eggwatch wait: wait until something can be installed, or say why not."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from eggwatch.cli.options import Selection, duration_option, index_options
from eggwatch.cli.output import json_option, print_json, say, say_error
from eggwatch.cli.url_option import AnyReader, reader_of, url_option
from eggwatch.errors import TimeoutReachedError
from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Level
from eggwatch.policy.orders import Spec, parse_spec
from eggwatch.readers.local import IndexReader
from eggwatch.store.state.catalog_reader import key_of

PAUSE = 0.1
PAUSE_AFAR = 1.0
IDLE_SECONDS = 1.0
"""How long no daemon must be seen before that is believed: one may be restarting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is waited for: a spec, and its sha256 if a file was named."""

    text: str
    spec: Spec | None
    filename: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How the waiting ended: there (True), refused (False), or the time was up (None)."""

    there: bool | None
    text: str
    event: Event | None = None


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="SPEC|FILE…")
@index_options
@click.option("--timeout", default="5m", show_default=True, help="For all together; 0 looks once.")
@url_option
@json_option
def wait(selection: Selection, what: tuple[str, ...], timeout: str, url: str | None, as_json: bool) -> None:
    """Wait until files, versions or projects can be installed, or say why they were rejected.

    An argument with a slash, or the name of an existing file, means a file with exactly these bytes.

    \b
    Examples:
      eggwatch wait demo==1.0
      eggwatch wait dist/* --timeout 30s
      eggwatch wait dist/demo-1.0.tar.gz --url http://packages.example.com/
    Exit status: 0 installable, 1 rejected or no daemon is running, 4 timeout.
    """
    reader = reader_of(selection, url)
    deadline = time.monotonic() + duration_option(timeout)
    answers = [
        report("what", one, answer_by(reader, wanted, deadline=deadline), as_json=as_json)
        for one, wanted in [(one, understand(one)) for one in what]
    ]
    sys.exit(exit_status(answers))


def answer_by(reader: AnyReader, wanted: Wanted, *, deadline: float, work: Callable[[], bool] = lambda: True) -> Answer:
    """`wait_for` as one of several: the time that is up for one does not hide what became of the next."""
    try:
        return wait_for(reader, wanted, seconds=max(0.0, deadline - time.monotonic()), work=work)
    except TimeoutReachedError as error:
        return Answer(there=None, text=str(error))


def report(key: str, what: str, answer: Answer, *, as_json: bool) -> Answer:
    """Print an answer; `what` was asked for, and `key` is its name in JSON."""
    if as_json:
        event = None if answer.event is None else answer.event.as_json()
        print_json({key: what, "installable": answer.there, "text": answer.text, "event": event})
    elif answer.there is None:
        say_error(f"eggwatch: {answer.text}")
    else:
        say(answer.text)
    return answer


def exit_status(answers: Iterable[Answer]) -> int:
    """1 if one was refused, else 4 if the time was up for one."""
    there = {answer.there for answer in answers}
    return 1 if False in there else TimeoutReachedError.exit_code if None in there else 0


def understand(what: str) -> Wanted:
    """What an argument means. click.UsageError if nothing."""
    path = Path(what)
    if "/" in what or path.is_file():
        if not path.is_file():
            raise click.UsageError(f"No such file: {shown(what)}")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Wanted(text=shown(what), spec=parse_spec(path.name), filename=path.name, sha256=digest)
    spec = parse_spec(what)
    if spec is None:
        raise click.UsageError(f"{what!r} is not a project, project==version, filename or existing file.")
    return Wanted(text=what, spec=spec, filename=what if spec.filename else None)


def wait_for(reader: AnyReader, wanted: Wanted, *, seconds: float, work: Callable[[], bool] = lambda: True) -> Answer:
    """Check repeatedly; raises TimeoutReachedError when the time is up.

    `work()` is called when an upload is waiting and no daemon runs; it returns False if a daemon started meanwhile.
    Without a daemon, waiting is useless.
    """
    deadline = time.monotonic() + seconds
    idle_since, has_worked = None, False
    while True:
        answer = look(reader, wanted)
        if answer is not None:
            return answer
        # The lock is looked at before the drop folder: a daemon that just took a file in must not be missed.
        if reader.is_running():
            idle_since, has_worked = None, False
        else:
            pending = _is_pending(reader, wanted)
            if pending and not has_worked and not work():
                continue
            has_worked = has_worked or pending
            idle_since = idle_since or time.monotonic()
            sure = idle_since + IDLE_SECONDS
            if time.monotonic() >= (min(sure, deadline) if pending else sure):
                where = "" if isinstance(reader, IndexReader) else f" on {reader.base}"
                what = "waits in the drop folder" if pending else "not installable"
                return Answer(there=False, text=f"{wanted.text}: {what}, and no daemon is running{where}.")
        if time.monotonic() >= deadline:
            raise _too_late(reader, wanted)
        pause = PAUSE if isinstance(reader, IndexReader) else PAUSE_AFAR
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())) or 0.001)


def _too_late(reader: AnyReader, wanted: Wanted) -> TimeoutReachedError:
    if not isinstance(reader, IndexReader):
        where = "Over HTTP a rejection can't be seen: look for the receipt in receipts/ of the drop folder."
        return TimeoutReachedError(f"{wanted.text} is not installable yet.", remedy=where)
    return TimeoutReachedError(
        f"{wanted.text} is not installable yet, and was not rejected.",
        remedy="'eggwatch status' shows what is waiting.",
    )


def look(reader: AnyReader, wanted: Wanted) -> Answer | None:
    """One look: there, refused, or None for neither."""
    if wanted.filename is not None and wanted.sha256 is None and (refused := _refusal(reader, wanted)) is not None:
        return refused  # of one name the latest event decides, also over a file that is on the page
    published = _published(reader, wanted)
    if published and (wanted.sha256 is not None or not _is_pending(reader, wanted)):
        return Answer(there=True, text=f"{wanted.text}: installable ({', '.join(published)})")
    return _refusal(reader, wanted)


def _published(reader: AnyReader, wanted: Wanted) -> list[str]:
    page = reader.project(wanted.spec.project) if wanted.spec is not None else None
    if page is None or wanted.spec is None:
        return []
    names = []
    for file in page["files"]:
        if wanted.spec.means(file["filename"]) and wanted.sha256 in (None, file["hashes"]["sha256"]):
            names.append(file["filename"])
    return names


def _is_pending(reader: AnyReader, wanted: Wanted) -> bool:
    return any(_concerns(wanted, found.name) for found in reader.pending())


def _concerns(wanted: Wanted, name: str) -> bool:
    if wanted.filename is not None:
        return key_of(name) == key_of(wanted.filename)
    return wanted.spec is not None and wanted.spec.means(name)


def _refusal(reader: AnyReader, wanted: Wanted) -> Answer | None:
    """The latest event decides, unless a newer file of that name is pending."""
    event = _latest(reader, wanted)
    if event is None or event.kind is not EventKind.REJECTED or _is_pending(reader, wanted):
        return None
    lines = [f"{wanted.text}: rejected at {event.at}"]
    lines += [f"  {flaw.code}: {flaw.message}" for flaw in event.flaws if flaw.level is Level.REFUSE]
    return Answer(there=False, text="\n".join(lines), event=event)


def _latest(reader: AnyReader, wanted: Wanted) -> Event | None:
    if wanted.filename is not None:
        return reader.latest(wanted.filename, lambda event: wanted.sha256 in (None, event.sha256))
    spec = wanted.spec
    return None if spec is None else reader.latest_of(spec.project, lambda event: spec.means(event.filename or ""))
