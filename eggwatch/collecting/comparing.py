"""Compares a wheel with installed files: its members with the installed RECORD."""

from __future__ import annotations

import base64
import hashlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from eggwatch.collecting.environment import Row

SIGNED = (".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")
CHUNK = 1 << 20
_UNREADABLE = (
    *(zipfile.BadZipFile, struct.error, OSError, EOFError, ValueError),
    *(zlib.error, lzma.LZMAError, RuntimeError, TypeError),
)
"""Of a damaged archive, a damaged or encrypted member, and a hash that Python does not know, or of no fixed size."""


def differences(wheel: Path, rows: Mapping[str, Row]) -> list[str]:
    """The paths in site-packages that a wheel would install differently, sorted; it is not unpacked to the disk."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = dict(_members(archive))
            other = {path for path, info in members.items() if not _is_same(archive, info, rows.get(path))}
    except _UNREADABLE:
        return [wheel.name]
    return sorted(other | {path for path in rows if path not in members and is_from_wheel(path)})


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """The members that are installed into site-packages, by their paths there."""
    for info in archive.infolist():
        path = info.filename
        top, _, rest = path.partition("/")
        if top.endswith(".data"):
            scheme, _, path = rest.partition("/")
            if scheme not in ("purelib", "platlib"):  # installers rewrite scripts; the rest is installed elsewhere
                continue
        if not info.is_dir() and not path.endswith(SIGNED):
            yield path, info


def is_from_wheel(path: str) -> bool:
    """Whether a wheel holds what RECORD lists here; installers add bytecode and files to .dist-info."""
    made = path.endswith(".pyc") or ".dist-info/" in path
    return not made and not path.startswith(("../", "/"))


def _is_same(archive: zipfile.ZipFile, info: zipfile.ZipInfo, row: Row | None) -> bool:
    if row is None or (row.size and row.size != str(info.file_size)):
        return False
    if not row.digest:
        return True
    algorithm, _, said = row.digest.partition("=")
    with archive.open(info) as member:
        found = hashlib.new(algorithm)
        while chunk := member.read(CHUNK):
            found.update(chunk)
    return base64.urlsafe_b64encode(found.digest()).rstrip(b"=").decode() == said
