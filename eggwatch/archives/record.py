"""RECORD: it lists every file of the wheel, nothing else, and each with its true sha256 and size.

Source: PyPUG, binary distribution format, "The .dist-info directory" and "Recording installed projects".
"""

from __future__ import annotations

import binascii
import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped

LARGEST_RECORD = 32 << 20
"""Bytes of a RECORD; that of a wheel with 13,000 files has 1.3 MiB."""

MOST_OF_ONE_CODE = 10
"""Entries that are told one by one; the rest are counted."""

MOST_COUNTED = 10_000
"""Flaws of a kind after which nobody looks on: a RECORD of 32 MiB can have three million lines too many."""

_STRONG = ("sha256", "sha384", "sha512")
"""Hashes that count; md5, sha1 and sha224 are not permitted (binary distribution format)."""


class Entry(NamedTuple):
    """One line of RECORD."""

    path: str
    digest: str
    size: str


@dataclass(slots=True, kw_only=True)
class Files:
    """What RECORD is compared with: sizes of all files, sha256 of the sound ones, and how to get another hash."""

    sizes: Mapping[str, int]
    sha256: Mapping[str, bytes]
    rehash: Callable[[str, str], bytes]
    """Takes a path and an algorithm's name; a second reading of that member."""


def check_record(content: bytes, path: str, files: Files, findings: Findings) -> None:
    """Note all in which RECORD and the members differ; `path` is RECORD's own."""
    check = _Check(path, files, findings)
    try:
        for entry in _entries(content):
            check.entry(entry)
            if check.hopeless:
                break
    except (ValueError, csv.Error) as error:
        message = f"It is no table of path, hash and size: {clipped(str(error))}. {BUILD_AGAIN}"
        findings.refuse("record-invalid", path, message)
        return
    check.finish()


def _entries(content: bytes) -> Iterator[Entry]:
    """The lines as csv reads them; ValueError or csv.Error if they are none."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    for row in lines:
        if len(row) == 3:
            yield Entry(*row)
        elif row:
            raise ValueError(f"line {lines.line_num} has {len(row)} columns instead of 3")


@dataclass(slots=True)
class _Check:
    path: str
    files: Files
    findings: Findings
    seen: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    hopeless: bool = False
    """So many lines are wrong that the rest would tell nothing new."""
    unhashed: tuple[str, ...] = ()
    """Files that can't hold their own hash, or are made after RECORD."""

    def __post_init__(self) -> None:
        self.unhashed = (self.path, f"{self.path}.jws", f"{self.path}.p7s")

    def entry(self, entry: Entry) -> None:
        """Judge one line."""
        if not self._is_right(entry):
            self._judge(entry)
        self.seen.add(entry.path)

    def _is_right(self, entry: Entry) -> bool:
        """Whether nothing is wrong with a line, as with nearly all; False leaves it to be judged step by step."""
        digest = self.files.sha256.get(entry.path)
        return (
            digest is not None
            and entry.digest == f"sha256={_urlsafe(digest)}"
            and entry.size == str(self.files.sizes.get(entry.path))
            and entry.path not in self.seen
            and entry.path not in self.unhashed
        )

    def _judge(self, entry: Entry) -> None:
        if entry.path in self.seen:
            self.tell("record-duplicate-entry", entry.path, "RECORD lists it twice.")
        elif entry.path not in self.files.sizes:
            self.tell("record-stray-entry", entry.path, "RECORD lists it, and the wheel does not hold it.")
        elif entry.path not in self.unhashed:
            self.digest(entry)
            # Whatever is wrong with a member that is not sound has been told.
            if entry.path in self.files.sha256:
                self.size(entry)

    def size(self, entry: Entry) -> None:
        """The size is there (pypa/installer insists on it), and the member's."""
        size = self.files.sizes[entry.path]
        if not entry.size:
            self.tell("record-hash-missing", entry.path, "RECORD has no size of it.")
        elif entry.size != str(size):
            said = f"RECORD says {clipped(entry.size)} bytes, the member has {size}."
            self.tell("record-size-mismatch", entry.path, said)

    def digest(self, entry: Entry) -> None:
        """The hash is there, strong, and the member's."""
        algorithm, equals, said = entry.digest.partition("=")
        if not equals:
            self.tell("record-hash-missing", entry.path, "RECORD has no hash of it; sha256 is expected.")
        elif algorithm not in _STRONG:
            found = f"RECORD has a hash by {clipped(algorithm)!r}; sha256 or better is expected."
            self.tell("record-hash-weak", entry.path, found)
        elif entry.path in self.files.sha256:
            self.compare(entry.path, algorithm, said)

    def compare(self, path: str, algorithm: str, said: str) -> None:
        """Compare a hash with that of the member's bytes, which are sound."""
        digest = self.files.sha256[path] if algorithm == "sha256" else self.files.rehash(path, algorithm)
        if said.rstrip("=") != _urlsafe(digest):
            message = f"RECORD says {algorithm}={clipped(said)}, the member has {_urlsafe(digest)}."
            self.tell("record-hash-mismatch", path, message)

    def finish(self) -> None:
        """Every file but the signatures has to be listed."""
        for path in () if self.hopeless else self.files.sizes:
            if path not in self.seen and path not in self.unhashed[1:]:
                self.tell("record-unlisted-member", path, "The wheel holds it, and RECORD does not list it.")
        for code, count in self.counts.items():
            if count > MOST_OF_ONE_CODE:
                more = count - MOST_OF_ONE_CODE
                found = f"The same holds for {more} more entries{', and looking ended there' * self.hopeless}."
                self.findings.refuse(code, self.path, f"{found} {BUILD_AGAIN}")

    def tell(self, code: str, path: str, sentence: str) -> None:
        """Note a flaw, or count it when there are many of its kind."""
        self.counts[code] = self.counts.get(code, 0) + 1
        self.hopeless = self.counts[code] >= MOST_COUNTED
        if self.counts[code] <= MOST_OF_ONE_CODE:
            self.findings.refuse(code, path, f"{sentence} {BUILD_AGAIN}")


def _urlsafe(digest: bytes) -> str:
    return binascii.b2a_base64(digest, newline=False).translate(_URLSAFE).rstrip(b"=").decode("ascii")


_URLSAFE = bytes.maketrans(b"+/", b"-_")
"""The alphabet of RFC 4648, section 5."""
