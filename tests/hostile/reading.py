"""How others read what we admit: zipfile, tarfile and installer, name for name and byte for byte."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from email.parser import HeaderParser
from email.policy import compat32
from importlib.metadata import EntryPoints
from pathlib import Path, PurePosixPath

from installer.sources import WheelFile
from installer.utils import parse_entrypoints

from eggwatch.archives.findings import Findings
from eggwatch.archives.inspecting import inspect
from eggwatch.archives.paths import plain
from eggwatch.archives.tar.gzip_stream import GzipStream
from eggwatch.archives.tar.walk import FOLDER, REGULAR, SYMBOLIC_LINK, ByteStream, TarMember, TarWalk
from eggwatch.archives.zip.directory import read_directory
from eggwatch.archives.zip.walk import read_members
from eggwatch.model.verdicts import Flaw


def same_everywhere(filename: str, data: bytes) -> None:
    """AssertionError if somebody reads an admitted archive otherwise than we do."""
    if filename.endswith(".whl"):
        wheel_reads_the_same(filename, data)
    else:
        sdist_reads_the_same(data)


def is_of_record(flaw: Flaw) -> bool:
    """Whether RECORD and the members differ: to installer they do where a member stands twice."""
    return flaw.code.startswith("record-") or flaw.code == "zip-repeated-member"


def our_members(data: bytes) -> dict[str, bytes]:
    """All members of a zip as our own walk reads them."""
    directory = read_directory(io.BytesIO(data), len(data), Findings())
    assert directory is not None
    return read_members(io.BytesIO(data), len(data), directory, lambda member: True, Findings()).kept


def wheel_reads_the_same(filename: str, data: bytes) -> None:
    """zipfile reads the same members, and installer believes RECORD, unless we have warned of that."""
    ours = our_members(data)
    by_record = not any(map(is_of_record, inspect(io.BytesIO(data), filename).flaws))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert set(archive.namelist()) == ours.keys()
        # A name that stands twice has the same bytes each time.
        assert all(archive.read(info) == ours[info.filename] for info in archive.infolist())
        archive.filename = filename
        source = WheelFile(archive)
        assert source.dist_info_filenames
        files = {name: content for name, content in ours.items() if not name.endswith("/")}
        if by_record:
            source.validate_record(validate_contents=True)
            assert {record[0]: stream.read() for record, stream, _ in source.get_contents()} == files
        info = source.dist_info_dir
    texts = {name.removeprefix(f"{info}/"): content for name, content in files.items() if name.startswith(f"{info}/")}
    fields_read_the_same(texts["WHEEL"])
    fields_read_the_same(texts["METADATA"])
    scripts_read_the_same(texts.get("entry_points.txt", b""))


def fields_read_the_same(content: bytes) -> None:
    """email, and a reader that knows of nothing but line feeds and folded lines, see the same fields."""
    # So that no byte is lost or quoted, whatever the encoding.
    text = content.decode("latin-1").replace("\r\n", "\n")
    plain_fields: list[list[str]] = []
    for line in text.partition("\n\n")[0].split("\n"):
        if line.startswith((" ", "\t")):
            plain_fields[-1][1] += f"\n{line}"
        elif line:
            name, _, value = line.partition(":")
            plain_fields.append([name, value])
    mail = HeaderParser(policy=compat32).parsestr(text)
    assert _fields(mail.items()) == _fields(plain_fields)


def _fields(pairs: Iterable[Sequence[str]]) -> list[tuple[str, list[str]]]:
    # Where a lone carriage return goes on with a field, each reader keeps it in its own way.
    return [(name, str(value).split()) for name, value in pairs]


def scripts_read_the_same(content: bytes) -> None:
    """installer writes the scripts that importlib.metadata, and so pip, sees."""
    text = content.decode()
    theirs = {(section, name) for name, _, _, section in parse_entrypoints(text)}
    points = EntryPoints(EntryPoints._from_text(text))  # type: ignore[attr-defined]
    groups = {"console_scripts": "console", "gui_scripts": "gui"}
    assert theirs == {(groups[point.group], point.name) for point in points if point.group in groups}


def our_tar_members(data: bytes) -> list[TarMember]:
    """All members of a .tar.gz as our own walk reads them, contents included."""
    stream = GzipStream(io.BytesIO(data), len(data), Findings())
    return list(TarWalk(ByteStream(iter(stream)), lambda name, size: True))


def sdist_reads_the_same(data: bytes) -> None:
    """tarfile reads the same names, types, targets and bytes."""
    ours = our_tar_members(data)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        theirs = archive.getmembers()
        assert [member.name.rstrip("/") for member in ours] == [member.name.rstrip("/") for member in theirs]
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
