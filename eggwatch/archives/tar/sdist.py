"""Inspects sdists: the gzip, the tar, every member, the top folder and PKG-INFO."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from packaging.version import Version

from eggwatch.archives.findings import BUILD_AGAIN, IF_YOURS, BrokenError, Findings, bytes_in_words, clipped, located
from eggwatch.archives.limits import LARGEST_METADATA
from eggwatch.archives.opened import OpenedArchive
from eggwatch.archives.paths import link_danger, plain, tar_name_oddity, tar_path_danger
from eggwatch.archives.polyglots import is_also_zip, refuse_polyglot
from eggwatch.archives.tar.duplicates import twins
from eggwatch.archives.tar.gzip_stream import MAGIC, GzipStream, check_header
from eggwatch.archives.tar.links import MemberPlace, refuse_member
from eggwatch.archives.tar.names import METADATA, check_places
from eggwatch.archives.tar.walk import DEVICES, FOLDER, HARD_LINK, LINKS, REGULAR, ByteStream, TarMember, TarWalk
from eggwatch.archives.unwritten import starts_with_zeros
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted
from eggwatch.model.names import Filename, project_name
from eggwatch.model.parsing import parsed

RENAME = "Rename the file in the project."
_MOST_TOPS = 4
_LONGEST_TOP = 400
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SOURCE_FILES = frozenset(
    ("pyproject.toml", "setup.py", "setup.cfg", ".gitignore", ".gitattributes", ".github", "poetry.lock")
)
_SNAPSHOT = (
    "this looks like a source snapshot (git archive, a forge's 'Download source'), not an sdist. "
    "Build one with 'python -m build --sdist'."
)


def read_sdist(file: BinaryIO, size: int, filename: Filename | None, findings: Findings) -> OpenedArchive | None:
    """Check the whole gzip and tar; return the archive if it has exactly one valid PKG-INFO.

    Without a parsed filename only the archive itself is checked.
    """
    if not _is_gzip(file, findings):
        return None
    check_header(file, findings)
    if is_also_zip(file, size):
        refuse_polyglot("zip", "last bytes", findings)
    contents, walk = read_tar(GzipStream(file, size, findings), findings, file, size)
    if filename is None or not walk.closed:
        return None
    top = contents.top_folder(filename)
    return None if top is None else contents.opened(top, walk.comment)


class TarBytes(Protocol):
    """The bytes of a tar, uncompressed; afterwards `whole` says whether they were complete."""

    whole: bool

    def __iter__(self) -> Iterator[bytes]: ...


def read_tar(
    stream: TarBytes, findings: Findings, again: BinaryIO | None = None, size: int = 0
) -> tuple[SdistContents, TarWalk]:
    """Check the whole tar in a stream.

    `again` is the gzip file of `size` bytes behind the stream, to read it a second time; None if it is not a gzip file.
    """
    chunks = iter(stream)
    walk = TarWalk(ByteStream(chunks), _is_metadata)
    contents = SdistContents(findings)
    try:
        contents.read(walk)
    except BrokenError as error:
        message = located(error.message, walk.at, " of the tar")
        if error.code != Code.TAR_UNCLOSED or stream.whole:
            findings.refuse(error.code, error.subject, message)
    for _ in chunks:
        pass  # even if the walk stopped early, the end and the CRC of the gzip stream are checked
    contents.check_places(again if stream.whole and walk.closed else None, size)
    if walk.closed:
        # Headers that pip accepts and uv rejects: each reason once, with the first offset.
        for reason, (offset, count) in walk.portability.found.items():
            times = "" if count == 1 else f" The same is true of {count} headers in all."
            message = f"{reason[0].upper()}{reason[1:]}.{times} {BUILD_AGAIN}"
            findings.refuse(Code.TAR_NOT_PORTABLE, "tar header", located(message, offset, " of the tar"))
        # Irregular headers that both pip and uv accept.
        for sentence, (offset, count) in walk.odd.items():
            times = "" if count == 1 else f" The same is true {count} times in all."
            findings.warn(
                Code.TAR_MALFORMED, "tar header", located(f"{sentence}.{times} {IF_YOURS}", offset, " of the tar")
            )
    return contents, walk


def _is_gzip(file: BinaryIO, findings: Findings) -> bool:
    file.seek(0)
    head = file.read(len(MAGIC))
    if head == MAGIC:
        return True
    if starts_with_zeros(file):
        findings.ends_early("The file starts with zeros.")
    elif MAGIC.startswith(head):
        findings.ends_early("The file ends after its first byte.")
    else:
        message = (
            f"The file starts with {bytes_in_words(head)}; a .tar.gz is a gzip file, which starts with 1f 8b. "
            f"{BUILD_AGAIN}"
        )
        findings.refuse(Code.NOT_A_GZIP, "first bytes", message)
    return False


def _is_metadata(name: str, size: int) -> bool:
    return name.endswith(METADATA) and size <= LARGEST_METADATA and plain(name).count("/") == 1


class SdistContents:
    """Collects the members of an sdist, and adds the flaws of each member to the findings."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._places: list[MemberPlace] = []
        self._tops: dict[str, None] = {}
        self._loose = False
        self._metadata: dict[str, TarMember] = {}
        self._looks_like_source = False
        self._odd_modes: list[str] = []
        self._dotted: list[str] = []

    def read(self, members: Iterable[TarMember]) -> None:
        """Read the members, and stop after too many flaws."""
        for member in members:
            path = plain(member.name)
            self._check(member)
            self._places.append(MemberPlace(path, member.offset, member.kind, member.target, member.size, member.mode))
            self._place(member, path)
            if self._findings.full:
                return

    def _check(self, member: TarMember) -> None:
        danger = tar_path_danger(member.name)
        if danger:
            message = f"The member's name is not safe to unpack: {danger}. {BUILD_AGAIN}"
            self._refuse(Code.TAR_UNSAFE_PATH, member, message)
        elif oddity := tar_name_oddity(member.name) or _folder_suffix(member):
            self._refuse(Code.TAR_NAME_CHARACTERS, member, f"The member's name is not allowed: {oddity}. {RENAME}")
        if member.kind in DEVICES:
            message = f"A device or pipe, which does not belong in an sdist. {BUILD_AGAIN}"
            self._refuse(Code.TAR_DEVICE, member, message)
        elif member.kind in LINKS:
            self._check_target(member)
        elif _is_odd(member):
            self._odd_modes.append(member.name)

    def _check_target(self, member: TarMember) -> None:
        danger = link_danger(member.name, member.target, from_root=member.kind == HARD_LINK)
        if danger:
            found = f"The link to {clipped(member.target)} is not safe to unpack: {danger}."
            self._refuse(Code.TAR_UNSAFE_LINK, member, f"{found} {BUILD_AGAIN}")
        elif oddity := tar_name_oddity(member.target):
            self._refuse(
                Code.TAR_NAME_CHARACTERS, member, f"The target of this link is not allowed: {oddity}. {RENAME}"
            )

    def _refuse(self, code: Code, member: TarMember, message: str) -> None:
        refuse_member(code, member.name, message, member.offset, self._findings)

    def _place(self, member: TarMember, path: str) -> None:
        if member.name.startswith("./") or member.name == ".":
            self._dotted.append(member.name)
        top, slash, rest = path.partition("/")
        if not top:
            return  # the folder `.`, as written by `tar -c .`
        if len(self._tops) < _MOST_TOPS:
            self._tops[top] = None
        self._loose = self._loose or (not slash and member.kind != FOLDER)
        if rest == METADATA and top in self._tops:
            self._metadata.setdefault(top, member)
        elif rest in _SOURCE_FILES:
            self._looks_like_source = True

    def check_places(self, whole: BinaryIO | None, size: int) -> None:
        """Check the members together.

        `whole` is the file of `size` bytes if it is complete; it is read a second time if members occur twice.
        """
        same = frozenset[int]() if whole is None else twins(whole, size, self._places)
        check_places(self._places, self._findings, same)
        if self._dotted:
            message = (
                f"{counted(len(self._dotted), 'member has a name that begins', 'members have names that begin')} "
                f"with './', this one first: pip takes the dot for the top folder, and finds no project in it. "
                "Pack the folder without a leading './': 'tar czf x-1.0.tar.gz x-1.0'."
            )
            self._findings.refuse(Code.SDIST_LEADING_DOT, self._dotted[0], message)
        if self._odd_modes:
            message = (
                f"{counted(len(self._odd_modes), 'member has', 'members have')} "
                f"unusual permissions, this one first: it is setuid or "
                f"setgid, or its owner can't read it. pip sets permissions of its own. {BUILD_AGAIN}"
            )
            self._findings.note(Code.TAR_MODE, self._odd_modes[0], message)

    def top_folder(self, filename: Filename) -> str | None:
        """The folder that contains PKG-INFO. PEP 625: one top-level folder named `{name}-{version}`."""
        stem = f"{filename.name_part}-{filename.version_part}"
        tops = list(self._tops)
        if tops == [stem] and not self._loose:
            return stem
        found = clipped(", ".join(tops)) or "nothing"
        message = f"Everything should be in one folder {stem}; the archive contains {found}."
        if len(tops) == 1 and not self._loose and _is_equal(tops[0], filename):
            self._findings.warn(Code.SDIST_TOP_FOLDER, tops[0], f"{message} Build it again with a current build tool.")
        else:
            self._findings.refuse(Code.SDIST_TOP_FOLDER, found, f"{message} {BUILD_AGAIN}")
        return tops[0] if len(tops) == 1 else None

    def opened(self, top: str, comment: str) -> OpenedArchive | None:
        """What lies in the top folder, if PKG-INFO is there."""
        metadata = self._valid_metadata(top, comment)
        files = frozenset(place.path for place in self._places if not place.is_folder)
        if metadata is None:
            return None
        if f"{top}/pyproject.toml" not in files:
            message = (
                "There is no pyproject.toml, so that pip has to guess how to build it (PEP 517, PEP 518). Add one."
            )
            self._findings.note(Code.SDIST_NO_PYPROJECT, f"{top}/pyproject.toml", message)
        return OpenedArchive(metadata=metadata, files=files, license_places=lambda path, _: (f"{top}/{path}",))

    def _valid_metadata(self, top: str, comment: str) -> bytes | None:
        """The bytes of `{top}/PKG-INFO` (source distribution format), or None after a flaw is added."""
        path = f"{top}/{METADATA}"
        member = self._metadata.get(top)
        if member is None:
            self._findings.refuse(Code.METADATA_MISSING, path, self._missing(path, comment))
        elif member.kind not in REGULAR:
            message = f"It is a folder or a link, and should be a file. {BUILD_AGAIN}"
            self._findings.refuse(Code.METADATA_NOT_A_FILE, path, message)
        elif member.content is None:
            message = (
                f"It has {member.size} bytes; {LARGEST_METADATA} are allowed. Shorten the README, which it contains."
            )
            self._findings.refuse(Code.METADATA_TOO_LARGE, path, message)
        else:
            return member.content
        return None

    def _missing(self, path: str, comment: str) -> str:
        if self._looks_like_source or _COMMIT.fullmatch(comment):
            return f"There is no {clipped(path)}: {_SNAPSHOT}"
        return f"There is no {clipped(path)}. Build an sdist with 'python -m build --sdist'."


def _folder_suffix(member: TarMember) -> str | None:
    if member.kind != FOLDER and member.name.endswith(("/", "/.")):
        return "it ends in a slash like the name of a folder, which uv rejects"
    return None


def _is_odd(member: TarMember) -> bool:
    """True for a setuid or setgid file, and for files or folders that their owner can't read or enter."""
    if member.kind == FOLDER:
        return member.mode & 0o500 != 0o500
    return bool(member.mode & 0o6000) or not member.mode & 0o400


def _is_equal(top: str, filename: Filename) -> bool:
    """True if the folder differs from the filename only in the spelling of name and version."""
    name, _, version = top.rpartition("-")
    return (
        len(top) < _LONGEST_TOP
        and project_name(name) == filename.project
        and parsed(Version, version) == filename.version
    )
