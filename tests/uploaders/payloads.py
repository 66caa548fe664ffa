"""Whole wheels and sdists of an exact size, with content that no compression and no guess can stand in for."""

from __future__ import annotations

import gzip
import random
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


EMPTY_BLOCK = b"\0\0\0\xff\xff"
"""A stored block of no bytes (RFC 1951, 3.2.4): five bytes that stand for nothing."""


def _gzipped(content: bytes, extra: int) -> bytes:
    """Gzip without compression, `extra` bytes longer than needed: by empty blocks, and a filename for the rest."""
    plain = gzip.compress(content, 0, mtime=0)
    blocks, rest = divmod(extra, len(EMPTY_BLOCK))
    name = b"x" * (rest - 1) + b"\0" if rest else b""
    flags = bytes([plain[3] | (8 if rest else 0)])
    return plain[:3] + flags + plain[4:10] + name + EMPTY_BLOCK * blocks + plain[10:]
