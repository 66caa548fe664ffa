"""Whole wheels and sdists of an exact size, with content that no compression and no guess can stand in for."""

from __future__ import annotations

import gzip
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping

from tests.archive_factory import normalized, sdist_members, tar_of, wheel_members, zip_of

MEGABYTE = 1_000_000


def wheel_of(project: str, size: int = 300_000, *, version: str = "1.0", seed: object = 0) -> tuple[str, bytes]:
    """A wheel as `(filename, bytes)`, exactly `size` bytes long; another `seed` gives other bytes."""
    noise = random.Random(f"{project} {version} {seed}").randbytes(size)

    def build(padding: int) -> bytes:
        files = {f"{normalized(project)}/noise.bin": noise[:padding]}
        return zip_of(wheel_members(project, version, files=files), zipfile.ZIP_STORED)

    return f"{normalized(project)}-{version}-py3-none-any.whl", _exactly(size, build)


def sdist_of(project: str, size: int = 20_000, *, version: str = "1.0", seed: object = 0) -> tuple[str, bytes]:
    """An sdist as `(filename, bytes)`, exactly `size` bytes long."""
    noise = random.Random(f"{project} {version} {seed}").randbytes(size)

    def members(padding: int) -> Mapping[str, bytes]:
        return sdist_members(project, version, files={f"{normalized(project)}/noise.bin": noise[:padding]})

    room = size - len(_gzipped(tar_of(members(0)), 0))
    content = tar_of(members(room // tarfile.RECORDSIZE * tarfile.RECORDSIZE))
    return f"{normalized(project)}-{version}.tar.gz", _gzipped(content, size - len(_gzipped(content, 0)))


def _exactly(size: int, build: Callable[[int], bytes]) -> bytes:
    padding = size - len(build(0))
    for _ in range(5):
        data = build(padding)
        if len(data) == size:
            return data
        padding += size - len(data)
    raise AssertionError(f"no archive of {size} bytes can be built")


def _gzipped(content: bytes, extra: int) -> bytes:
    """Gzip without compression, with an extra field (RFC 1952) that is `extra` bytes long in all."""
    plain = gzip.compress(content, 0, mtime=0)
    if extra == 0:
        return plain
    field = b"\0" * (extra - 2)
    return plain[:3] + bytes([plain[3] | 4]) + plain[4:10] + struct.pack("<H", len(field)) + field + plain[10:]
