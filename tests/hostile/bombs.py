"""Archives that cost as much as the rules let them: near the caps on growth, members and declared sizes."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from eggwatch.archives.limits import FREE_GROWTH
from tests.archive_factory import core_metadata, recorded, wheel_members, zip_of
from tests.archives.judging import ZEROS, Part, pax, raw_zip, tar_block

JUST_UNDER = FREE_GROWTH - (1 << 20)


_BLOCK = b"".join(bytes(4092) + number.to_bytes(4, "big") for number in range(256))
"""A MiB of nearly nothing but zeros; deflated, it has no long row of them, which would look like a hole in the file."""


@cache
def _deflated(count: int) -> tuple[bytes, int]:
    """So many bytes of nearly nothing, deflated, with their CRC."""
    deflate, crc, packed = zlib.compressobj(9, wbits=-15), 0, []
    for _ in range(count >> 20):
        packed.append(deflate.compress(_BLOCK))
        crc = zlib.crc32(_BLOCK, crc)
    return b"".join(packed) + deflate.flush(), crc


def _large_wheel(name: str, count: int, declared: int | None = None) -> bytes:
    """A wheel with one member that inflates to `count` bytes; the headers say `declared`."""
    packed, crc = _deflated(count)
    facts = {"crc": crc, "size": count if declared is None else declared}
    parts = [Part(name=b"large.bin", packed=packed, local=facts, central=facts)]
    parts += [Part(name=path.encode(), content=content) for path, content in _of_another(name).items()]
    return raw_zip(parts)


def _of_another(name: str) -> dict[str, bytes]:
    """A wheel's members, with the metadata of another project."""
    return {**wheel_members(name), f"{name}-1.0.dist-info/METADATA": core_metadata("another")}


def wheel_under_the_cap(name: str) -> bytes:
    """It is whole, and of another project than its name says."""
    return _large_wheel(name, JUST_UNDER)


def wheel_over_the_cap(name: str) -> bytes:
    """It inflates to four times what is allowed, and says so."""
    return _large_wheel(name, 4 * FREE_GROWTH)


def wheel_that_lies(name: str) -> bytes:
    """It says that it inflates to little."""
    return _large_wheel(name, 4 * FREE_GROWTH, declared=1000)


def wheel_of_many_members(name: str) -> bytes:
    """Tens of thousands of empty members that RECORD does not list, and the metadata of another project."""
    return zip_of({**{f"{number:x}": b"" for number in range(30_000)}, **_of_another(name)})


def wheel_of_giant_sizes(name: str) -> bytes:
    """One member claims four exabytes, in a zip64 field."""
    extra = struct.pack("<2H2Q", 1, 16, 1 << 62, 9)
    lies = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
    part = Part(name=b"giant", content=b"something", method=0, extra=extra, central_extra=extra, local=lies)
    part.central = lies
    return raw_zip([part, *(Part(name=path.encode(), content=text) for path, text in wheel_members(name).items())])


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def _large_sdist(name: str, count: int) -> bytes:
    """An sdist with one member that inflates to `count` bytes, and the metadata of another project."""
    folder = f"{name}-1.0"
    head = tar_block(f"{folder}/PKG-INFO", core_metadata("other"))
    head += tar_block(f"{folder}/large.bin", size=b"%011o\x00" % count)
    deflate, crc = zlib.compressobj(9, wbits=-15), zlib.crc32(head)
    packed = [deflate.compress(head)]
    for _ in range(count >> 20):
        packed.append(deflate.compress(_BLOCK))
        crc = zlib.crc32(_BLOCK, crc)
    packed += [deflate.compress(ZEROS * 2), deflate.flush()]
    length = len(head) + count + len(ZEROS * 2)
    trailer = struct.pack("<2L", zlib.crc32(ZEROS * 2, crc), length & 0xFFFFFFFF)
    return b"\x1f\x8b\x08" + bytes(7) + b"".join(packed) + trailer


def sdist_under_the_cap(name: str) -> bytes:
    """All of it has to be inflated to see that its metadata is of another project."""
    return _large_sdist(name, JUST_UNDER)


def sdist_over_the_cap(name: str) -> bytes:
    """It inflates to four times what is allowed."""
    return _large_sdist(name, 4 * FREE_GROWTH)


@cache
def _empty_members() -> bytes:
    return b"".join(tar_block(f"x/{number:x}") for number in range(60_000))


def sdist_of_many_members(name: str) -> bytes:
    """Tens of thousands of empty members beside the top folder."""
    return _gzip(_empty_members() + tar_block(f"{name}-1.0/PKG-INFO", core_metadata(name)) + ZEROS * 2)


def sdist_of_many_streams(name: str) -> bytes:
    """Tens of thousands of gzip members with nothing in them."""
    return _gzip(b"") * 60_000 + _gzip(tar_block(f"{name}-1.0/PKG-INFO", core_metadata("other")) + ZEROS * 2)


def sdist_of_giant_sizes(name: str) -> bytes:
    """One member claims eight exabytes, in GNU's binary form."""
    size = b"\x80" + (1 << 63).to_bytes(11, "big")
    return _gzip(tar_block(f"{name}-1.0/giant", size=size) + ZEROS * 2)


def wheel_of_garbage_scripts(name: str) -> bytes:
    """An entry_points.txt of half a million lines that are no entries."""
    members = wheel_members(name)
    members[f"{name}-1.0.dist-info/entry_points.txt"] = b"[console_scripts]\n" + b"a\n" * 500_000
    return zip_of(recorded(members))


def wheel_of_stray_lines(name: str) -> bytes:
    """A RECORD of seven million lines for files that are not there, in some kilobytes."""
    members = wheel_members(name)
    members[f"{name}-1.0.dist-info/RECORD"] += b"x,,\n" * 7_000_000
    return zip_of(members)


def sdist_of_deep_folders(name: str) -> bytes:
    """A thousand empty files, each below 125 folders of its own, with a letter that makes all others wide."""
    deep = "/".join(["a" * 30] * 125)
    paths = (f"{name}-1.0/{number:04d}\U0001f95a/{deep}/f" for number in range(2000))
    records = (pax({"path": path}) + tar_block("y") for path in paths)
    return _gzip(tar_block(f"{name}-1.0/PKG-INFO", core_metadata(name)) + b"".join(records) + ZEROS * 2)


def sdist_of_requirements(name: str) -> bytes:
    """As many requirements, with as many extras, as may be; the last can't be read."""
    lines = "".join(f"Requires-Dist: p{number}[{','.join(['e'] * 300)}]\n" for number in range(800))
    metadata = core_metadata(name, metadata_extra=f"{lines}Requires-Dist: =\n").replace(b": 2.1", b": 2.2", 1)
    return _gzip(tar_block(f"{name}-1.0/PKG-INFO", metadata) + ZEROS * 2)


WHEELS: tuple[Callable[[str], bytes], ...] = (
    wheel_under_the_cap,
    wheel_over_the_cap,
    wheel_that_lies,
    wheel_of_many_members,
    wheel_of_giant_sizes,
    wheel_of_garbage_scripts,
    wheel_of_stray_lines,
)
SDISTS: tuple[Callable[[str], bytes], ...] = (
    sdist_under_the_cap,
    sdist_over_the_cap,
    sdist_of_many_members,
    sdist_of_many_streams,
    sdist_of_giant_sizes,
    sdist_of_deep_folders,
    sdist_of_requirements,
)


def filename_of(name: str, build: Callable[[str], bytes]) -> str:
    """What a bomb of that kind is called."""
    return f"{name}-1.0{'-py3-none-any.whl' if build in WHEELS else '.tar.gz'}"


def bombs(count: int, only: str | None = None) -> Iterator[tuple[str, bytes]]:
    """So many bombs of all kinds in turn, or of the kind whose name is `only`, each of a project of its own."""
    kinds = [kind for pair in zip(WHEELS, SDISTS, strict=True) for kind in pair if only in (None, kind.__name__)]
    for number in range(count):
        build = kinds[number % len(kinds)]
        name = f"{build.__name__}_{number}"
        yield filename_of(name, build), build(name)
