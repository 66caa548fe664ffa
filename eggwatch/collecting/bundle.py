"""One tar with archives and a list of their sizes and checksums, to be copied to a machine without a network."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from eggwatch.errors import EggwatchError, in_words, naming
from eggwatch.model.names import shown
from eggwatch.policy.settling import SUFFIXES, NameKind, kind_of_name
from eggwatch.store import durable

SUFFIX = ".tar"
LIST = "eggwatch-bundle.json"
"""The first member, which lists all others."""
LARGEST_LIST = 64 << 20
LONGEST_NAME = 255
CHUNK = 1 << 20
AGAIN = "Copy it again, or make it again with 'eggwatch collect --bundle'."
_BAD_HEADERS = (ValueError, OverflowError, MemoryError)
"""What tarfile raises besides TarError, for headers of sparse files and for huge numbers."""


class BundleError(EggwatchError):
    """A bundle contradicts its list: none of it is used."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """An archive as the list names it, and the `offset` where it begins in a bundle that was read."""

    filename: str
    size: int
    sha256: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle whose archives are all there and equal their checksums."""

    path: Path
    archives: tuple[Packed, ...]

    def copy(self, one: Packed, target: IO[bytes]) -> None:
        """Write one archive to a file; BundleError if the bundle was changed since it was read."""
        digest = hashlib.sha256()
        with self.path.open("rb") as source:
            source.seek(one.offset)
            for start in range(0, one.size, CHUNK):
                piece = source.read(min(CHUNK, one.size - start))
                digest.update(piece)
                target.write(piece)
        if digest.hexdigest() != one.sha256:
            raise BundleError(f"{self.path} was changed while it was read.", remedy="Run the command again.")


def write_bundle(path: Path, archives: Sequence[Path]) -> None:
    """Pack archives; the same ones always make the same bytes. The bundle appears under its name when it is durable."""
    packed = [_packed(archive) for archive in archives]
    rows = [{"filename": one.filename, "size": one.size, "sha256": one.sha256} for one in packed]
    listed = json.dumps({"schema": 1, "archives": rows}, indent=1).encode()
    with _new_file(path) as target, tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_member(LIST, len(listed)), io.BytesIO(listed))
        for archive, one in zip(archives, packed, strict=True):
            with archive.open("rb") as file:
                tar.addfile(_member(one.filename, one.size), file)


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when it is whole and durable."""
    temporary = path.with_name(f".eggwatch-{secrets.token_hex(8)}")
    try:
        with naming(path), os.fdopen(os.open(temporary, durable.NEW_FILE, 0o666), "wb") as file:
            yield file
            file.flush()
            durable.sync_descriptor(file.fileno(), path)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _packed(archive: Path) -> Packed:
    with archive.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Packed(filename=archive.name, size=file.tell(), sha256=sha256)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def is_bundle(path: Path) -> bool:
    """Whether a file is a bundle, or may be a damaged one: any .tar that does not begin with another member."""
    if path.suffix != SUFFIX or not path.is_file():
        return False
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
    except (tarfile.TarError, *_BAD_HEADERS):
        return True
    return first is None or first.name == LIST


def read_bundle(path: Path) -> Bundle:
    """Compare every archive of a bundle with its checksum; BundleError names the first that differs."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = iter(tar)
            listed = {one.filename: one for one in _listed(tar, next(members, None))}
            there = tuple(_compared(tar, members, listed))
        if missing := sorted(listed.keys() - {one.filename for one in there}):
            raise _DamagedError(f"{missing[0]} is missing")
    except (tarfile.TarError, OSError, _DamagedError, *_BAD_HEADERS) as error:
        why = "its headers can't be read" if isinstance(error, _BAD_HEADERS) else in_words(error)
        raise BundleError(f"{path} is damaged: {why}.", remedy=AGAIN) from error
    return Bundle(path=path, archives=there)


class _DamagedError(Exception):
    """What is wrong with a bundle, in words."""


def _listed(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> list[Packed]:
    if member is None or member.name != LIST or not _is_plain(member) or member.size > LARGEST_LIST:
        raise _DamagedError(f"it does not begin with {LIST}")
    try:
        said = json.loads(_opened(tar, member).read())
        return [_row(one) for one in said["archives"]]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _DamagedError(f"{LIST} can't be read") from error


def _row(row: object) -> Packed:
    match row:
        case {"filename": str(name), "size": int(size), "sha256": str(sha256)}:
            pass
        case _:
            raise TypeError
    if os.path.basename(name).lstrip(".") != name:
        raise _DamagedError(f"{name!r} is not the filename of an archive")
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise _DamagedError(f"{shown(name)} is longer than a filename can be")
    return Packed(filename=name, size=size, sha256=sha256)


def _compared(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], listed: dict[str, Packed]) -> Iterator[Packed]:
    """Each archive with its offset, if it equals its checksum."""
    seen = set[str]()
    for member in members:
        one = listed.get(member.name)
        if one is None or member.name in seen or not _is_plain(member):
            raise _DamagedError(f"{member.name!r} is not in {LIST}")
        if hashlib.file_digest(_opened(tar, member), "sha256").hexdigest() != one.sha256 or member.size != one.size:
            raise _DamagedError(f"{shown(member.name)} was changed after it was packed (its sha256 differs)")
        seen.add(member.name)
        yield replace(one, offset=member.offset_data)


def _is_plain(member: tarfile.TarInfo) -> bool:
    return member.type == tarfile.REGTYPE and not member.issparse()


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> io.BufferedReader:
    file = tar.extractfile(member)
    assert isinstance(file, io.BufferedReader)
    return file


def unpack(bundle: Bundle, into: Path) -> None:
    """Unpack all archives into a folder, or none: BundleError if one exists there with different bytes, or is none."""
    # A web server may run or show whatever lies in that folder.
    if others := [
        one.filename for one in bundle.archives if kind_of_name(one.filename, tuple(SUFFIXES)) is not NameKind.UPLOAD
    ]:
        raise BundleError(f"{bundle.path} has a file that is no archive: {shown(others[0])}.", remedy=AGAIN)
    lacking = [one for one in bundle.archives if not (into / one.filename).exists()]
    for one in bundle.archives:
        if one not in lacking and _packed(into / one.filename) != one:
            raise BundleError(
                f"{into / one.filename} exists, and differs from that in {bundle.path}.",
                remedy="Delete or move one of them, or unpack into another folder with --out.",
            )
    into.mkdir(parents=True, exist_ok=True)
    for one in lacking:
        with _new_file(into / one.filename) as file:
            bundle.copy(one, file)
    durable.sync([into])
