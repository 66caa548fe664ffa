"""How others read what we admit: zipfile, tarfile and installer, name for name and byte for byte."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from installer.sources import WheelFile

from eggwatch.archives.findings import Findings
from eggwatch.archives.gzip_stream import GzipStream
from eggwatch.archives.paths import plain
from eggwatch.archives.tar_walk import FOLDER, REGULAR, SYMBOLIC_LINK, ByteStream, TarMember, TarWalk
from eggwatch.archives.zip_directory import read_directory
from eggwatch.archives.zip_walk import read_members


def same_everywhere(filename: str, data: bytes) -> None:
    """AssertionError if somebody reads an admitted archive otherwise than we do."""
    if filename.endswith(".whl"):
        wheel_reads_the_same(filename, data)
    else:
        sdist_reads_the_same(data)


def our_members(data: bytes) -> dict[str, bytes]:
    """All members of a zip as our own walk reads them."""
    directory = read_directory(io.BytesIO(data), len(data), Findings())
    assert directory is not None
    return read_members(io.BytesIO(data), len(data), directory, lambda member: True, Findings()).kept


def wheel_reads_the_same(filename: str, data: bytes) -> None:
    """zipfile reads the same members, and installer believes RECORD."""
    ours = our_members(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == len(ours)
        assert {name: archive.read(name) for name in archive.namelist()} == ours
        archive.filename = filename
        source = WheelFile(archive)
        source.validate_record(validate_contents=True)
        assert source.dist_info_filenames
        files = {name: content for name, content in ours.items() if not name.endswith("/")}
        assert {record[0]: stream.read() for record, stream, _ in source.get_contents()} == files


def our_tar_members(data: bytes) -> list[TarMember]:
    """All members of a .tar.gz as our own walk reads them, contents included."""
    stream = GzipStream(io.BytesIO(data), len(data), Findings())
    return list(TarWalk(ByteStream(iter(stream)), lambda name, size: True))


def sdist_reads_the_same(data: bytes) -> None:
    """tarfile reads the same names, types, targets and bytes."""
    ours = our_tar_members(data)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        theirs = archive.getmembers()
        assert [member.name.rstrip("/") for member in ours] == [member.name for member in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            assert (mine.kind in REGULAR, mine.kind == FOLDER) == (other.isreg(), other.isdir())
            assert mine.offset == other.offset
            assert mine.target == other.linkname or mine.kind in REGULAR
            content = archive.extractfile(other) if other.isreg() else None
            assert mine.content == (None if content is None else content.read())


Tree = dict[str, bytes | str | None]
"""What is unpacked, by path: the bytes of a file, the target of a symbolic link, None for a folder."""

PIP = """
import sys
from pip._internal.utils.unpacking import untar_file

for archive in sys.argv[1:]:
    untar_file(archive, archive + ".unpacked")
"""


def our_tree(data: bytes) -> Tree:
    """What an admitted sdist unpacks to, by our own walk: paths below its top folder."""
    tree: Tree = {}
    for member in our_tar_members(data):
        path = plain(member.name)
        if member.kind in REGULAR:
            tree[path] = member.content
        elif member.kind == SYMBOLIC_LINK:
            tree[path] = os.path.normpath(member.target)
        else:
            tree[path] = None if member.kind == FOLDER else tree[plain(member.target)]
    tree.update({str(folder): None for path in tree for folder in PurePosixPath(path).parents})
    return {path.partition("/")[2]: what for path, what in tree.items() if "/" in path}


def pips_trees(archives: Mapping[str, bytes], folder: Path) -> dict[str, Tree]:
    """What pip unpacks each of these .tar.gz to, by their own names; pip itself runs in a process of its own."""
    paths = {name: folder / f"{number}.tar.gz" for number, name in enumerate(archives)}
    for name, path in paths.items():
        path.write_bytes(archives[name])
    subprocess.run([sys.executable, "-c", PIP, *paths.values()], check=True, timeout=120)
    return {name: _unpacked(Path(f"{path}.unpacked")) for name, path in paths.items()}


def _unpacked(folder: Path) -> Tree:
    # pip takes the first part off every name, be it the top folder or the dot of `./demo-1.0/x`.
    inner = list(folder.iterdir())
    base = inner[0] if [path.name for path in inner] == ["demo-1.0"] else folder
    return {str(path.relative_to(base)): _what(path) for path in base.rglob("*")}


def _what(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return os.path.normpath(path.readlink())
    return None if path.is_dir() else path.read_bytes()
