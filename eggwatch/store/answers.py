"""Answers for the uploader: rejected/, receipts/ and README.txt in the drop folder, made and owned by us.

Where the drop is not ours to write, or somebody has put something else under these names, answers lie in
STATE/answers/ and refused files stay where they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eggwatch.errors import FolderError
from eggwatch.model.names import stored_name
from eggwatch.policy.keeping import Keeping, Leaving, outlived
from eggwatch.store import durable
from eggwatch.store.drop import ANSWER_FOLDERS, Drop
from eggwatch.store.durable import Permissions, Place

README_MARK = "This is eggwatch's drop folder."
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is left of one kind of answers, in files (each with its reason) and bytes, and how many went."""

    kept: int = 0
    size: int = 0
    deleted: int = 0


class NotOurs(Exception):  # noqa: N818 - an answer, not an error: the fallback takes over
    """A folder of ours can't be had in the drop; the text says why."""


class Answers:
    """The places where answers are left."""

    def __init__(self, drop: Drop, state: Path, permissions: Permissions = durable.OURS) -> None:
        self._drop = drop
        self._fallback = state / "answers"
        self._permissions = permissions
        self._unsynced = durable.Unsynced()
        self.fault: str | None = None
        """Why answers lie in STATE/answers/, if they do."""

    @contextmanager
    def folder(self, *names: str) -> Iterator[Place]:
        """Open DROP/<names> (made if missing), or the same below STATE/answers/; `name` of the place is empty."""
        with ExitStack() as stack:
            try:
                place = stack.enter_context(self.in_drop(*names))
                self.fault = None
            except NotOurs as reason:
                self.fault = str(reason)
                place = stack.enter_context(self._in_state(*names))
            yield place

    @contextmanager
    def _in_state(self, *names: str) -> Iterator[Place]:
        path = self._fallback.joinpath(*names)
        durable.make_folders(path, self._permissions)
        fd = os.open(path, _FLAGS)
        try:
            yield Place(fd, "", str(path))
        finally:
            os.close(fd)

    @contextmanager
    def in_drop(self, *names: str) -> Iterator[Place]:
        """Open DROP/<names> by descriptor, without following links. NotOurs says why that can't be."""
        with ExitStack() as stack:
            try:
                fd, label = os.dup(stack.enter_context(self._drop.opened())), str(self._drop.root)
            except FolderError as error:
                raise NotOurs(error.message) from error
            try:
                for name in names:
                    label = f"{label}/{name}"
                    below = self._enter(Place(fd, name, label))
                    os.close(fd)
                    fd = below
                yield Place(fd, "", label)
            finally:
                os.close(fd)

    def _enter(self, place: Place) -> int:
        try:
            fd = os.open(place.name, _FLAGS, dir_fd=place.folder)
        except FileNotFoundError:
            return self._make(place)
        except OSError as error:
            raise NotOurs(f"{place} is not a folder of ours: {error.strerror}") from error
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            os.close(fd)
            raise NotOurs(f"{place} belongs to somebody else, or others may write to it")
        return fd

    def _make(self, place: Place) -> int:
        try:
            durable.make_folder_at(place)
            fd = os.open(place.name, _FLAGS, dir_fd=place.folder)
        except OSError as error:
            raise NotOurs(f"{place} can't be made: {error.strerror}") from error
        os.fchmod(fd, 0o755)
        return fd

    def prepare(self) -> None:
        """Make the folders, so that people see where answers will lie."""
        for name in ANSWER_FOLDERS:
            with self.folder(name):
                pass

    def receipt(self, filename: str) -> str | None:
        """The last receipt of a name, if there is one."""
        with self.folder("receipts") as place:
            return _read_text(_in(place, stored_name(filename) + ".txt"))

    def write_receipt(self, filename: str, text: str) -> None:
        """Leave the last verdict on a name in receipts/."""
        with self.folder("receipts") as place:
            receipt = _in(place, stored_name(filename) + ".txt")
            self._write(receipt, text.encode("utf-8", "backslashreplace"))

    def _write(self, place: Place, data: bytes) -> None:
        durable.write_at(place, data, self._unsynced)

    def sync(self) -> None:
        """Make all answers that were written since the last call last."""
        self._unsynced.sync()

    def tidy_receipts(self, keeping: Keeping, *, now: float) -> Tally:
        """Delete receipts that have had their time; say what is left. `now` in seconds since the epoch."""
        with self.folder("receipts") as place:
            return _tidied(place, [_leaving(place, [name]) for name in _files_in(place)], keeping, now)

    def tidy_refusals(self, keeping: Keeping, *, now: float) -> Tally:
        """Delete refused files that have had their time, each with its reason; say what is left."""
        with self.folder("rejected") as place:
            leavings = _refusals(place)
            with contextlib.suppress(NotOurs, FileNotFoundError), self._existing(place, "earlier") as earlier:
                leavings += [_below("earlier", leaving) for leaving in _refusals(earlier)]
            return _tidied(place, leavings, keeping, now)

    @contextmanager
    def _existing(self, place: Place, name: str) -> Iterator[Place]:
        os.stat(name, dir_fd=place.folder, follow_symlinks=False)
        fd = self._enter(_in(place, name))
        try:
            yield Place(fd, "", f"{place.label}/{name}")
        finally:
            os.close(fd)

    def explain_refusal(self, filename: str, data: dict[str, Any], text: str) -> None:
        """Write the reason files of a refusal; they last after `sync`. An older refusal moves to earlier/."""
        name = stored_name(filename)
        with self.folder("rejected") as place:
            older = _read_reason(_in(place, f"{name}.reason.json"))
            if older is not None and older.get("sha256") != data["sha256"]:
                self._move_earlier(place, name, older)
            self._write(_in(place, f"{name}.reason.json"), json.dumps(data, indent=1).encode("ascii") + b"\n")
            self._write(_in(place, f"{name}.reason.txt"), text.encode("utf-8", "backslashreplace"))

    def retract_refusal(self, filename: str, *, before: int) -> None:
        """The name was published: move a refusal before that serial to earlier/, so that no stale reason lies there."""
        name = stored_name(filename)
        with self.folder("rejected") as place:
            older = _read_reason(_in(place, f"{name}.reason.json"))
            if older is not None and int(older.get("serial") or 0) < before:
                self._move_earlier(place, name, older)

    def _move_earlier(self, place: Place, name: str, older: dict[str, Any]) -> None:
        earlier = _in(place, "earlier")
        try:
            fd = self._enter(earlier)
        except NotOurs as reason:  # somebody has put something else there: then it stays beside the newer one
            self.fault = str(reason)
            fd, earlier = os.dup(place.folder), place
        try:
            prefix = f"{older.get('serial', 0)}-"
            # The JSON goes last: as long as it is there, a crash in between is recognised and finished.
            for suffix in ("", ".reason.txt", ".reason.json"):
                with contextlib.suppress(FileNotFoundError):
                    target = Place(fd, _longest(prefix, name + suffix), f"{earlier}/{prefix}{name}{suffix}")
                    durable.rename_at(_in(place, name + suffix), target)
            self._unsynced.add(fd)
            self._unsynced.add(place.folder)
        finally:
            os.close(fd)

    @contextmanager
    def place_of_refused(self, filename: str, serial: int) -> Iterator[Place]:
        """Where a refused original belongs: beside its reason, which goes to earlier/ when a newer verdict comes.

        NotOurs if refused files stay where they are.
        """
        name, prefix = stored_name(filename), f"{serial}-"
        reason = _longest(prefix, f"{name}.reason.json")
        with self.in_drop("rejected") as place:
            if _exists(_in(place, f"earlier/{reason}")):
                with self.in_drop("rejected", "earlier") as earlier:
                    yield _in(earlier, _longest(prefix, name))
            else:
                yield _in(place, _longest(prefix, name) if _exists(_in(place, reason)) else name)

    def keep_refused(self, source: Place, filename: str, serial: int) -> None:
        """Give a refused original its place in rejected/, lasting. NotOurs if refused files stay where they are."""
        with self.place_of_refused(filename, serial) as target:
            durable.rename_at(source, target)
            durable.sync_descriptor(target.folder, target)

    def write_readme(self, text: str) -> None:
        """Write DROP/README.txt, unless it is somebody else's or the drop is not ours to write."""
        with self._drop.opened() as root:
            place = Place(root, "README.txt", str(self._drop.root / "README.txt"))
            current = _read_text(place)
            if current == text or (current is not None and not current.startswith(README_MARK)):
                return
            with contextlib.suppress(PermissionError):
                self._write(place, text.encode())
            self.sync()


_REASONS = (".reason.txt", ".reason.json")


def _refusals(place: Place) -> list[Leaving]:
    """Refused files and their reasons, each file with its own."""
    groups: dict[str, list[str]] = {}
    for name in _files_in(place):
        stem = next((name.removesuffix(suffix) for suffix in _REASONS if name.endswith(suffix)), name)
        groups.setdefault(stem, []).append(name)
    groups.pop("earlier", None)
    return [_leaving(place, names) for names in groups.values()]


def _files_in(place: Place) -> list[str]:
    """What lies there, but for folders: earlier/, and whatever somebody else has made."""
    with os.scandir(place.folder) as entries:
        return [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]


def _leaving(place: Place, names: list[str]) -> Leaving:
    """They lie there since the last of them came or was written anew: no uploader can set a ctime."""
    # The JSON goes last: as long as it is there, a crash in between is recognised and finished.
    names = sorted(names, key=lambda name: (name.endswith(_REASONS[1]), name))
    found = [os.stat(name, dir_fd=place.folder, follow_symlinks=False) for name in names]
    return Leaving(
        names=tuple(names),
        since=max(status.st_ctime for status in found),
        size=sum(status.st_size for status in found),
    )


def _below(folder: str, leaving: Leaving) -> Leaving:
    return replace(leaving, names=tuple(f"{folder}/{name}" for name in leaving.names))


def _tidied(place: Place, leavings: list[Leaving], keeping: Keeping, now: float) -> Tally:
    gone = outlived(leavings, keeping, now=now)
    for leaving in gone:
        for name in leaving.names:
            durable.unlink_at(_in(place, name))
    return Tally(
        kept=len(leavings) - len(gone),
        size=sum(leaving.size for leaving in leavings) - sum(leaving.size for leaving in gone),
        deleted=len(gone),
    )


def _in(place: Place, name: str) -> Place:
    return Place(place.folder, name, f"{place.label}/{name}")


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
    try:
        fd = os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place.folder)
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    with open(fd, "rb") as file:
        return file.read(1024 * 1024).decode("utf-8", "replace")


def _read_reason(place: Place) -> dict[str, Any] | None:
    text = _read_text(place)
    if text is None:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
