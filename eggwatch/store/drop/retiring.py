"""Retiring: how a judged original leaves the drop folder without ever losing an upload that overwrites it.

Hidden under `.eggwatch-<serial>-<hash8>` in its own folder first, looked at once more, and only then gone.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from eggwatch.linux import capabilities
from eggwatch.linux import leases as lease
from eggwatch.model.sightings import Identity, Lease
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import NotOurs
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import Drop, identity_of, open_regular
from eggwatch.store.durable import Place

CHUNK = 1024 * 1024


class RetireOutcome(StrEnum):
    """How an attempt to retire an original ended."""

    GONE = "gone"
    CHANGED = "changed"
    """There is, or was, something new: it is checked again."""
    DISPLACED = "displaced"
    """It changed, and a newer file has its name: it is left hidden, and claimed as an older upload of that name."""
    BUSY = "busy"
    """It is open for writing."""
    STUCK = "stuck"
    """We may not remove it."""


NOT_OURS_TO_REMOVE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.ELOOP, errno.ENOTDIR)
"""The outcome of a rename if the original has to be left."""


def hidden_name(serial: int, sha256: str) -> str:
    """The name under which an original waits for its end."""
    return f".eggwatch-{serial}-{sha256[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """An original that is to leave: its path, the identity that was judged, and its event."""

    path: str
    filename: str
    identity: Identity
    serial: int
    sha256: str
    rejected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """An original under its hidden name, open, its lease taken if one can be used."""

    departure: Departure
    folder: int
    fd: int
    name: str
    after: Identity
    lease: Lease

    def place(self) -> Place:
        """Where it is now."""
        return Place(self.folder, self.name, f"{self.departure.path} (as {self.name})")

    def close(self) -> None:
        """Let go of it; a writer that waits for the lease goes on."""
        os.close(self.fd)
        os.close(self.folder)


@capabilities.raised()
def hide(drop: Drop, departure: Departure) -> Hidden | RetireOutcome:
    """Rename an original to its hidden name, if it is still what was judged and is not being written."""
    try:
        with drop.place(departure.path) as place:
            fd = open_regular(place)
            try:
                return _hide(place, fd, departure)
            finally:
                # `_hide` hands a duplicate on; a lease belongs to the open file, so it lives as long as that.
                os.close(fd)
    except FileNotFoundError:
        return RetireOutcome.CHANGED
    except OSError as error:
        if error.errno in NOT_OURS_TO_REMOVE:
            return RetireOutcome.STUCK
        raise


def _hide(place: Place, fd: int, departure: Departure) -> Hidden | RetireOutcome:
    if identity_of(os.fstat(fd)) != departure.identity:
        return RetireOutcome.CHANGED
    answer = lease.take(fd)
    if answer is Lease.HELD:
        return RetireOutcome.BUSY
    if not _is(place, departure.identity):
        return RetireOutcome.CHANGED
    hidden = _rename(place, departure)
    after = identity_of(os.fstat(fd))
    # After the comparison a new file may have been renamed over it, or it may have been written to.
    if not _is(hidden, after) or _written(departure.identity, after):
        return RetireOutcome.CHANGED if put_back(hidden, departure.path) else RetireOutcome.DISPLACED
    folder, copy = _both(place.folder, fd)
    return Hidden(departure=departure, folder=folder, fd=copy, name=hidden.name, after=after, lease=answer)


def _rename(place: Place, departure: Departure) -> Place:
    """Rename to an unused name: uploaders can predict the first one, and put a file or folder there."""
    name = hidden_name(departure.serial, departure.sha256)
    while True:
        try:
            hidden = Place(place.folder, name, f"{place} -> {name}")
            durable.rename_new_at(place, hidden)
        except FileExistsError:
            name = hidden_name(departure.serial, secrets.token_hex(4))
        else:
            return hidden


def _both(folder: int, fd: int) -> tuple[int, int]:
    """Duplicates of two descriptors, or none: the next scan meets what is hidden and not held."""
    first = os.dup(folder)
    try:
        return first, os.dup(fd)
    except OSError:
        os.close(first)
        raise


def _is(place: Place, identity: Identity) -> bool:
    try:
        return identity_of(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)) == identity
    except FileNotFoundError:
        return False


@capabilities.raised()
def finish(hidden: Hidden, answers: Answers) -> RetireOutcome:
    """Take a hidden original away, or put it back if it changed after all.

    A writer that opened the name just before it was hidden waits for our lease, which is seen here; the
    caller lets a moment pass between `hide` and this.
    """
    try:
        if not _unchanged(hidden):
            return RetireOutcome.CHANGED if put_back(hidden.place(), hidden.departure.path) else RetireOutcome.DISPLACED
        if hidden.departure.rejected:
            os.fsync(hidden.fd)
            _keep(hidden.place(), hidden.fd, hidden.departure, answers)
        if durable.unlink_at(hidden.place()) and _written(hidden.after, identity_of(os.fstat(hidden.fd))):
            return _name_again(hidden)
        return RetireOutcome.GONE
    except NotOurs:
        put_back(hidden.place(), hidden.departure.path)
        return RetireOutcome.STUCK
    finally:
        hidden.close()


def _name_again(hidden: Hidden) -> RetireOutcome:
    """Give bytes that have no name any more one again: the hidden one, or, if that is taken, their own."""
    try:
        _copy_into(hidden.place(), hidden.fd)
    except FileExistsError:
        path = hidden.departure.path
        _copy_into(Place(hidden.folder, path.rpartition("/")[2], path), hidden.fd)
        return RetireOutcome.CHANGED
    return RetireOutcome.CHANGED if put_back(hidden.place(), hidden.departure.path) else RetireOutcome.DISPLACED


def _unchanged(hidden: Hidden) -> bool:
    if identity_of(os.fstat(hidden.fd)) != hidden.after:
        return False
    return hidden.lease is not Lease.FREE or lease.unbroken(hidden.fd)


def _written(before: Identity, after: Identity) -> bool:
    """True if it was written to meanwhile; the ctime can't be used, because the rename changes it."""
    return (before.size, before.mtime_ns) != (after.size, after.mtime_ns)


def _keep(place: Place, fd: int, departure: Departure, answers: Answers) -> None:
    """Move it to rejected/; by copying, if the original is on another file system."""
    try:
        answers.keep_refused(place, departure.filename, departure.serial)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with answers.place_of_refused(departure.filename, departure.serial) as target:
            copy, writing = durable.create_at(target)
            try:
                _copy(fd, writing)
                answers.keep_refused(copy, departure.filename, departure.serial)
            finally:
                durable.unlink_at(copy)


def _copy_into(target: Place, fd: int) -> None:
    """Copy to an unused name; raises FileExistsError if it is taken, and never writes to a file of others."""
    durable.changing("write", target)
    _copy(fd, os.open(target.name, durable.NEW_FILE, 0o644, dir_fd=target.folder))


def _copy(fd: int, writing: int) -> None:
    """Copy a file with its owner and its mode, which says who else may have written the bytes (`store.accounts`)."""
    with open(writing, "wb") as copy, open(os.dup(fd), "rb") as original:
        original.seek(0)
        shutil.copyfileobj(original, copy, CHUNK)
        copy.flush()
        status = os.fstat(fd)
        with suppress(PermissionError):  # then the copy is the daemon's own
            os.fchown(copy.fileno(), status.st_uid, status.st_gid)
        with suppress(PermissionError):
            os.fchmod(copy.fileno(), stat.S_IMODE(status.st_mode) & 0o777)
        os.fsync(copy.fileno())


def put_back(place: Place, path: str) -> bool:
    """Give a hidden original its name again, never over a newer file of that name. False if there is one."""
    name = path.rpartition("/")[2]
    try:
        durable.rename_new_at(place, Place(place.folder, name, path))
    except FileExistsError:
        return False
    return True


@capabilities.raised()
def resume(
    drop: Drop, path: str, departure: Departure, answers: Answers, *, size: int | None, progress: Callable[[], object]
) -> RetireOutcome:
    """Finish what a crash left under a hidden name: gone if it is what was judged, else back under its name.

    CHANGED when it was put back; DISPLACED when it must be claimed as an older upload of a name that is taken.
    `size` is what was judged; a file of another one is not even read, nor one that was put in its place by now.
    """
    with drop.place(path) as place:
        fd = open_regular(place)
        try:
            status = os.fstat(fd)
            same = (status.st_dev, status.st_ino) == (departure.identity.dev, departure.identity.ino)
            written = not same or status.st_size != size or lease.probe(fd) is Lease.HELD
            if written or _sha256(fd, progress) != departure.sha256 or lease.probe(fd) is Lease.HELD:
                return _restore(place, departure.path)
            if departure.rejected:
                os.fsync(fd)
                _keep(place, fd, departure, answers)
            with suppress(FileNotFoundError):
                durable.unlink_at(place)
            return RetireOutcome.GONE
        except NotOurs:  # it is rejected again under its own name, and left there
            return _restore(place, departure.path)
        finally:
            os.close(fd)


@capabilities.raised()
def restore(drop: Drop, path: str, to: str) -> RetireOutcome:
    """Give an unknown hidden file the name in its hidden name, so that it is an upload like any other.

    Returns CHANGED after that; DISPLACED if the name is taken, and it must be claimed as an older upload of it.
    """
    with drop.place(path) as place:
        return _restore(place, to)


def _restore(place: Place, to: str) -> RetireOutcome:
    return RetireOutcome.CHANGED if put_back(Place(place.folder, place.name, to), to) else RetireOutcome.DISPLACED


def _sha256(fd: int, progress: Callable[[], object]) -> str:
    digest, offset = hashlib.sha256(), 0
    while data := os.pread(fd, CHUNK, offset):
        digest.update(data)
        offset += len(data)
        progress()
    return digest.hexdigest()
