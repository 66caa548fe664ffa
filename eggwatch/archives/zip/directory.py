"""Reads the end record and the central directory of a zip, without zipfile.

Layout and field names are those of APPNOTE.TXT 6.3.10, section 4.3. What two tools could read differently (a prefix, a
comment of the wrong length, records that belong to nothing) is a flaw.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from eggwatch.archives.findings import BUILD_AGAIN, UPLOAD_AGAIN, BrokenError, ByteRange, Findings, clipped
from eggwatch.archives.limits import MOST_MEMBERS, MOST_NAME_BYTES, name_bytes
from eggwatch.archives.zip.portable import entry_oddity
from eggwatch.model.codes import Code

LARGEST_DIRECTORY = 32 << 20
"""Most bytes of a central directory; a wheel with 13 000 members has 1.5 MiB."""

LOCAL_SIGNATURE = b"PK\x03\x04"
END_SIGNATURE = b"PK\x05\x06"
FULL_32 = 0xFFFFFFFF
UTF8_NAME = 1 << 11

_FULL_16 = 0xFFFF
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LONGEST_COMMENT = 0xFFFF
ZIP64_EXTRA = 0x0001
_UNICODE_PATH_EXTRA = 0x7075
_NEWEST_NEEDED = 63
"""The highest "version needed to extract" (APPNOTE 4.4.3.2); zipfile rejects a higher one."""

_HARMLESS = frozenset((0, stat.S_IFREG, stat.S_IFDIR))


class ZipMember(NamedTuple):
    """One entry of the central directory: `packed` and `size` are its bytes before and after inflating.

    `oddity` is what uv rejects in it and zipfile accepts.
    """

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    comment: int = 0
    oddity: str | None = None

    @property
    def is_folder(self) -> bool:
        """True for a name ending in a slash (APPNOTE 4.3.8)."""
        return self.name.endswith("/")

    @property
    def is_link(self) -> bool:
        """True if the Unix mode says symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_device(self) -> bool:
        """True if the Unix mode has a type other than file, folder or symbolic link."""
        return stat.S_IFMT(self.mode) not in _HARMLESS and not self.is_link


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The values of the end records: the directory is at `start`, has `size` bytes and `count` entries.

    `position` is where the end records begin, `finish` where the archive ends, including its `comment`.
    """

    start: int
    size: int
    count: int
    position: int
    finish: int
    comment: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The central directory: its members in their order, where it starts, and the comment of the zip."""

    members: tuple[ZipMember, ...]
    start: int
    comment: bytes = b""


def read_directory(file: BinaryIO, size: int, findings: Findings) -> Directory | None:
    """Read the central directory; returns None after a flaw is added if it can't be read."""
    found = _find_end_record(file, size, findings)
    if found is None:
        return None
    position, record = found
    finish = position + len(record) + _END.unpack(record)[-1]
    if finish < size:
        count = f"{size - finish} bytes"
        message = f"{count} follow the end record of the zip, which should end the file. {BUILD_AGAIN}"
        findings.refuse(Code.ZIP_TRAILING_DATA, count, message, (finish, size))
    try:
        end = _parse_end(file, position, record)
        _check_place(file, size, end)
        comment = _read(file, position + _END.size, end.comment)
        return Directory(members=tuple(_entries(file, end)), start=end.start, comment=comment)
    except BrokenError as error:
        findings.broken(error)
        # The upload may end inside a member that is a zip itself, after the end record of that one.
        if (finish < size or error.code == Code.ZIP_LEADING_DATA) and _read(file, 0, 4) == LOCAL_SIGNATURE:
            findings.ends_early(
                "The zip has no end record of its own: the last one in the file belongs to another zip."
            )
        return None


def _find_end_record(file: BinaryIO, size: int, findings: Findings) -> tuple[int, bytes] | None:
    start = max(0, size - _LONGEST_COMMENT - _END.size)
    tail = _read(file, start, size - start)
    at = tail.rfind(END_SIGNATURE)
    record = tail[at : at + _END.size]
    if at < 0:
        findings.ends_early("The zip has no end record (end of central directory).")
    elif len(record) < _END.size or at + _END.size + _END.unpack(record)[-1] > len(tail):
        findings.ends_early("The end record of the zip is incomplete.")
    else:
        return start + at, record
    return None


def _parse_end(file: BinaryIO, position: int, record: bytes) -> _End:
    _, disk, first_disk, here, count, length, start, comment = _END.unpack(record)
    finish = position + _END.size + comment
    _single_disk(disk, first_disk, here, count, (position, finish))
    end = _End(start=start, size=length, count=count, position=position, finish=finish, comment=comment)
    return _zip64(file, end) or end


def _single_disk(disk: int, first_disk: int, here: int, count: int, where: ByteRange) -> None:
    if (disk, first_disk) != (0, 0) or here != count:
        raise _malformed("end record", "The zip is one part of several.", where)


def _zip64(file: BinaryIO, end: _End) -> _End | None:
    """The values of the zip64 end record, None if there is none (APPNOTE 4.3.14, 4.3.15)."""
    at = end.position - _LOCATOR.size
    locator = _read(file, at, _LOCATOR.size)
    if len(locator) < _LOCATOR.size or not locator.startswith(b"PK\x06\x07"):
        return None
    where = (max(0, at - _END64.size), end.finish)
    _, disk, position, disks = _LOCATOR.unpack(locator)
    # The only allowed place: an extensible data sector has no use in a wheel, and could hide bytes.
    record = _read(file, at - _END64.size, _END64.size)
    if (disk, disks, position) != (0, 1, at - _END64.size) or not record.startswith(b"PK\x06\x06"):
        raise _confused("zip64 locator", "The zip64 locator does not point to a zip64 end record.", where)
    _, length, _, _, disk, first_disk, here, count, size, start = _END64.unpack(record)
    if length != _END64.size - 12:
        raise _confused("zip64 end record", f"Its length is {length}, and should be 44.", where)
    _single_disk(disk, first_disk, here, count, where)
    both = ((end.count, count, _FULL_16), (end.size, size, FULL_32), (end.start, start, FULL_32))
    if any(short not in (long, full) for short, long, full in both):
        raise _confused("zip64 end record", "It contradicts the end record of the zip.", where)
    return _End(start=start, size=size, count=count, position=position, finish=end.finish, comment=end.comment)


def _check_place(file: BinaryIO, size: int, end: _End) -> None:
    """Check that the directory ends where the end records begin, and that it is not too large."""
    gap = end.position - end.size - end.start
    # Without these bytes at the beginning all offsets are right: a zip behind something else.
    if gap > 0 and _read(file, gap, 4) in (LOCAL_SIGNATURE, END_SIGNATURE):
        message = f"{gap} bytes precede the zip and do not belong to it. {BUILD_AGAIN}"
        raise BrokenError(Code.ZIP_LEADING_DATA, f"{gap} bytes", message, (0, size))
    if gap > 0:
        raise _malformed(
            "end record", f"{gap} bytes are between the directory and the end record.", (0, size), at=end.position
        )
    if gap < 0:
        raise _malformed(
            "end record", "The central directory does not fit before the end record.", (0, size), at=end.position
        )
    if end.count > MOST_MEMBERS or end.size > LARGEST_DIRECTORY:
        raise BrokenError(
            Code.TOO_MANY_MEMBERS,
            f"{end.count} members",
            f"The directory lists {end.count} members in {end.size} bytes; "
            f"{MOST_MEMBERS} in {LARGEST_DIRECTORY} are allowed. Build several smaller projects.",
            at=end.start,
        )


def _entries(file: BinaryIO, end: _End) -> Iterator[ZipMember]:
    directory = _read(file, end.start, end.size)
    where = (end.start, end.finish)
    at = names = 0
    for number in range(end.count):
        if directory[at : at + 4] != b"PK\x01\x02" or at + _ENTRY.size > len(directory):
            message = f"Entry {number + 1} of {end.count} is missing or damaged."
            raise _malformed("central directory", message, where, at=end.start + at)
        try:
            member, at = _entry(directory, at, where)
        except BrokenError as error:
            error.at = end.start + at
            raise
        names += name_bytes(member.name)
        if names > MOST_NAME_BYTES:
            message = f"The names of its members take more than {MOST_NAME_BYTES} bytes of memory. Shorten them."
            raise BrokenError(Code.TOO_MANY_MEMBERS, f"{end.count} members", message, at=end.start)
        yield member
    if at != len(directory):
        message = f"{len(directory) - at} bytes follow its {end.count} entries."
        raise _malformed("central directory", message, where, at=end.start + at)


def _entry(directory: bytes, at: int, where: ByteRange) -> tuple[ZipMember, int]:
    fields = _ENTRY.unpack_from(directory, at)
    _, _, needed, flags, method, _, _, crc, packed, size = fields[:10]
    name_length, extra_length, comment_length, disk, _, attributes, offset = fields[10:]
    name_at = at + _ENTRY.size
    extra_at = name_at + name_length
    finish = extra_at + extra_length + comment_length
    raw_name = directory[name_at:extra_at]
    name = _name(raw_name, flags, where)
    if needed & 0xFF > _NEWEST_NEEDED:
        raise _malformed(name, f"It requires version {needed & 0xFF} of the format; the highest is 63.", where)
    if finish > len(directory) or disk != 0:
        raise _malformed(name, "Its entry does not fit into the central directory.", where)
    extra = directory[extra_at : extra_at + extra_length]
    if extra_length:
        extras = extra_fields(extra, name, where)
        check_unicode_path(extras, raw_name, name, where)
        size, packed, offset = widened(extras, (size, packed, offset), name, where)
    member = ZipMember(
        name=name,
        raw_name=raw_name,
        flags=flags,
        method=method,
        crc=crc,
        packed=packed,
        size=size,
        offset=offset,
        # Whatever system the entry names: some tools use only the mode.
        mode=attributes >> 16,
        comment=comment_length,
        # Most entries end with the name, and each call counts where there are ten thousand.
        oddity=None if finish == extra_at else entry_oddity(extra, directory[extra_at + extra_length : finish]),
    )
    return member, finish


def _name(raw: bytes, flags: int, where: ByteRange) -> str:
    """APPNOTE appendix D: UTF-8 if bit 11 is set, else IBM code page 437."""
    if raw.isascii():  # which both contain
        return raw.decode("ascii")
    if not flags & UTF8_NAME:
        return raw.decode("cp437")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        name = clipped(raw.decode("utf-8", "surrogateescape"))
        message = f"Its name is marked as UTF-8 and is not UTF-8. {UPLOAD_AGAIN}"
        raise BrokenError(Code.ZIP_NAME_CHARACTERS, name, message, where) from None


def extra_fields(raw: bytes, name: str, where: ByteRange) -> dict[int, bytes]:
    """The extra fields by their id (APPNOTE 4.5); an id that occurs twice is ambiguous."""
    extras: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(raw):
        kind, length = struct.unpack_from("<2H", raw, at)
        at += 4 + length
        if at > len(raw):
            raise _malformed(name, "Its extra fields are damaged.", where)
        if kind in extras and kind in (ZIP64_EXTRA, _UNICODE_PATH_EXTRA):
            message = f"It has two extra fields {kind:#06x}; tools choose differently. {BUILD_AGAIN}"
            raise BrokenError(Code.ZIP_DUPLICATE_EXTRA, name, message, where)
        extras[kind] = raw[at - length : at]
    return extras


def widened(extras: dict[int, bytes], values: tuple[int, ...], name: str, where: ByteRange) -> tuple[int, ...]:
    """The values, with those of 0xFFFFFFFF replaced from the zip64 extra field, in its order (APPNOTE 4.5.3)."""
    if ZIP64_EXTRA not in extras:
        return values
    wide = extras[ZIP64_EXTRA]
    count = sum(value == FULL_32 for value in values)
    # The field of a local header may repeat both sizes although they fit; Bazel's zipper writes it so.
    if len(wide) != 8 * count and not (count == 0 and len(values) == 2 and wide == struct.pack("<2Q", *values)):
        raise _confused(name, f"Its zip64 extra field has {len(wide)} bytes, and should have {8 * count}.", where)
    longer = iter(struct.unpack_from(f"<{count}Q", wide))
    return tuple(next(longer) if value == FULL_32 else value for value in values)


def check_unicode_path(extras: dict[int, bytes], raw_name: bytes, name: str, where: ByteRange) -> None:
    """Check Info-ZIP's second name (APPNOTE 4.6.9): some tools use it, so it has to equal the first."""
    field = extras.get(_UNICODE_PATH_EXTRA)
    if field is None:
        return
    fresh = field[1:5] == struct.pack("<L", zlib.crc32(raw_name))
    if not fresh or field[5:] != name.encode():
        message = f"It has a second name (extra field 0x7075), which differs. {BUILD_AGAIN}"
        raise BrokenError(Code.ZIP_UNICODE_PATH, name, message, where)


def _read(file: BinaryIO, start: int, count: int) -> bytes:
    if start < 0:
        return b""
    file.seek(start)
    return file.read(count)


def _malformed(subject: str, sentence: str, where: ByteRange, *, at: int | None = None) -> BrokenError:
    return BrokenError(Code.ZIP_MALFORMED, subject, f"{sentence} {UPLOAD_AGAIN}", where, at=at)


def _confused(subject: str, sentence: str, where: ByteRange) -> BrokenError:
    return BrokenError(Code.ZIP64_MISMATCH, subject, f"{sentence} {UPLOAD_AGAIN}", where)
