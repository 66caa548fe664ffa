"""Checks RECORD: it lists every file of the wheel and nothing else, each with its right sha256 and size.

Neither pip nor uv compares it with the files when they install; pip uses it to uninstall. So most flaws only warn.
Those that reject are what uv can't read, and what would make pip delete other files.

Source: PyPUG, binary distribution format, "The .dist-info directory" and "Recording installed projects".
"""

from __future__ import annotations

import binascii
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, Findings, clipped, quoted
from eggwatch.archives.paths import LONGEST_PART, LONGEST_PATH
from eggwatch.model.codes import Code
from eggwatch.model.names import Project, project_name
from eggwatch.model.verdicts import Level

LARGEST_RECORD = 32 << 20
"""Most bytes of a RECORD; a wheel with 13 000 files has 1.3 MiB."""

MOST_COUNTED = 10_000
"""Wrong lines after which the check stops: a RECORD of 32 MiB can have three million of them."""

_STRONG = ("sha256", "sha384", "sha512")
"""Allowed hashes; md5, sha1 and sha224 are not permitted (binary distribution format)."""

_LARGEST_SIZE = (1 << 64) - 1
_SUFFIX = re.compile(r"\.(py|pth|libs|data|egg-info)\Z")
_DRIVE = re.compile(r"[A-Za-z]:")


class RecordLine(NamedTuple):
    """One line of RECORD."""

    path: str
    digest: str
    size: str


@dataclass(slots=True, kw_only=True)
class Files:
    """What RECORD is compared with: sizes of all files, sha256 of the intact ones, and a way to get another hash."""

    sizes: Mapping[str, int]
    sha256: Mapping[str, bytes]
    rehash: Callable[[str, str], bytes]
    """Takes a path and the name of an algorithm; reads that member a second time."""


def check_record(content: bytes, path: str, files: Files, findings: Findings) -> None:
    """Add a flaw for each kind of difference between RECORD and the members; `path` is that of RECORD."""
    check = _Check(path, files)
    try:
        for entry in _entries(content, check):
            check.entry(entry)
            if check.hopeless:
                break
    except (ValueError, csv.Error) as error:
        message = f"It is not a table of path, hash and size: {clipped(str(error))}. {BUILD_AGAIN}"
        findings.refuse(Code.RECORD_INVALID, path, message)
    else:
        check.finish()
    check.report(findings)


# Two line ends of str.splitlines, and so of pip, in a row; or one at the beginning.
_BREAK = r"(?>\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])"
_EMPTY_LINE = re.compile(rf"(?:\A|{_BREAK}){_BREAK}")
_RARE_BREAKS = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def _entries(content: bytes, check: _Check) -> Iterator[RecordLine]:
    """The lines as csv reads them; raises ValueError or csv.Error if it is not a table."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8, and neither pip nor uv can read it") from None
    if _may_have_empty_line(text) and (empty := _EMPTY_LINE.search(text)):
        line = text.count("\n", 0, empty.end())
        raise ValueError(f"line {line} is empty, at which pip fails (uv skips it)")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    width = 0
    for row in lines:
        width = width or len(row)
        if row and len(row) != width:
            found = f"line {lines.line_num} has {len(row)} columns and those before {width}, and uv can't read it"
            raise ValueError(found)
        if len(row) > 3:
            check.note(Code.RECORD_INVALID, row[0], "Its line in RECORD has more than three columns.")
            row = row[:3]
        if len(row) == 3:
            yield RecordLine(*row)
        elif row:
            raise ValueError(f"line {lines.line_num} has {len(row)} columns instead of 3, and uv can't read it")


def _may_have_empty_line(text: str) -> bool:
    """False for nearly every RECORD; to search it for all kinds of lines takes half of the time of all its checks."""
    text = text.replace("\r\n", "\n")
    return text.startswith("\n") or "\n\n" in text or any(rare in text for rare in _RARE_BREAKS)


@dataclass(slots=True, kw_only=True)
class _Folders:
    """The folders of a wheel, to decide whether a path without a member belongs to this project or to another."""

    project: Project
    every: frozenset[str]
    holding: frozenset[str]
    """Those that contain a file: a namespace package contains none, and other projects share it."""
    modules: frozenset[str]
    """The modules at the root."""

    @classmethod
    def of(cls, record: str, paths: Iterable[str]) -> _Folders:
        """The folders of these files; `record` is the path of RECORD, which begins with the name of the project."""
        every: set[str] = set()
        holding = {path.rpartition("/")[0] for path in paths} - {""}
        for path in holding:
            while path and path not in every:
                every.add(path)
                path = path.rpartition("/")[0]
        modules = frozenset(path.removesuffix(".py") for path in paths if "/" not in path)
        project = project_name(record.partition("-")[0])
        return cls(project=project, every=frozenset(every), holding=frozenset(holding), modules=modules)

    def are_around(self, path: str) -> bool:
        """True if the path is, or is in, a folder with files of the wheel, or has the name of the project."""
        top, _, below = path.partition("/")
        # A wheel that was packed from an installed project has the bytecode of its modules in RECORD.
        if top == "__pycache__":
            return below.partition(".")[0] in self.modules
        return self._is_named(top) or any(folder in self.holding for folder in _and_parents(path))

    def _is_named(self, top: str) -> bool:
        name = _SUFFIX.sub("", top.partition("-")[0])
        return len(name) <= LONGEST_PART and project_name(name) == self.project


@dataclass(slots=True)
class _Told:
    """The first line with a flaw, and how many lines have it."""

    path: str
    details: str
    level: Level | None
    count: int = 1


@dataclass(slots=True)
class _Check:
    path: str
    files: Files
    seen: set[str] = field(default_factory=set)
    told: dict[tuple[Code, str], _Told] = field(default_factory=dict)
    """By code and sentence."""
    hopeless: bool = False
    """True if so many lines have no member that the check stops."""
    unhashed: tuple[str, ...] = ()
    """Files that can't contain their own hash, or are created after RECORD."""
    folders: _Folders | None = None
    strangers: int = 0
    right: Mapping[str, str] = field(init=False)
    """How RECORD should list the hashes of intact members, by path."""

    def __post_init__(self) -> None:
        self.right = dict(zip(self.files.sha256, _as_listed(self.files.sha256.values()), strict=True))
        self.unhashed = (self.path, f"{self.path}.jws", f"{self.path}.p7s")

    def entry(self, entry: RecordLine) -> None:
        """Check one line."""
        if not self._is_right(entry):
            self._judge(entry)
        self.seen.add(entry.path)

    def _is_right(self, entry: RecordLine) -> bool:
        """True if a line is entirely right, as nearly all are; otherwise `_judge` checks it step by step."""
        return (
            entry.digest == self.right.get(entry.path)
            and entry.size == str(self.files.sizes.get(entry.path))
            and entry.path not in self.seen
            and entry.path not in self.unhashed
        )

    def _judge(self, entry: RecordLine) -> None:
        self._readable(entry)
        if entry.path in self.seen:
            self._too_many()
            self.note(Code.RECORD_DUPLICATE_ENTRY, entry.path, "RECORD lists it twice.")
        elif entry.path not in self.files.sizes:
            self._too_many()
            self._stray(entry)
        elif entry.path not in self.unhashed:
            self._digest(entry)
            # The flaws of a damaged member have been reported.
            if entry.path in self.files.sha256:
                self._size(entry)
        elif entry.path != self.path:
            self.note(Code.RECORD_INVALID, entry.path, "RECORD lists its own signature, which pypa/installer rejects.")
        elif entry.digest or entry.size:
            self.note(
                Code.RECORD_INVALID, self.path, "RECORD has a hash or size of itself, which pypa/installer rejects."
            )

    def _too_many(self) -> None:
        """Stop, and reject RECORD, if too many lines have no member: there may be millions of them."""
        self.strangers += 1
        if self.strangers > MOST_COUNTED:
            self.hopeless = True
            sentence = f"More than {MOST_COUNTED} lines of RECORD are not files of the wheel; the check stopped there."
            self.note(Code.RECORD_INVALID, self.path, sentence, level=Level.REFUSE)

    def _readable(self, entry: RecordLine) -> None:
        """Check that each size is a number of 64 bits; uv can't install a wheel otherwise."""
        digits = entry.size.removeprefix("+")
        if entry.size and not (digits.isascii() and digits.isdigit() and int(digits[:30]) <= _LARGEST_SIZE):
            sentence = "uv can't read RECORD, because a size is not a number."
            self.note(Code.RECORD_INVALID, entry.path, sentence, f"It is {quoted(entry.size)}.", level=Level.REFUSE)
        elif digits != entry.size:
            self.note(Code.RECORD_INVALID, entry.path, "RECORD has a plus sign before its size.")

    def _stray(self, entry: RecordLine) -> None:
        """Check a line whose path is not exactly that of a member."""
        self.folders = self.folders or _Folders.of(self.path, self.files.sizes)
        meant = _meant(entry.path)
        if meant is None or not (meant in self.files.sizes or self.folders.are_around(meant)):
            sentence = (
                "RECORD lists a path that does not belong to this project, and which 'pip uninstall' would delete."
            )
            self.note(Code.RECORD_UNSAFE_PATH, entry.path, sentence, level=Level.REFUSE)
        elif meant in self.files.sizes:
            self.seen.add(meant)
            self.note(
                Code.RECORD_STRAY_ENTRY, entry.path, "RECORD spells the path of a file differently from the wheel."
            )
        elif meant in self.folders.every or entry.path.endswith("/"):
            sentence = "RECORD lists a folder, which 'pip uninstall' would delete with everything in it."
            self.note(Code.RECORD_STRAY_ENTRY, entry.path, sentence)
        else:
            self.note(Code.RECORD_STRAY_ENTRY, entry.path, "RECORD lists it, but the wheel does not contain it.")

    def _size(self, entry: RecordLine) -> None:
        """Check that there is a size, which pypa/installer requires, and that it is the member's."""
        size = self.files.sizes[entry.path]
        if not entry.size:
            self.note(Code.RECORD_HASH_MISSING, entry.path, "RECORD has no size of it, which pypa/installer requires.")
        elif entry.size.removeprefix("+") != str(size):
            details = f"RECORD lists {clipped(entry.size)} bytes, the file has {size}."
            sentence = "The file was changed after the wheel was built: its size is not the one in RECORD."
            self.note(Code.RECORD_SIZE_MISMATCH, entry.path, sentence, details)

    def _digest(self, entry: RecordLine) -> None:
        """Check that there is a hash, that it is strong, and that it is the member's."""
        algorithm, equals, said = entry.digest.partition("=")
        if not equals:
            self.note(Code.RECORD_HASH_MISSING, entry.path, "RECORD has no hash of it; sha256 is expected.")
        elif algorithm not in _STRONG:
            sentence = "RECORD has a weak or unknown hash of it; sha256 or better is expected."
            self.note(Code.RECORD_HASH_WEAK, entry.path, sentence, f"RECORD lists {quoted(entry.digest)}.")
        elif entry.path in self.files.sha256:
            self._compare(entry.path, algorithm, said)

    def _compare(self, path: str, algorithm: str, said: str) -> None:
        """Compare a hash with that of an intact member."""
        digest = self.files.sha256[path] if algorithm == "sha256" else self.files.rehash(path, algorithm)
        if said == _urlsafe(digest):
            return
        if said.lower() == digest.hex() or said.rstrip("=").translate(_SPELLING) == _urlsafe(digest):
            sentence = "RECORD has the right hash of it, but not as urlsafe base64 without '='."
            self.note(Code.RECORD_INVALID, path, sentence, f"RECORD lists {algorithm}={clipped(said)}.")
        else:
            details = f"RECORD lists {algorithm}={clipped(said)}, the file has {_urlsafe(digest)}."
            sentence = "The file was changed after the wheel was built: its hash is not the one in RECORD."
            self.note(Code.RECORD_HASH_MISMATCH, path, sentence, details)

    def finish(self) -> None:
        """Check that every file except the signatures is listed."""
        for path in () if self.hopeless else self.files.sizes:
            if path not in self.seen and path not in self.unhashed[1:]:
                self.note(Code.RECORD_UNLISTED_MEMBER, path, "RECORD does not list this file of the wheel.")

    def note(self, code: Code, path: str, sentence: str, details: str = "", *, level: Level | None = None) -> None:
        """Record the flaw of a line, or count it if it is not the first; without `level` it only warns."""
        told = self.told.get((code, sentence))
        if told is None:
            self.told[code, sentence] = _Told(path, details, level)
        else:
            told.count += 1

    def report(self, findings: Findings) -> None:
        """Add one flaw for each kind."""
        for (code, sentence), told in self.told.items():
            more = "" if told.count == 1 else f"The same is true of {told.count - 1} more."
            details = " ".join(filter(None, (told.details, more)))
            refuses = told.level is Level.REFUSE
            message = f"{sentence} {BUILD_AGAIN if refuses else IF_YOURS}{f' ({details})' if details else ''}"
            (findings.refuse if refuses else findings.warn)(code, told.path or "''", message)


def _meant(path: str) -> str | None:
    """The path in site-packages that a line means; None if it leads out, or is that folder itself."""
    parts: list[str] = []
    if _DRIVE.match(path):
        return None
    for part in path.replace("\\", "/").split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or None


def _and_parents(path: str) -> Iterator[str]:
    """A path, cut to the longest length, and its parent folders."""
    path = path[:LONGEST_PATH]
    while path:
        yield path
        path = path.rpartition("/")[0]


def _as_listed(digests: Iterable[bytes]) -> Iterator[str]:
    """Each sha256 as RECORD should list it; encoded all at once, which takes a third of the time."""
    # One more byte makes 44 characters of each, and the first 43 are those of the digest alone.
    text = _urlsafe(b"".join(digest + b"\0" for digest in digests))
    return (f"sha256={text[at : at + 43]}" for at in range(0, len(text), 44))


def _urlsafe(digest: bytes) -> str:
    return binascii.b2a_base64(digest, newline=False).translate(_URLSAFE).rstrip(b"=").decode("ascii")


_URLSAFE = bytes.maketrans(b"+/", b"-_")
"""The alphabet of RFC 4648, section 5."""
_SPELLING = str.maketrans("+/", "-_")
