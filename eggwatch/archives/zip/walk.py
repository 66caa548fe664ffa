"""Reads all members of a zip: compares each local header with the directory, and the contents with the CRC.

The members have to fill the file from its first byte to the directory, so that nothing is hidden between them and no
two share bytes (a bomb of overlapping members). Each byte is read once: the same pass computes the sha256 that RECORD
is compared with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO

from eggwatch.archives.findings import BUILD_AGAIN, UPLOAD_AGAIN, BrokenError, ByteRange, Findings
from eggwatch.archives.inflating import zlib
from eggwatch.archives.limits import check_ratio
from eggwatch.archives.zip.directory import Directory, ZipMember
from eggwatch.archives.zip.local_header import DESCRIPTOR, LONGEST_DESCRIPTOR, check_descriptor, check_local
from eggwatch.archives.zip.names import ENCRYPTED, PATCHED, check_entries, check_names, note_doubles
from eggwatch.archives.zip.portable import Oddity, comment_oddity, descriptor_oddity, note_oddities
from eggwatch.model.codes import Code

STORED = 0
DEFLATED = 8

HEAD = 8
_CHUNK = 256 << 10
_LONGEST_HEADER = 30 + 2 * 0xFFFF

IsZipMemberWanted = Callable[[ZipMember], bool]
"""Decides whether the contents of a member are kept."""


@dataclass(slots=True, kw_only=True)
class ZipContents:
    """The results by name of the member: the wanted contents, and the sha256 of all that are intact."""

    kept: dict[str, bytes] = field(default_factory=dict)
    sha256: dict[str, bytes] = field(default_factory=dict)
    heads: dict[str, bytes] = field(default_factory=dict)
    """The first `HEAD` bytes of each intact member."""
    intact: dict[str, tuple[ZipMember, int]] = field(default_factory=dict)
    """Which member the sha256 is of (two may have one name), and where in the file its packed bytes begin."""
    oddities: list[Oddity] = field(default_factory=list)
    """What uv rejects in local headers and data descriptors."""


class _Unread:
    """Members that can't be read because of how they are stored: one flaw for each reason, not for each member."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[BrokenError, int]] = {}

    def take(self, error: BrokenError, findings: Findings) -> None:
        """Count such a member; a flaw about damaged bytes is added at once."""
        if error.where is not None:
            findings.broken(error)
            return
        first, count = self._found.get(error.message, (error, 0))
        self._found[error.message] = (first, count + 1)

    def report(self, findings: Findings) -> None:
        """Add each reason, with the first member that has it."""
        for error, count in self._found.values():
            if count > 1:
                error.message += f" The same is true of {count} members in all."
            findings.broken(error)


@dataclass(slots=True)
class _Inflated:
    """The contents of a member as they are inflated: CRC, size and sha256, and the bytes if they are wanted."""

    keep: bool
    crc: int = 0
    size: int = 0
    head: bytes = b""
    kept: list[bytes] = field(default_factory=list)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, chunk: bytes) -> None:
        """Add the next chunk."""
        self.crc = zlib.crc32(chunk, self.crc)
        self.size += len(chunk)
        self.digest.update(chunk)
        if len(self.head) < HEAD:
            self.head += chunk[: HEAD - len(self.head)]
        if self.keep:
            self.kept.append(chunk)


def read_members(
    file: BinaryIO, size: int, directory: Directory, wanted: IsZipMemberWanted, findings: Findings
) -> ZipContents:
    """Check every member of the directory, and inflate it to its end."""
    contents = ZipContents()
    doubles = check_names(directory, findings)
    check_entries(directory, findings)
    if not check_ratio(sum(member.size for member in directory.members), size, findings):
        return contents
    digests = {member.offset: b"" for pair in doubles for member in pair}
    unread = _Unread()
    for member, where in _records(directory, findings):
        keep = wanted(member)
        try:
            inflated = _read_member(file, member, where, contents, keep=keep)
        except BrokenError as error:
            unread.take(error, findings)
        else:
            contents.sha256[member.name] = inflated.digest.digest()
            if member.offset in digests:
                digests[member.offset] = contents.sha256[member.name]
            contents.heads[member.name] = inflated.head
            if keep:
                contents.kept[member.name] = b"".join(inflated.kept)
        if findings.full:
            break
    unread.report(findings)
    note_doubles(doubles, {offset: digest for offset, digest in digests.items() if digest}, findings)
    note_oddities([*_of_directory(directory), *contents.oddities], findings)
    return contents


def _of_directory(directory: Directory) -> Iterator[Oddity]:
    """What uv rejects in the entries of the directory and in the zip's comment."""
    for member in directory.members:
        if member.oddity:
            yield member.name, member.oddity, member.offset
    if reason := comment_oddity(directory.comment):
        yield "end record", reason, directory.start


def _records(directory: Directory, findings: Findings) -> Iterator[tuple[ZipMember, ByteRange]]:
    """The members in the order of the file, each with the range of bytes up to the next one."""
    members = sorted(directory.members, key=lambda member: member.offset)
    # A zip64 offset may be larger than any file.
    starts = [min(member.offset, directory.start) for member in members] + [directory.start]
    if starts[0] > 0:
        message = f"{starts[0]} bytes precede the first member of the zip. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_LEADING_DATA, f"{starts[0]} bytes", message, (0, starts[0]))
    yield from zip(members, pairwise(starts), strict=True)


def _read_member(
    file: BinaryIO, member: ZipMember, where: ByteRange, contents: ZipContents, *, keep: bool
) -> _Inflated:
    length = where[1] - where[0]
    file.seek(where[0])
    # Small members are read at once, including the header: a system call costs more than the bytes.
    head = file.read(min(length, max(_CHUNK, _LONGEST_HEADER)))
    local = check_local(head, member, where)
    start = local.start
    if start + member.packed > length:
        raise broken(Code.ZIP_OVERLAP, member, "It overlaps the next member or the directory.", where)
    is_wide = _check_end(file, head, start + member.packed, member, where)
    _check_method(member)
    oddity = local.oddity
    if member.flags & DESCRIPTOR and oddity is None:
        oddity = descriptor_oddity(member.method, is_wide=is_wide, has_zip64=local.has_zip64)
    if oddity:
        contents.oddities.append((member.name, oddity, member.offset))
    first, at = head[start : start + member.packed], where[0] + start
    packed = _packed(file, first, at, member.packed)
    inflated = _whole(first, member) or _in_chunks(packed, member, where, keep=keep)
    contents.intact[member.name] = member, at
    return inflated


def _check_end(file: BinaryIO, head: bytes, end: int, member: ZipMember, where: ByteRange) -> bool:
    """Check what is between a member's data and the next member; True for a data descriptor of 64 bits."""
    gap = where[1] - where[0] - end
    if not gap and not member.flags & DESCRIPTOR:
        return False
    after = head[end : end + LONGEST_DESCRIPTOR + 1]
    if len(after) < min(gap, LONGEST_DESCRIPTOR + 1):
        file.seek(where[0] + end)
        after = file.read(min(gap, LONGEST_DESCRIPTOR + 1))
    return check_descriptor(after, gap, member, where)


def _check_method(member: ZipMember) -> None:
    if member.flags & ENCRYPTED:
        raise BrokenError(
            Code.ZIP_ENCRYPTED, member.name, "The member is encrypted. Store it without encryption.", at=member.offset
        )
    if member.flags & PATCHED:
        found = "Its flags mark it as patched data (bit 5), which pip can't read."
        raise BrokenError(Code.ZIP_FLAGS, member.name, f"{found} {BUILD_AGAIN}", at=member.offset)
    if member.method not in (STORED, DEFLATED):
        found = f"It is compressed by method {member.method}; installers can read stored (0) and deflated (8)."
        raise BrokenError(Code.ZIP_COMPRESSION, member.name, f"{found} {BUILD_AGAIN}", at=member.offset)


def _whole(packed: bytes, member: ZipMember) -> _Inflated | None:
    """The contents of a small and intact member, in one step; None for any other member."""
    if member.size > _CHUNK or len(packed) < member.packed:
        return None
    if member.method == STORED:
        content = packed
    else:
        stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        try:
            content = stream.decompress(packed, member.size + 1)
        except zlib.error:
            return None
        if not stream.eof or stream.unused_data:
            return None
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        return None
    return _Inflated(keep=True, head=content[:HEAD], kept=[content], digest=hashlib.sha256(content))


def _in_chunks(packed: Iterator[bytes], member: ZipMember, where: ByteRange, *, keep: bool) -> _Inflated:
    """Inflate a member, but no further than its size in the directory, and compare size and CRC-32."""
    inflated = _Inflated(keep)
    for chunk in packed if member.method == STORED else _deflated(packed, member, where):
        inflated.add(chunk)
        if inflated.size > member.size:
            sentence = f"It contains more than the {member.size} bytes in the directory."
            raise broken(Code.ZIP_SIZE, member, sentence, where)
    if inflated.size != member.size:
        sentence = f"It contains {inflated.size} bytes, and the directory says {member.size}."
        raise broken(Code.ZIP_SIZE, member, sentence, where)
    if inflated.crc != member.crc:
        sentence = f"Its contents have the CRC {inflated.crc:08x}, and the directory says {member.crc:08x}."
        raise broken(Code.ZIP_CRC, member, sentence, where)
    return inflated


def _packed(file: BinaryIO, first: bytes, start: int, count: int) -> Iterator[bytes]:
    """The `count` packed bytes at offset `start` of the file; `first` are those read already."""
    if first:
        yield first
    left = count - len(first)
    file.seek(start + len(first))
    while left > 0:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


def _deflated(packed: Iterator[bytes], member: ZipMember, where: ByteRange) -> Iterator[bytes]:
    stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        for raw in packed:
            yield from _drained(stream, raw)
            if stream.eof:
                break
    except zlib.error as error:
        raise broken(Code.ZIP_MALFORMED, member, f"It can't be inflated ({error}).", where) from None
    if not stream.eof or stream.unused_data or next(packed, b""):
        sentence = f"Its {member.packed} packed bytes are not one complete deflate stream."
        raise broken(Code.ZIP_SIZE, member, sentence, where)


def _drained(stream: Any, raw: bytes) -> Iterator[bytes]:
    chunk = stream.decompress(raw, _CHUNK)
    yield chunk
    # After a full chunk there may be more output, even if all input is consumed.
    while not stream.eof and (stream.unconsumed_tail or len(chunk) == _CHUNK):
        chunk = stream.decompress(stream.unconsumed_tail, _CHUNK)
        yield chunk


def rehash(file: BinaryIO, member: ZipMember, start: int, algorithm: str) -> bytes:
    """The digest of an intact member by another algorithm; its data begins at offset `start`."""
    digest = hashlib.new(algorithm)
    packed = _packed(file, b"", start, member.packed)
    where = (start, start + member.packed)
    for chunk in packed if member.method == STORED else _deflated(packed, member, where):
        digest.update(chunk)
    return digest.digest()


def broken(code: Code, member: ZipMember, sentence: str, where: ByteRange) -> BrokenError:
    """The flaw of one member's bytes."""
    return BrokenError(code, member.name, f"{sentence} {UPLOAD_AGAIN}", where)
