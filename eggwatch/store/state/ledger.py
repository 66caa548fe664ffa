"""The ledger: STATE/ledger.jsonl, append-only and chained by hashes. It is the truth; an fsync of it is the commit."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eggwatch.errors import LedgerError, NewerStateError
from eggwatch.model.events import GENESIS, SCHEMA_OF_BLOCKS, Entry, Event
from eggwatch.store import durable
from eggwatch.store.durable import OURS, Permissions

LONGEST_LINE = 16 * 1024 * 1024
LAST_BYTES = 1 << 20
"""Bytes of the end of the ledger that are looked at for its last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place between two lines: the byte offset after a line, with that line's serial, hash and length."""

    offset: int = 0
    serial: int = 0
    sha256: str = GENESIS
    length: int = 0


START = Position()


class ChainBroken(ValueError):  # noqa: N818 - says which of its two neighbours may be wrong, not that something failed
    """A line's `prev` is not the hash of the line before it."""


class NewerLine(ValueError):  # noqa: N818 - nothing is wrong with the line
    """A line of a newer schema than this version can read."""


def _refuse_newer(data: dict[str, Any]) -> None:
    if data.get("schema", SCHEMA_OF_BLOCKS) > SCHEMA_OF_BLOCKS:
        raise NewerLine(f"its schema is {data['schema']}, and this version reads up to {SCHEMA_OF_BLOCKS}")


def after(entry: Entry) -> Position:
    """The place right after an entry's line."""
    return Position(offset=entry.offset + entry.length, serial=entry.serial, sha256=entry.sha256, length=entry.length)


def encode(event: Event, *, serial: int, prev: str) -> bytes:
    """One line of the ledger, newline included; the same event gives the same bytes everywhere."""
    data = {"serial": serial, **event.as_json(), "schema": event.schema, "prev": prev}
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes, previous: Position) -> Entry:
    """The entry of one line that follows `previous`; ValueError says what does not fit."""
    try:
        data = json.loads(line)
        _refuse_newer(data)
        serial, prev = data["serial"], data["prev"]
        event = Event.from_json(data)
    except NewerLine:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not an event ({type(error).__name__}: {error})") from error
    if prev != previous.sha256:
        raise ChainBroken("it does not follow from the line before it: one of the two was altered")
    # A gap is allowed (a rebuilt ledger continues above what was published); a deleted line breaks `prev`.
    if not isinstance(serial, int) or isinstance(serial, bool) or serial <= previous.serial:
        raise ValueError(f"its serial is {serial!r}, which is not above {previous.serial}")
    digest = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
    return Entry(serial=serial, event=event, offset=previous.offset, length=len(line), sha256=digest)


class Ledger:
    """The ledger at a path. Reading needs nothing; appending needs the index's lock."""

    def __init__(self, path: Path, permissions: Permissions = OURS) -> None:
        self.path = path
        self._permissions = permissions
        self._fd: int | None = None
        self.end = START

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r}, serial={self.end.serial})"

    def exists(self) -> bool:
        """Whether there is a ledger with at least one byte."""
        return self.path.exists() and self.path.stat().st_size > 0

    def read(self, start: Position = START) -> Iterator[Entry]:
        """The entries after `start`; a last line without its newline is left out. LedgerError names a damaged line."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            position = start
            file.seek(start.offset)
            while line := file.readline(LONGEST_LINE):
                if not line.endswith(b"\n"):
                    if len(line) == LONGEST_LINE:  # what follows must not be cut off as the rest of an incomplete line
                        raise self._damage(position, f"it has more than {LONGEST_LINE} bytes")
                    return
                try:
                    entry = decode(line, position)
                except NewerLine as error:
                    raise self._newer(error) from error
                except ValueError as error:
                    raise self._damage(position, str(error)) from error
                yield entry
                position = after(entry)

    def refuse_newer(self) -> None:
        """NewerStateError if the last whole line is of a schema to come; only that line is read."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - LAST_BYTES))
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return
        try:
            _refuse_newer(json.loads(lines[-1]))
        except NewerLine as error:
            raise self._newer(error) from error
        except (ValueError, IndexError, TypeError, AttributeError):
            return  # damage is reported by the reader

    def _newer(self, error: NewerLine) -> NewerStateError:
        return NewerStateError(
            f"{self.path} was written by a newer eggwatch: {error}.",
            remedy="Run that version, or a newer one. Nothing was changed here.",
        )

    def _damage(self, position: Position, what: str) -> LedgerError:
        return LedgerError(
            f"{self.path} is damaged at the line after serial {position.serial} (byte {position.offset}): {what}.",
            remedy="Restore it from a backup, or run 'eggwatch rebuild', which reads the published tree.",
        )

    def follows(self, position: Position) -> bool:
        """Whether the ledger really has, right before `position.offset`, the line that `position` names."""
        if position.offset == 0:
            return True
        try:
            with self.path.open("rb") as file:
                file.seek(position.offset - position.length)
                line = file.read(position.length)
        except (OSError, ValueError):
            return False
        return line.endswith(b"\n") and hashlib.sha256(line[:-1]).hexdigest() == position.sha256

    def open(self, end: Position) -> None:
        """Get ready to append after `end`, which the caller has found by `read`."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        if end.offset == 0:
            durable.changing("write", self.path)
            flags |= os.O_CREAT  # never O_TRUNC: a disk that fails for a moment must not cost what is in it
        self._fd = os.open(self.path, flags, durable.UNFINISHED_FILE)
        if stat.S_IMODE(os.fstat(self._fd).st_mode) == durable.UNFINISHED_FILE:
            durable.changing("chmod", self.path)
            self._permissions.apply(self._fd, self._permissions.file)
        if end.offset == 0:
            durable.sync([self.path, self.path.parent])
        self.end = end

    def make_last(self) -> None:
        """Sync what is there before anybody builds on it: the process that wrote it may have died before its fsync."""
        if self.path.exists():
            durable.sync([self.path, self.path.parent])

    def torn_bytes(self, end: Position) -> int:
        """The number of bytes after the last complete line, which ends at `end`."""
        if not self.path.exists():
            return 0
        return self.path.stat().st_size - end.offset

    def cut(self, end: Position) -> None:
        """Cut off an incomplete last line, which was never announced."""
        durable.truncate(self.path, end.offset)
        durable.sync([self.path])

    def append(self, events: Iterable[Event]) -> list[Entry]:
        """Commit events: one write, one fsync. When this returns they have happened.

        LedgerError if somebody else has written to it, or the path names another file by now: what was written to this
        one would be lost with it.
        """
        assert self._fd is not None, "the ledger is not open"
        entries, lines, position = [], [], self.end
        for event in events:
            line = encode(event, serial=position.serial + 1, prev=position.sha256)
            entry = decode(line, position)
            entries.append(entry)
            lines.append(line)
            position = after(entry)
        if not entries:
            return []
        self._refuse_another(self._fd)
        durable.append(self._fd, b"".join(lines), self.path)
        self._commit()
        self.end = position
        return entries

    def _commit(self) -> None:
        assert self._fd is not None
        try:
            durable.sync_descriptor(self._fd, self.path)
        except OSError:
            # What could not be written counts as written from now on (fsync(2)): whoever read it would believe in it.
            os.ftruncate(self._fd, self.end.offset)
            raise

    def _refuse_another(self, fd: int) -> None:
        mine = os.fstat(fd)
        if mine.st_size != self.end.offset or not os.path.samestat(mine, os.stat(self.path)):
            raise LedgerError(
                f"{self.path} was changed or replaced while it was in use, by an editor or from a backup.",
                remedy="The daemon goes on by itself if the new one follows on. Stop it before you change the ledger.",
            )

    def skip_to(self, serial: int) -> None:
        """Let the next event get a serial above `serial` (rebuild: serials never go back)."""
        self.end = replace(self.end, serial=max(self.end.serial, serial))

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
