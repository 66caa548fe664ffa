"""The bare loop over wheels, on all cores: each member is inflated, its CRC checked, its sha256 taken, and that is all.

    python benchmarks/yardsticks/bare.py FOLDER

With isal, if that is installed, else with zlib. The largest wheels come first, so that no core ends much later.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
import zipfile
from pathlib import Path

try:
    from isal import isal_zlib as zlib
except ImportError:
    import zlib

CHUNK = 1 << 20


def wheel(path: Path) -> int:
    """Read one; answers with the bytes of its members."""
    total = 0
    with path.open("rb", buffering=0) as file, zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            file.seek(member.header_offset)
            header = file.read(30)
            file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
            total += contents(file, member)
    return total


def contents(file: object, member: zipfile.ZipInfo) -> int:
    """Inflate, check and hash one member, a mebibyte at a time."""
    inflate = zlib.decompressobj(-15).decompress if member.compress_type else lambda data: data
    crc, digest, left, size = 0, hashlib.sha256(), member.compress_size, 0
    while left:
        data = file.read(min(CHUNK, left))  # type: ignore[attr-defined]
        left -= len(data)
        content = inflate(data)
        crc = zlib.crc32(content, crc)
        digest.update(content)
        size += len(content)
    if crc != member.CRC:
        raise SystemExit(f"{member.filename} is damaged")
    return size


def main() -> None:
    """Read all wheels of a folder."""
    paths = sorted(Path(sys.argv[1]).glob("*.whl"), key=lambda path: -path.stat().st_size)
    with multiprocessing.Pool() as pool:
        total = sum(pool.imap_unordered(wheel, paths))
    print(f"{len(paths)} wheels, {total >> 20} MiB of members, with {zlib.__name__}")


if __name__ == "__main__":
    main()
