"""STATE/news/: how far each subscription has come, and what could not be delivered.

    state.json          the progress of every subscription, replaced after each delivery
    undelivered.jsonl   the dead letters: one event a line, with the error; kept until `eggwatch notify --retry`
    retry               somebody wants them to be tried again

Only the courier writes here; every account that may read STATE may read it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from eggwatch.errors import in_words
from eggwatch.policy.retries import Progress
from eggwatch.store import durable
from eggwatch.store.durable import OURS, Permissions

log = logging.getLogger("eggwatch")

FOLDER, STATE, LETTERS, RETRY = "news", "state.json", "undelivered.jsonl", "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that could not be delivered: by which subscription, under which key, when it was put aside, and why."""

    subscription: str
    key: str
    serial: int
    at: str
    error: str

    def as_json(self) -> dict[str, Any]:
        """The line that keeps it."""
        return asdict(self)


class Deliveries:
    """What the courier remembers of one index; its routes are threads, so every call takes a lock."""

    def __init__(self, state: Path, permissions: Permissions = OURS) -> None:
        self.folder = state / FOLDER
        self._permissions = permissions
        self._lock = threading.Lock()
        self._progress: dict[str, Progress] = {}

    def open(self, names: Iterable[str]) -> None:
        """Begin, with the subscriptions that there are; what is remembered of others is forgotten."""
        durable.make_folders(self.folder, self._permissions)
        wanted = set(names)
        self._progress = {name: one for name, one in self.progress().items() if name in wanted}

    def progress(self) -> dict[str, Progress]:
        """What is written of every subscription; nothing if there is nothing to be read."""
        try:
            data = json.loads((self.folder / STATE).read_bytes())
            return {str(name): _progress(values) for name, values in data["subscriptions"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("announce %s can't be read (%s): begun anew", self.folder / STATE, in_words(error))
            return {}

    def of(self, name: str) -> Progress | None:
        """How far a subscription has come; None if it has never begun."""
        with self._lock:
            return self._progress.get(name)

    def keep(self, name: str, progress: Progress) -> None:
        """Remember how far a subscription has come; when this returns a power cut does not take it back."""
        with self._lock:
            self._progress[name] = progress
            rows = {name: asdict(one) for name, one in sorted(self._progress.items())}
            self._replace(STATE, json.dumps({"schema": 1, "subscriptions": rows}, indent=1).encode() + b"\n")

    def put_aside(self, letter: DeadLetter) -> None:
        """Keep what could not be delivered."""
        with self._lock:
            kept = [one for one in self.letters() if (one.subscription, one.key) != (letter.subscription, letter.key)]
            self._write([*kept, letter])

    def delivered(self, letter: DeadLetter) -> None:
        """A dead letter has arrived after all."""
        with self._lock:
            self._write([one for one in self.letters() if one != letter])

    def letters(self) -> list[DeadLetter]:
        """Everything that could not be delivered, oldest first; a line that can't be read is left out, and said."""
        try:
            lines = (self.folder / LETTERS).read_bytes().splitlines()
        except OSError:
            return []
        letters = []
        for number, line in enumerate(lines, 1):
            try:
                letters.append(_letter(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                log.warning("announce %s, line %d can't be read: %s", self.folder / LETTERS, number, error)
        return letters

    def ask_to_retry(self) -> None:
        """Ask the courier that is at work to try the dead letters again."""
        durable.write(self.folder / RETRY, b"", permissions=self._permissions)

    def is_asked_to_retry(self) -> bool:
        """Whether somebody has; the question is taken away."""
        return durable.unlink(self.folder / RETRY)

    def _write(self, letters: Iterable[DeadLetter]) -> None:
        self._replace(LETTERS, b"".join(json.dumps(letter.as_json()).encode() + b"\n" for letter in letters))

    def _replace(self, name: str, data: bytes) -> None:
        temporary, path = self.folder / f".{name}.new", self.folder / name
        durable.write(temporary, data, permissions=self._permissions)
        durable.sync([temporary])
        durable.rename(temporary, path)
        durable.sync([self.folder])


def cursors_in(state: Path) -> dict[str, int]:
    """The cursor of every subscription, for `backup` and `rebuild`."""
    return {name: progress.cursor for name, progress in Deliveries(state).progress().items()}


def _progress(values: Mapping[str, Any]) -> Progress:
    known = {item.name for item in fields(Progress)}
    progress = Progress(**{key: value for key, value in values.items() if key in known})
    if not isinstance(progress.cursor, int):
        raise TypeError(f"a cursor is {progress.cursor!r}")
    return progress


def _letter(data: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(**{item.name: data[item.name] for item in fields(DeadLetter)})
