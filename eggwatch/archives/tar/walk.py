"""One pass over an inflated tar, header by header: members as values, and the reasons why it is no good tar.

It takes what current tools write (ustar, pax, GNU long names) and refuses what two readers could understand
differently. tarfile spends 50 microseconds of Python on a member; this spends a tenth of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from eggwatch.archives.findings import BUILD_AGAIN, BrokenError, bytes_in_words
from eggwatch.archives.limits import MOST_MEMBERS, MOST_NAME_BYTES, name_bytes
from eggwatch.archives.tar.header import BLOCK, MOST_RECORDS, TarHeader, malformed, parse_header, pax_records
from eggwatch.archives.tar.portable import Portability
from eggwatch.model.codes import Code

LARGEST_EXTENSION = 1 << 20
"""Bytes of a pax header or a GNU long name."""

MOST_GLOBALS = 16
"""Global pax headers in a row; tarfile calls itself for each."""

REGULAR = frozenset((b"0", b"7"))
HARD_LINK = b"1"
SYMBOLIC_LINK = b"2"
LINKS = frozenset((HARD_LINK, SYMBOLIC_LINK))
FOLDER = b"5"
DEVICES = frozenset((b"3", b"4", b"6"))

_ZEROS = bytes(BLOCK)
_LONG_NAME = b"L"
_LONG_TARGET = b"K"
_PAX = b"x"
_PAX_GLOBAL = b"g"
_GNU_SPARSE = b"S"
_KNOWN = REGULAR | DEVICES | LINKS | {FOLDER}


class TarMember(NamedTuple):
    """One member; `kind` is the type flag, `target` what a link points at, `content` only what was wanted.

    `mode` are its permissions; `offset` is where in the inflated tar its first header begins, extended ones included.
    """

    name: str
    kind: bytes
    size: int
    target: str
    mode: int = 0o644
    content: bytes | None = None
    offset: int = 0


class ByteStream:
    """Chunks of any size, taken in pieces of the sizes that the reader wants."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = b""
        self._at = 0
        self._passed = 0

    @property
    def position(self) -> int:
        """How many bytes were taken or skipped."""
        return self._passed + self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes; fewer only at the end."""
        end = self._at + count
        if end <= len(self._buffer):
            taken = self._buffer[self._at : end]
            self._at = end
            return taken
        return self._take_across(count)

    def _take_across(self, count: int) -> bytes:
        parts = [self._buffer[self._at :]]
        missing = count - len(parts[0])
        while missing > 0 and self._next():
            parts.append(self._buffer[:missing])
            self._at = len(parts[-1])
            missing -= self._at
        return b"".join(parts)

    def _next(self) -> bool:
        self._passed += len(self._buffer)
        # An inflater may hand out empty chunks before its end.
        self._buffer = next(filter(None, self._chunks), b"")
        self._at = 0
        return bool(self._buffer)

    def skip(self, count: int) -> int:
        """Pass over the next `count` bytes; returns how many there were."""
        left = count
        while left > len(self._buffer) - self._at:
            left -= len(self._buffer) - self._at
            self._at = len(self._buffer)
            if not self._next():
                return count - left
        self._at += left
        return count

    def rest_is_zeros(self) -> bool:
        """Read to the end; True if only zeros were left."""
        zeros = True
        while True:
            zeros = zeros and self._buffer.count(0, self._at) == len(self._buffer) - self._at
            if not self._next():
                return zeros


IsTarMemberWanted = Callable[[str, int], bool]
"""Says, from name and size, of which regular members the contents are kept."""


class TarWalk:
    """Iterating gives the members, and raises BrokenError at the first thing that makes the rest doubtful.

    `closed` becomes true when the two closing zero blocks were seen; `comment` is that of a global pax
    header, where git archive leaves the commit. `at` is the offset of the header that was read last, `portability`
    knows what tarfile takes and uv does not. `odd` says what both take: a sentence → where it was true first, and
    how often it was.
    """

    def __init__(self, stream: ByteStream, wanted: IsTarMemberWanted) -> None:
        self.closed = False
        self.comment = ""
        self.at = 0
        self.portability = Portability()
        self.odd: dict[str, tuple[int, int]] = {}
        self._stream = stream
        self._wanted = wanted
        self._pending: dict[str, str] = {}
        self._extended_at: int | None = None
        self._kinds: list[bytes] = []
        self._global_keys: set[str] = set()
        self._count = 0
        self._name_bytes = 0

    def __iter__(self) -> Iterator[TarMember]:
        while (block := self._next_block()) != _ZEROS:
            if len(block) < BLOCK:
                raise unclosed("tar", "It ends without the two zero blocks that close a tar.")
            header = parse_header(block)
            self.portability.see_header(block, self.at)
            if header.kind in _KNOWN:
                yield self._member(header)
            else:
                self._extend(header)
        self._close()

    def _next_block(self) -> bytes:
        self.at = self._stream.position
        return self._stream.take(BLOCK)

    def _close(self) -> None:
        if self._pending:
            raise malformed("tar", "An extended header stands at the end, with no member after it.")
        second = self._next_block()
        if len(second) < BLOCK:
            raise unclosed("tar", "It ends after one of the two zero blocks that close a tar.")
        if second != _ZEROS or not self._stream.rest_is_zeros():
            raise malformed("tar", "Something follows the zero blocks that close it.")
        self.closed = True

    def _member(self, header: TarHeader) -> TarMember:
        extended, self._pending = self._pending, {}
        self._kinds.clear()
        offset = self.at if self._extended_at is None else self._extended_at
        self._extended_at = None
        if any(key.startswith("GNU.sparse.") for key in extended):
            raise sparse(extended.get("path", header.name))
        name = extended.get("path", header.name)
        target = extended.get("linkpath", header.target)
        size = header.size if "size" not in extended else _decimal(extended["size"], name)
        self._count_in(name, target)
        if target and header.kind not in LINKS:
            self.portability.see_target(offset)
        if header.kind not in REGULAR:
            # Some readers skip these bytes, others look for a header in them.
            if size:
                raise malformed(name, f"A folder, link or device with {size} bytes of contents.")
            return TarMember(name=name, kind=header.kind, size=0, target=target, mode=header.mode, offset=offset)
        # tarfile takes it for a file, other readers for a folder.
        if name.endswith("/"):
            raise malformed(name, "A file whose name ends in a slash.")
        content = self._data(name, size, keep=self._wanted(name, size))
        return TarMember(
            name=name, kind=header.kind, size=size, target="", mode=header.mode, content=content, offset=offset
        )

    def _count_in(self, name: str, target: str) -> None:
        self._count += 1
        self._name_bytes += name_bytes(name + target)
        if self._count > MOST_MEMBERS or self._name_bytes > MOST_NAME_BYTES:
            raise BrokenError(
                Code.TOO_MANY_MEMBERS,
                f"{self._count} members",
                f"More than {MOST_MEMBERS} members, or {MOST_NAME_BYTES} bytes of names, are not looked at. "
                "Split the project.",
            )

    def _data(self, name: str, size: int, *, keep: bool) -> bytes | None:
        padding = -size % BLOCK
        content = self._stream.take(size) if keep else None
        passed = len(content) if content is not None else self._stream.skip(size)
        if passed < size or self._stream.skip(padding) < padding:
            raise unclosed(name, f"It ends in the middle of this member, {passed} of {size} bytes.")
        return content

    def _extend(self, header: TarHeader) -> None:
        """Take in a header that only says something about the next member, or about all that follow."""
        if header.kind == _GNU_SPARSE:
            raise sparse(header.name)
        if header.kind not in (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_TARGET):
            raise malformed(header.name, f"A member of the unknown type {bytes_in_words(header.kind)}.")
        self._count_extended(header)
        if header.size > LARGEST_EXTENSION:
            raise malformed(header.name, f"An extended header of {header.size} bytes; 1 MiB is allowed.")
        if header.kind != _PAX_GLOBAL and self._extended_at is None:
            self._extended_at = self.at
        at = self.at
        raw = self._data(header.name, header.size, keep=True) or b""
        records, padded = _extension(header.kind, raw)
        if padded:
            self._note("A pax header states a length with zeros in front", at)
        self.portability.see_extension(header.kind, raw, records, at)
        if header.kind == _PAX_GLOBAL:
            self._take_global(records)
        else:
            # POSIX: as if it were not there. tarfile: a member without a name.
            if any(records.get(key) == "" for key in ("path", "linkpath", "size")):
                raise malformed("extended header", "It gives a member an empty name, target or size.")
            if self._pending.keys() & records.keys():
                raise malformed("extended header", "Two of them say different things about one member.")
            self._pending |= records

    def _count_extended(self, header: TarHeader) -> None:
        """How many stand before one member: tarfile calls itself for each, and pip ends with a RecursionError."""
        before = self._kinds.count(header.kind)
        self._kinds.append(header.kind)
        if header.kind == _PAX_GLOBAL and before >= MOST_GLOBALS:
            raise malformed(header.name, f"More than {MOST_GLOBALS} global pax headers in a row.")
        if header.kind == _PAX_GLOBAL and before == 1:
            self._note("Several global pax headers stand in a row", self.at)
        elif header.kind != _PAX_GLOBAL and before:
            kind = bytes_in_words(header.kind)
            raise malformed(header.name, f"A second extended header of the type {kind} before one member.")

    def _note(self, sentence: str, at: int) -> None:
        first, count = self.odd.get(sentence, (at, 0))
        self.odd[sentence] = (first, count + 1)

    def _take_global(self, records: dict[str, str]) -> None:
        if self._pending or records.keys() & {"path", "linkpath", "size"}:
            raise malformed("global pax header", "It says something about single members.")
        if any(key.startswith("GNU.sparse.") for key in records):
            raise sparse("global pax header")
        self._global_keys |= records.keys()
        if len(self._global_keys) > MOST_RECORDS:
            raise malformed("global pax header", f"All of them have more than {MOST_RECORDS} records.")
        self.comment = records.get("comment", self.comment)


def _extension(kind: bytes, raw: bytes) -> tuple[dict[str, str], bool]:
    """What an extended header says, and whether a length in it has zeros in front."""
    if kind in (_PAX, _PAX_GLOBAL):
        return pax_records(raw)
    text = raw.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    return {"path" if kind == _LONG_NAME else "linkpath": text}, False


def _decimal(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise malformed(name, "Its pax header has a size that is no number.")
    return int(text)


def unclosed(subject: str, sentence: str) -> BrokenError:
    """The flaw of a tar whose gzip stream is whole, and which ends too early all the same."""
    message = f"{sentence} The gzip stream around it is whole, so the tool that wrote it failed. {BUILD_AGAIN}"
    return BrokenError(Code.TAR_UNCLOSED, subject, message)


def sparse(subject: str) -> BrokenError:
    """The flaw of a member that is stored with holes (PyPI refuses them too)."""
    message = f"A sparse member; pip and others can't unpack it. Use tar without --sparse. {BUILD_AGAIN}"
    return BrokenError(Code.TAR_SPARSE, subject, message)
