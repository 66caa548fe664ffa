"""STATE/news/: how far each subscription has come, and what could not be delivered.

    state.json          the progress of every subscription, replaced after each delivery (see `cursors`)
    undelivered.jsonl   the dead letters: one event a line, with the error; kept until `eggwatch notify --retry`
    retry               a request to try them again

Only the courier writes here; every account that may read STATE may read it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from eggwatch.errors import OF_DISKS
from eggwatch.policy.retries import Progress
from eggwatch.store import durable
from eggwatch.store.durable import OURS, UNFINISHED_FILE, Permissions
from eggwatch.store.state.cursors import COURIER, FOLDER, Cursors, replace

log = logging.getLogger("eggwatch")

LETTERS, RETRY = "undelivered.jsonl", "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that could not be delivered: by which subscription, under which key, when it was put aside, and why."""

    subscription: str
    key: str
    serial: int
    at: str
    error: str


class Deliveries:
    """What the courier remembers of one index; its routes are threads, so every call takes a lock."""

    def __init__(self, state: Path, permissions: Permissions = OURS) -> None:
        self.folder = state / FOLDER
        self._permissions = permissions
        self._lock = threading.Lock()
        self.cursors = Cursors(state, COURIER, permissions)

    def keep(self, name: str, progress: Progress) -> None:
        """Remember how far a subscription has come; when this returns a power cut does not take it back."""
        self.cursors.keep({name: progress})
        durable.sync([self.folder])

    def put_aside(self, letter: DeadLetter) -> None:
        """Keep what could not be delivered: a line more, as there can be thousands."""
        path = self.folder / LETTERS
        with self._lock:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, UNFINISHED_FILE)
            try:
                self._permissions.apply(fd, self._permissions.file)
                is_torn = (size := os.fstat(fd).st_size) and os.pread(fd, 1, size - 1) != b"\n"  # by a power cut
                durable.append(fd, b"\n" * is_torn + _line(letter), path)
                durable.sync_descriptor(fd, path)
            finally:
                os.close(fd)
            durable.sync([self.folder])

    def failed_again(self, letter: DeadLetter) -> None:
        """A dead letter could not be delivered once more: it is said when and why."""
        with self._lock:
            kept = [one for one in self._kept() if (one.subscription, one.key) != (letter.subscription, letter.key)]
            self._write([*kept, letter])

    def delivered(self, letter: DeadLetter) -> None:
        """A dead letter has arrived after all."""
        with self._lock:
            self._write([one for one in self._kept() if one != letter])

    def letters(self) -> list[DeadLetter]:
        """Everything that could not be delivered, oldest first, as far as this account and the disk let it be read."""
        try:
            return self._kept()
        except OSError:
            return []

    def _kept(self) -> list[DeadLetter]:
        """The same; OSError if there is a file that can't be read, which then must not be replaced.

        A line that can't be read is left out, and said. The last one of a letter counts.
        """
        try:
            lines = (self.folder / LETTERS).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        letters = dict[tuple[str, str], DeadLetter]()
        for number, line in enumerate(lines, 1):
            try:
                data = json.loads(line)
                letter = DeadLetter(**{item.name: data[item.name] for item in fields(DeadLetter)})
                letters.pop(key := (letter.subscription, letter.key), None)
                letters[key] = letter
            except (ValueError, KeyError, TypeError) as error:
                log.warning("announce %s, line %d can't be read: %s", self.folder / LETTERS, number, error)
        return list(letters.values())

    def ask_to_retry(self) -> None:
        """Ask the courier that is at work to try the dead letters again."""
        durable.write(self.folder / RETRY, b"", permissions=self._permissions)

    def is_asked_to_retry(self) -> bool:
        """True if there was a request, which is deleted; on a disk that is read-only or fails, it has to wait."""
        try:
            return durable.unlink(self.folder / RETRY)
        except OSError as error:
            if error.errno not in OF_DISKS:
                raise
            return False

    def _write(self, letters: Iterable[DeadLetter]) -> None:
        replace(self.folder / LETTERS, b"".join(map(_line, letters)), self._permissions)
        durable.sync([self.folder])


def _line(letter: DeadLetter) -> bytes:
    return json.dumps(asdict(letter)).encode() + b"\n"
