"""The spool: PUBLIC/.eggwatch, private copies of uploads on their way: the intents that recovery finishes."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from eggwatch.errors import FolderError
from eggwatch.linux import capabilities, leases
from eggwatch.linux.accounts import Identify, Traces, account_name, by_owner
from eggwatch.model.sightings import Claim, Identity, Imported, Lease, Sighting
from eggwatch.store import ballast, durable
from eggwatch.store.drop.folder import Drop, identity_of
from eggwatch.store.durable import PRIVATE, Permissions

CHUNK = 1024 * 1024
ZEROS = bytearray(CHUNK)
LARGE = 16 * CHUNK
"""Copies above this are written out beside the loop."""
MOMENT = 0.005
ARCHIVE_MODE = 0o444

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work that can be left and gone on with."""


class Changed(Exception):  # noqa: N818 - not an error: the upload simply goes on
    """The original changed, vanished or is being written while it was read."""


class UnreadableError(OSError):
    """A file can't be read to its end: a bad block, or a server that does not answer; others can be."""


class UnwritableError(FolderError):
    """The spool itself may not be written to, which is no fault of an upload."""


class Spool:
    """The private folder inside PUBLIC, on the same file system as files/, so that its bytes can be linked there."""

    def __init__(self, public: Path, permissions: Permissions = durable.OURS, *, identify: Identify = by_owner) -> None:
        """`identify` returns the uploader of a file."""
        self._identify = identify
        self.folder = public / ".eggwatch"
        self.scratch = self.folder / "pages"
        self.quarantine = self.folder / "quarantine"
        self._permissions = permissions
        self._next = 1
        self._intents: dict[int, Path] = {}
        """By the number of a claim: the file that has what is known of it."""
        self._unfinished: Counter[Path] = Counter()
        """How many claims of each of these files are not finished."""
        self.progress: Callable[[], object] = lambda: None
        """Called with every step of what takes long when there is much of it, such as each MiB that is copied."""

    def prepare(self) -> None:
        """Make the folders, drop what is no whole intent, and check that files/ can be linked to."""
        durable.make_folders(self.folder, PRIVATE)
        durable.make_folders(self.scratch, PRIVATE)
        for path in sorted(self.scratch.iterdir()):
            durable.unlink(path)
        written = list(self._written_down())
        whole = [(claim, path) for claim, path in written if self.bytes_of(claim).exists()]
        kept = {self.scratch, self.quarantine, self.folder / ballast.NAME}
        kept |= {path for claim, intents in whole for path in (self.bytes_of(claim), intents)}
        for path in sorted({*self.folder.iterdir()} - kept):
            durable.unlink(path)
        self._intents = {claim.number: path for claim, path in whole}
        self._unfinished = Counter(self._intents.values())
        # Nor a number that is written down beside those of whole claims: its bytes would be taken for those of old.
        self._next = 1 + max((claim.number for claim, _ in written), default=0)

    def check_linking(self, folder: Path) -> None:
        """Raises FolderError if nothing in the spool can be linked or renamed into another folder of PUBLIC."""
        if os.stat(self.folder).st_dev != os.stat(folder).st_dev or self._is_mounted_apart(folder):
            raise FolderError(
                f"{self.folder} and {folder} are on two file systems, or mounted each for itself: archives can't be "
                "linked from one to the other.",
                remedy=f"Mount one file system at {self.folder.parent}, not parts of it.",
            )

    def _is_mounted_apart(self, folder: Path) -> bool:
        """The kernel looks at that before it says that folders can't be linked at all: nothing is made."""
        try:
            os.link(self.scratch, folder / self.folder.name)
        except OSError as error:
            return error.errno == errno.EXDEV
        return False

    def intents(self) -> Iterator[Claim]:
        """Claims that can be read and have their bytes, in the order in which they were made."""
        claims = sorted((claim for claim, _ in self._written_down()), key=lambda claim: claim.number)
        return (claim for claim in claims if self.bytes_of(claim).exists())

    def _written_down(self) -> Iterator[tuple[Claim, Path]]:
        """Every claim that can be read, one a line, and the file that it stands in."""
        for path in sorted(self.folder.glob("*.json")):
            for line in path.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    yield _claim_from_json(json.loads(line)), path

    def bytes_of(self, claim: Claim) -> Path:
        """The path of a claim's private copy."""
        return _bytes_in(self.folder, claim.number)

    def claiming(self, drop: Drop, sighting: Sighting, *, at: str) -> Steps[Claim]:
        """Copy an upload while hashing it, from one descriptor. Changed if it moved meanwhile; OSError if it can't be
        opened, UnreadableError if only a part of it can be read.

        In steps of a MiB; whoever closes it before its end gives up the copy. Not durable before `sync`.
        """
        number, target = self.new_place()
        with drop.reading(sighting.path) as source:
            status = os.fstat(source)
            if identity_of(status) != sighting.identity:
                raise Changed(sighting.path)
            uploader = self._identify(sighting, _traces(drop, sighting, status))
            digest, size = yield from self._copy(source, target, most=status.st_size)
            if not _untouched(drop, sighting, source):
                durable.unlink(target)
                raise Changed(sighting.path)
        return Claim(
            number=number,
            path=sighting.path,
            filename=sighting.filename,
            identity=sighting.identity,
            sha256=digest,
            size=size,
            uid=uploader.uid,
            uploader=uploader.name,
            doubt=uploader.doubt,
            at=at,
        )

    def new_place(self) -> tuple[int, Path]:
        """The number of the next claim, and the path for its bytes; no number is used twice."""
        number, self._next = self._next, self._next + 1
        return number, _bytes_in(self.folder, number)

    def _copy(self, source: int, target: Path, *, most: int) -> Steps[tuple[str, int]]:
        durable.changing("write", target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._writing():
            fd = os.open(target, flags, 0o600)
        try:
            result = yield from copying(source, fd, most=most)
            durable.changing("write", target)  # anything may have come in between
            self.publishable(fd)
            if result[1] > LARGE:
                yield from _synced(fd)
        except BaseException:
            with suppress(OSError):  # the disk fails: what is left is deleted at the next start
                durable.unlink(target)
            raise
        finally:
            os.close(fd)
        return result

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """UnwritableError if the spool is not to be written to."""
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            me = account_name(os.geteuid())
            remedy = "Mount it writable." if error.errno == errno.EROFS else f"chown -R {me}: {self.folder.parent}"
            raise UnwritableError(f"{self.folder} can't be written to: {error.strerror}.", remedy=remedy) from error

    def publishable(self, fd: int) -> None:
        """Give a file the mode and group of a published archive."""
        self._permissions.apply(fd, ARCHIVE_MODE & self._permissions.file)

    def make_publishable(self, claim: Claim) -> None:
        """The same for a claim's bytes, where they are still those of a stock, with its mode: only when it is taken."""
        with self.reading(claim) as fd:
            if stat.S_IMODE(os.fstat(fd).st_mode) != ARCHIVE_MODE & self._permissions.file:
                durable.changing("write", self.bytes_of(claim))
                self.publishable(fd)

    def sync(self, claims: list[Claim]) -> None:
        """Write down claims and make them last, so that whatever is linked from them later has its intent."""
        if claims:
            self._write_down([claim for claim in claims if claim.number not in self._intents])
            intents = [self._intents[claim.number] for claim in claims]
            durable.sync([*map(self.bytes_of, claims), *intents, self.folder])

    def _write_down(self, claims: list[Claim]) -> None:
        """What is known of the originals of new claims: one file for all of them, since many come at once."""
        if not claims:
            return
        path = self.folder / f"{min(claim.number for claim in claims):012d}.json"
        lines = (json.dumps(_claim_as_json(claim)) for claim in claims)
        self._intents |= {claim.number: path for claim in claims}
        self._unfinished[path] = len(claims)
        try:
            with self._writing():
                durable.write(path, "".join(f"{line}\n" for line in lines).encode("ascii"), permissions=PRIVATE)
        except BaseException:
            for claim in claims:
                self.release(claim)
            raise

    def is_whole(self, claim: Claim) -> bool:
        """Whether a claim found at start still has the bytes that were read (a power cut may have taken some)."""
        digest, buffer = hashlib.sha256(), bytearray(CHUNK)
        view = memoryview(buffer)
        with self.reading(claim) as fd, suppress(UnreadableError):
            while count := _read(fd, buffer):
                digest.update(view[:count])
                self.progress()
            return digest.hexdigest() == claim.sha256
        return False

    @contextmanager
    def reading(self, claim: Claim) -> Iterator[int]:
        """The private copy, open for reading only."""
        fd = os.open(self.bytes_of(claim), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield fd
        finally:
            os.close(fd)

    def release(self, claim: Claim) -> None:
        """The claim is finished: its bytes lose their name here, and the last one takes the file of intents along."""
        durable.unlink(self.bytes_of(claim))
        path = self._intents.pop(claim.number, None)
        if path is not None:
            self._unfinished[path] -= 1
            if not self._unfinished[path]:
                del self._unfinished[path]
                durable.unlink(path)

    def free_bytes(self) -> int:
        """Bytes that may still be written on this file system. UnwritableError if its folder can't be entered."""
        with self._writing():
            status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize


@functools.lru_cache(maxsize=1024)
def _bytes_in(folder: Path, number: int) -> Path:
    """Asked for several times for each claim, and a path takes longer to join than to open."""
    return folder / f"{number:012d}.bytes"


def _claim_as_json(claim: Claim) -> dict[str, Any]:
    # asdict copies each value deeply, which takes as long as to write the file.
    return _values(claim) | {
        "identity": claim.identity._asdict(),
        "imported": claim.imported and _values(claim.imported),
    }


def _values(one: Claim | Imported) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def _claim_from_json(data: dict[str, Any]) -> Claim:
    claim = Claim(**{**data, "identity": Identity(**data["identity"])})
    if claim.imported is None:
        return claim
    return replace(claim, imported=Imported(**data["imported"]))


def copy_hashing(source: int, target: int) -> tuple[str, int]:
    """Copy an open file to another one; answers with its sha256 and size."""
    return finished(copying(source, target))


def copying(source: int, target: int, *, most: int | None = None) -> Steps[tuple[str, int]]:
    """The same in steps of a MiB. Where there is nothing but zeros no room on the disk is taken.

    Changed if there are more than `most` bytes: what grows faster than it is copied would fill the disk.
    """
    digest, size, buffer = hashlib.sha256(), 0, bytearray(CHUNK)
    view = memoryview(buffer)
    while count := _read(source, buffer):
        if most is not None and size + count > most:
            raise Changed
        digest.update(view[:count])
        if count == CHUNK and buffer == ZEROS:
            os.ftruncate(target, size + count)
            os.lseek(target, size + count, os.SEEK_SET)
        else:
            durable.write_all(target, view[:count])
        size += count
        yield
    return digest.hexdigest(), size


def _read(source: int, buffer: bytearray) -> int:
    try:
        return os.readv(source, [buffer])
    except OSError as error:
        raise UnreadableError(error.errno, error.strerror) from error


def _synced(fd: int) -> Steps[None]:
    """Gigabytes that are to last would hold up the loop: they are written out beside it."""
    done = durable.begin_sync(fd)
    while not done.done():
        wait([done], timeout=MOMENT)
        yield
    done.result()


def finished(steps: Steps[T]) -> T:
    """Go through all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: T = end.value
            return answer


def _traces(drop: Drop, sighting: Sighting, file: os.stat_result) -> Traces:
    """Changed if the file, or a folder on its path, was moved away since it was opened."""
    if "/" not in sighting.path:
        return Traces(file=file)
    try:
        *folders, lying = drop.folders_of(sighting.path)
    except (FileNotFoundError, NotADirectoryError):
        raise Changed(sighting.path) from None
    if (lying.st_dev, lying.st_ino) != (file.st_dev, file.st_ino):
        raise Changed(sighting.path)
    return Traces(file=file, folders=tuple(folders))


def _untouched(drop: Drop, sighting: Sighting, source: int) -> bool:
    if identity_of(os.fstat(source)) != sighting.identity or leases.probe(source) is Lease.HELD:
        return False
    try:
        with drop.place(sighting.path) as place, capabilities.raised():
            status = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
    except (OSError, FolderError):
        return False
    return identity_of(status) == sighting.identity
