"""Answers for the uploader: rejected/, receipts/ and README.txt in the drop folder, made and owned by us.

If the drop folder is not writable, is full or fails, or has something else with these names, answers are in
STATE/answers/ and rejected files are left where they are, also after the fault is over: a rejected file is beside its
reason or where it was uploaded to, and only later answers are in the drop folder again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from eggwatch.model.names import stored_name
from eggwatch.policy.retention import Keeping
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import AnswerFolders, NotOurs, inside
from eggwatch.store.drop.folder import ANSWER_FOLDERS, EXHAUSTED, READING, Drop
from eggwatch.store.drop.leftovers import REASONS, Leftovers, below, leavings_in, tidied
from eggwatch.store.durable import Permissions, Place

log = logging.getLogger("eggwatch")

README_MARK = "This is eggwatch's drop folder."
LONGEST = 1024 * 1024
"""Bytes that are read of an answer; none is longer."""
AGAIN_SECONDS = 5.0
"""Seconds after which a folder is tried again that could not be written to."""
MOST_RETRACTIONS = 1000
"""Published names whose older refusals are looked for when rejected/ can be written to again: the latest ones."""
Writing = Callable[[Place], object]
"""Writes an answer into a folder; may be done again, in another one."""


class Answers:
    """The places where answers are left."""

    REST = "The upload is removed from the drop folder by itself."
    """What becomes of an upload that is published."""

    def __init__(self, drop: Drop, state: Path, permissions: Permissions = durable.OURS) -> None:
        self._drop = drop
        self._fallback = state / "answers"
        self._folders = AnswerFolders(drop, self._fallback, permissions)
        self._unsynced = durable.Unsynced()
        self._written: list[tuple[str, Writing]] = []
        """What was written since the last `sync`: should that fail, it is written elsewhere."""
        self._faults: dict[str, str] = {}
        self._retractions: dict[str, int] = {}
        """Names that were published while rejected/ was in STATE, with serials: older rejections are retracted."""
        self._again_at = 0.0

    @property
    def fault(self) -> str | None:
        """Why answers are in STATE/answers/, if they are."""
        return "; ".join(dict.fromkeys(self._faults.values())) or None

    @property
    def rejected(self) -> str:
        """The folder with the reasons of rejections: rejected, in the drop folder, or a path."""
        return str(self._fallback / "rejected") if "rejected" in self._faults else "rejected"

    @contextmanager
    def folder(self, name: str) -> Iterator[Place]:
        """Open the current folder of answers, DROP/<name> (created if missing) or STATE/answers/<name>."""
        with ExitStack() as stack:
            try:
                if name in self._faults:
                    raise NotOurs(self._faults[name])
                place = stack.enter_context(self._folders.in_drop(name))
            except NotOurs as reason:
                self._lie_elsewhere(name, reason)
                place = stack.enter_context(self._folders.away(name))
            yield place

    def _lie_elsewhere(self, name: str, reason: NotOurs | OSError) -> None:
        if isinstance(reason, OSError):
            message = f"{self._drop.root / name} can't be written to: {reason.strerror}"
        else:
            message = str(reason)
        if self._faults.get(name) != message:
            log.warning("announce %s; answers are written to %s", message, self._fallback / name)
        self._faults[name] = message

    def _leave(self, folder: str, write: Writing) -> None:
        """Write an answer into a folder of the drop, or where that fails below STATE."""
        self._written.append((folder, write))
        try:
            if folder in self._faults:
                raise NotOurs(self._faults[folder])
            with self._folders.in_drop(folder) as place:
                write(place)
        except NotOurs as reason:
            self._write_elsewhere(reason, folder)
        except OSError as error:
            self._write_elsewhere(error, *ANSWER_FOLDERS)

    def _write_elsewhere(self, error: NotOurs | OSError, *folders: str) -> None:
        """Write all that may not have come to last in these folders below STATE; there is no other place after that."""
        if isinstance(error, OSError) and error.errno in EXHAUSTED:
            raise error
        written, self._written = self._written, []
        for folder, write in written:
            if folder in folders:
                self._lie_elsewhere(folder, error)
                with self._folders.away(folder) as place:
                    write(place)
            else:
                self._written.append((folder, write))

    def prepare(self) -> None:
        """Create the folders, so that people see where answers will be, and delete incomplete files in them."""
        with contextlib.suppress(NotOurs), self._folders.in_drop() as root:
            _sweep(name for name in _unfinished_in(root) if _is_ours(name))
        for name in ANSWER_FOLDERS:
            with self.folder(name) as place:
                _sweep(_unfinished_in(place))  # no other process writes there

    def try_again(self) -> bool:
        """Every few seconds, try the folders that could not be written to; whether one of them can be by now."""
        if not self._faults or time.monotonic() < self._again_at:
            return False
        self._again_at = time.monotonic() + AGAIN_SECONDS
        return [name for name in list(self._faults) if self._is_mended(name)] != []

    def next_try(self) -> float | None:
        """When that is to be done again, on the monotonic clock; None if nothing is wrong."""
        return self._again_at if self._faults else None

    def _is_mended(self, name: str) -> bool:
        try:
            with self._folders.in_drop(name) as place:
                trial = inside(place, f"{durable.UNFINISHED_NAME}trial")
                self._write(trial, bytes(4096))  # a full disk still makes empty files
                durable.unlink_at(trial)
                for filename, before in self._retractions.items() if name == "rejected" else ():
                    self._retract(place, filename, before)
                self._unsynced.sync()
        except (NotOurs, OSError) as error:
            self._lie_elsewhere(name, error)
            return False
        if name == "rejected":
            self._retractions.clear()
        del self._faults[name]
        log.info("announce %s: answers are written there again", self._drop.root / name)
        return True

    def keeps_refused(self, filename: str, serial: int) -> bool:
        """True if a rejected file is moved to rejected/, and not left where it is."""
        try:
            with self.place_of_refused(filename, serial):
                return True
        except NotOurs:
            return False

    def receipt(self, filename: str) -> str | None:
        """The last receipt of a name, if there is one."""
        with self.folder("receipts") as place:
            return _read_text(inside(place, stored_name(filename) + ".txt"))

    def write_receipt(self, filename: str, text: str) -> None:
        """Write the last verdict on a name to receipts/, unless the receipt is the same."""
        name, data = stored_name(filename) + ".txt", text.encode("utf-8", "backslashreplace")
        self._leave("receipts", lambda place: self._write_changed(inside(place, name), data))

    def _write_changed(self, place: Place, data: bytes) -> None:
        if _read_text(place) != data.decode("utf-8"):
            self._write(place, data)
            return
        self._unsynced.add(place.folder)  # a process that was killed may have written it, and not made it last
        fd = os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place.folder)
        self._unsynced.add(fd)
        os.close(fd)

    def _write(self, place: Place, data: bytes) -> None:
        durable.write_at(place, data, self._unsynced)

    def sync(self) -> None:
        """Make all answers that were written since the last call last."""
        try:
            self._unsynced.sync()
        except OSError as error:
            self._write_elsewhere(error, *ANSWER_FOLDERS)
            self._unsynced.sync()
        self._written.clear()

    def tidy(self, name: str, keeping: Keeping, *, now: float) -> Leftovers:
        """Delete answers that have had their time, refused files with their reasons; say what is left in the drop.

        `now` in seconds since the epoch.
        """
        left = []
        for place in self._places(name):
            leavings = leavings_in(place)
            with contextlib.suppress(NotOurs, FileNotFoundError), self._folders.earlier(place) as earlier:
                leavings += [below("earlier", leaving) for leaving in leavings_in(earlier)]
            left.append(tidied(leavings, keeping, now=now, delete=partial(_delete, place)))
        return left[0] if left else Leftovers()

    def _places(self, name: str) -> Iterator[Place]:
        """Each folder that may contain answers, if it can be opened: DROP/<name> and STATE/answers/<name>."""
        if name not in self._faults:
            with contextlib.suppress(NotOurs), self._folders.in_drop(name) as place:
                yield place
        if self._folders.has_away(name):
            with self._folders.away(name) as place:
                yield place

    def explain_refusal(self, filename: str, data: dict[str, Any], text: str) -> None:
        """Write the reason files of a refusal; they last after `sync`. An older refusal moves to earlier/."""
        name = stored_name(filename)

        def explain(place: Place) -> None:
            # A refusal of other bytes under that name moves to earlier/.
            older = _read_reason(inside(place, f"{name}.reason.json"))
            if older is not None and older.get("sha256") != data["sha256"]:
                self._move_earlier(place, name, older)
            self._write(inside(place, f"{name}.reason.json"), json.dumps(data, indent=1).encode("ascii") + b"\n")
            self._write(inside(place, f"{name}.reason.txt"), text.encode("utf-8", "backslashreplace"))

        self._leave("rejected", explain)

    def retract_refusal(self, filename: str, *, before: int) -> None:
        """Move rejections of a published name before that serial to earlier/, so that no outdated reason is left."""
        self._leave("rejected", lambda place: self._retract(place, filename, before))
        if "rejected" in self._faults:
            self._retractions[filename] = before
            if len(self._retractions) > MOST_RETRACTIONS:
                del self._retractions[next(iter(self._retractions))]

    def _retract(self, place: Place, filename: str, before: int) -> None:
        name = stored_name(filename)
        older = _read_reason(inside(place, f"{name}.reason.json"))
        if older is not None and int(older.get("serial") or 0) < before:
            self._move_earlier(place, name, older)

    def _move_earlier(self, place: Place, name: str, older: dict[str, Any]) -> None:
        with self._in_earlier(place) as earlier:
            prefix = f"{older.get('serial', 0)}-"
            # The JSON goes last: as long as it is there, a crash in between is recognised and finished.
            for suffix in ("", *REASONS):
                with contextlib.suppress(FileNotFoundError):
                    _move_aside(inside(place, name + suffix), earlier, prefix, name + suffix)
            self._unsynced.add(earlier.folder)
            self._unsynced.add(place.folder)

    @contextmanager
    def _in_earlier(self, place: Place) -> Iterator[Place]:
        try:
            fd, label = self._folders.enter(inside(place, "earlier")), f"{place.label}/earlier"
        except NotOurs as reason:  # something else is there: then it is left beside the newer one
            log.warning("announce %s: earlier rejections are left in %s", reason, place.label)
            fd, label = os.dup(place.folder), place.label
        try:
            yield Place(fd, "", label)
        finally:
            os.close(fd)

    @contextmanager
    def place_of_refused(self, filename: str, serial: int) -> Iterator[Place]:
        """The place of a rejected original: beside its reason, which a newer verdict moves to earlier/.

        NotOurs if it is left where it is, because rejected/ can't be used, or could not when it was rejected.
        """
        if "rejected" in self._faults:
            raise NotOurs(self._faults["rejected"])
        name, prefix = stored_name(filename), f"{serial}-"
        reason = _longest(prefix, f"{name}.reason.json")
        with self._folders.in_drop("rejected") as place:
            if _exists(inside(place, f"earlier/{reason}")):
                with self._folders.in_drop("rejected", "earlier") as earlier:
                    yield inside(earlier, _longest(prefix, name))
            elif _exists(inside(place, reason)):
                yield inside(place, _longest(prefix, name))
            elif _is_explained(place, name, serial):
                yield inside(place, name)
            else:
                raise NotOurs(f"its reason is in {self._fallback / 'rejected'}")

    def keep_refused(self, source: Place, filename: str, serial: int) -> None:
        """Move a rejected original to its place in rejected/, durably. NotOurs if they are left where they are.

        It never replaces another file: if its owner has left the same bytes there, it is deleted, else put in earlier/.
        """
        with self.place_of_refused(filename, serial) as target:
            try:
                durable.rename_new_at(source, target)
                durable.sync_descriptor(target.folder, target)
            except FileExistsError:
                if not _are_alike(source, target):
                    with self._folders.in_drop("rejected") as place, self._in_earlier(place) as earlier:
                        _move_aside(source, earlier, f"{serial}-", target.name)
                        durable.sync_descriptor(earlier.folder, earlier)

    def write_readme(self, text: str) -> None:
        """Write DROP/README.txt, unless it belongs to another account or the drop folder is not writable."""
        with self._drop.opened() as root:
            place = Place(root, "README.txt", str(self._drop.root / "README.txt"))
            current = _read_text(place)
            if current is not None and (not current.startswith(README_MARK) or not _is_ours(place)):
                return
            if current == text:
                return
            with contextlib.suppress(PermissionError):
                self._write(place, text.encode())
            self._unsynced.sync()


def _unfinished_in(place: Place) -> list[Place]:
    return [inside(place, name) for name in os.listdir(place.folder) if name.startswith(durable.UNFINISHED_NAME)]


def _delete(place: Place, name: str) -> None:
    durable.unlink_at(inside(place, name))


def _sweep(places: Iterable[Place]) -> None:
    for place in places:
        durable.unlink_at(place)


def _is_ours(place: Place) -> bool:
    """True for a regular file of this account; any account can create one with the same name or beginning."""
    try:
        status = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()


def _is_explained(place: Place, name: str, serial: int) -> bool:
    """True if both reason files of a rejection exist; with a full disk there may only be the first."""
    reason = _read_reason(inside(place, f"{name}.reason.json")) or {}
    return reason.get("serial") == serial and _exists(inside(place, f"{name}.reason.txt"))


def _move_aside(source: Place, earlier: Place, prefix: str, name: str) -> None:
    """Into earlier/, where nothing is written over either."""
    try:
        durable.rename_new_at(source, inside(earlier, _longest(prefix, name)))
    except FileExistsError:
        durable.rename_new_at(source, inside(earlier, _longest(f"{prefix}{secrets.token_hex(4)}-", name)))


def _are_alike(source: Place, target: Place) -> bool:
    """Whether the same account has left a file of the same size: of a name and a reason, it is the same one again."""
    ours, theirs = (os.stat(one.name, dir_fd=one.folder, follow_symlinks=False) for one in (source, target))
    return stat.S_ISREG(theirs.st_mode) and (ours.st_uid, ours.st_size) == (theirs.st_uid, theirs.st_size)


def _exists(place: Place) -> bool:
    try:
        os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _longest(prefix: str, name: str) -> str:
    """At most 255 bytes, which is what a file name may have."""
    raw = name.encode("utf-8", "surrogateescape")[: 255 - len(prefix)]
    return prefix + raw.decode("utf-8", "surrogateescape")


def _read_text(place: Place) -> str | None:
    """The contents of a file, None if there is none; empty if it can't be read or is not a file, such as a FIFO."""
    try:
        fd = os.open(place.name, READING, dir_fd=place.folder)
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    try:
        return os.read(fd, LONGEST).decode("utf-8", "replace") if stat.S_ISREG(os.fstat(fd).st_mode) else ""
    except OSError:
        return ""
    finally:
        os.close(fd)


def _read_reason(place: Place) -> dict[str, Any] | None:
    text = _read_text(place)
    if text is None:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
