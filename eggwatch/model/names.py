"""Names of projects, versions and files: parsed once, typed ever after."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from packaging.tags import Tag
from packaging.utils import (
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from eggwatch.model.codes import Code
from eggwatch.model.parsing import parsed
from eggwatch.model.verdicts import Flaw

__all__ = [
    "FILES",
    "JSON_NAME",
    "LONGEST_FILENAME",
    "MOST_TAGS",
    "Filename",
    "Kind",
    "Project",
    "parse_filename",
    "project_name",
    "shown",
    "stored_name",
]

Project = NewType("Project", str)
"""A project name in its normalised form (PEP 503)."""

FILES = "../../files"
"""Where the archives are, seen from the page of a project."""

JSON_NAME = "index.v1_json"
"""The page of a project, and of the whole index, as JSON."""

LONGEST_FILENAME = 200
"""Bytes; longer names are refused (docs/contract.rst, What counts as an upload)."""

# What names, versions and tags may consist of (binary distribution format, PEP 440 with epoch and local version);
# packaging takes any character in a tag, and blanks around a version.
_CHARACTERS = re.compile(r"[A-Z0-9._+!-]+", re.I | re.ASCII)
NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.I | re.ASCII)
"""PEP 508's grammar for names, which core metadata adopts."""

_ADDED = re.compile(r"(?P<name>.+(?:\.whl|\.tar\.gz))\.(?:zip|tar|gz|tgz|txt|bin|html?|download|octet-stream)", re.I)
_LOCAL = re.compile(
    r"-(?P<release>[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?)"
    r"(?:_(?P<local>[a-z0-9]+(?:[._][a-z0-9]+)*)(?:(?:-[^-]+){3,4}\.whl|\.tar\.gz)|-(?P<dashed>[a-z0-9]+(?:[._][a-z0-9]+)*)\.tar\.gz)",
    re.I | re.ASCII,
)
"""A version and what should be its local part, in the name of a wheel or sdist."""
_COPY = re.compile(r"(?P<stem>.+?)(?: ?\(\d+\)| - Copy(?: \(\d+\))?| copy(?: \d+)?)(?P<suffix>\.whl|\.tar\.gz)", re.I)


LARGEST_NUMBER = 2**64 - 2
"""The largest number in a version that uv can read; a build number may be one larger."""


class Kind(StrEnum):
    """The two distribution formats that PyPI accepts."""

    WHEEL = "wheel"
    SDIST = "sdist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filename:
    """The parsed filename of a wheel or sdist (PyPUG: binary and source distribution formats)."""

    text: str
    kind: Kind
    project: Project
    version: Version
    name_part: str
    version_part: str
    tags: frozenset[Tag] = frozenset()
    build: tuple[()] | tuple[int, str] = ()

    @property
    def normalized(self) -> str:
        """The spelling under which two filenames count as one: normalised name, version and sorted tags."""
        stem = f"{self.project.replace('-', '_')}-{self.version}"
        if self.kind is Kind.SDIST:
            return f"{stem}.tar.gz"
        build = f"-{self.build[0]}{self.build[1]}" if self.build else ""
        return f"{stem}{build}-{'.'.join(sorted(str(tag) for tag in self.tags))}.whl"

    @property
    def expected(self) -> str:
        """The spelling that the specifications ask for (PEP 625; binary distribution format, file name convention)."""
        stem = f"{self.project.replace('-', '_')}-{self.version}"
        if self.kind is Kind.SDIST:
            return f"{stem}.tar.gz"
        return f"{stem}{self.text[len(self.name_part) + len(self.version_part) + 1 :]}"


def project_name(text: str) -> Project:
    """Normalise a project name (PEP 503)."""
    return Project(str(canonicalize_name(text)))


def shown(name: str) -> str:
    r"""A name for people: bytes that are not UTF-8 and control characters become `\xNN`."""
    if name.isascii() and name.isprintable():
        return name
    raw = _as_bytes(name).decode("utf-8", "backslashreplace")
    return raw if raw.isprintable() else "".join(_shown_character(character) for character in raw)


def _as_bytes(name: str) -> bytes:
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a pair of UTF-16, as JSON may hold it
        return name.encode("utf-8", "backslashreplace")


def _shown_character(character: str) -> str:
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8"))


def stored_name(filename: str) -> str:
    """The name of a file about `filename`: at most 200 bytes, and unique.

    Names over 200 bytes become their first 160 bytes and 8 hex digits of their hash (docs/contract.rst).
    """
    raw = _as_bytes(filename)
    if len(raw) <= LONGEST_FILENAME:
        return filename
    import hashlib

    return raw[:160].decode("utf-8", "surrogateescape") + "-" + hashlib.sha256(raw).hexdigest()[:8]


@functools.lru_cache(maxsize=1024)
def parse_filename(text: str) -> Filename | Flaw:
    """Parse a filename; returns a flaw if it is not the name of a wheel or sdist."""
    if len(_as_bytes(text)) > LONGEST_FILENAME:
        return Flaw(
            code=Code.FILENAME_TOO_LONG,
            subject=shown(stored_name(text)),
            message=f"The filename is longer than {LONGEST_FILENAME} bytes. Build the archive under a shorter name.",
        )
    strange = _strange_character(text)
    if strange is not None:
        return strange
    copy = _COPY.fullmatch(text)
    if copy:
        return _copied_name(text, copy["stem"] + copy["suffix"])
    suffix = next((suffix for suffix in (".whl", ".tar.gz") if text.lower().endswith(suffix)), "")
    if not text.endswith(suffix):
        found, renamed = text[-len(suffix) :], text[: -len(suffix)] + suffix
        message = f"Its suffix is {found}, but installers only accept {suffix}. Rename it to {shown(renamed)}."
        return Flaw(code=Code.FILENAME_INVALID, subject=shown(text), message=message)
    if suffix:
        return _parse_wheel(text) if suffix == ".whl" else _parse_sdist(text)
    if original_name(text) is not None:
        return Flaw(code=Code.FILENAME_COPY, subject=shown(text), message=named_by_browser(text))
    return Flaw(
        code=Code.FILENAME_FORMAT,
        subject=shown(text),
        message="Only wheels (.whl) and sdists (.tar.gz) are published. Build one with 'python -m build'.",
    )


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _strange_character(text: str) -> Flaw | None:
    """Reject characters that PyPI allows in no filename."""
    if _CONTROL.search(text):
        message = "The filename contains control characters. Rename the file."
        return Flaw(code=Code.FILENAME_CONTROL_CHARACTERS, subject=shown(text), message=message)
    if "/" in text or "\\" in text:
        message = "The filename contains a slash or backslash. Rename the file."
        return Flaw(code=Code.FILENAME_SLASH, subject=shown(text), message=message)
    return None


def original_name(text: str) -> str | None:
    """What a wheel or sdist was called before a browser or mail program added a suffix; None if none did."""
    match = _ADDED.fullmatch(text)
    return match["name"] if match else None


def named_by_browser(text: str) -> str:
    """The message for a file with an additional suffix."""
    original = original_name(text) or text
    found = f"A browser or mail program added '{shown(text[len(original) :])}' to the name of the file."
    advice = f"Rename it to {shown(original)} and upload it again."
    if original.lower().endswith(".tar.gz"):
        advice += (
            " (If it is then rejected because it is not a gzip file, it was unpacked, too: download it again with pip "
            "or curl.)"
        )
    return f"{found} {advice}"


def _copied_name(text: str, original: str) -> Flaw:
    return Flaw(
        code=Code.FILENAME_COPY,
        subject=shown(text),
        message=(
            f"This is the name that a browser or file manager gives to a second copy of {shown(original)}. "
            f"Rename it to {shown(original)} and upload it again."
        ),
    )


def _parse_wheel(text: str) -> Filename | Flaw:
    # Counted, and not made.
    tags_in_all = math.prod(part.count(".") + 1 for part in text[: -len(".whl")].split("-")[-3:])
    if tags_in_all > MOST_TAGS:
        message = f"Its compressed tags expand to {tags_in_all} tags; {MOST_TAGS} are allowed. Build several wheels."
        return Flaw(code=Code.FILENAME_TOO_MANY_TAGS, subject=shown(text), message=message)
    try:
        name, version, build, tags = parse_wheel_filename(text)
    except Exception as error:  # InvalidWheelFilename, but see parsing
        return _bad_name(text, error, "{name}-{version}-{python}-{abi}-{platform}.whl")
    parts = text[: -len(".whl")].split("-")
    strange = _strange_part(text, parts[0])
    if strange is not None:
        return _bad_name(text, strange, "{name}-{version}-{python}-{abi}-{platform}.whl")
    return Filename(
        text=text,
        kind=Kind.WHEEL,
        project=Project(str(name)),
        version=version,
        name_part=parts[0],
        version_part=parts[1],
        tags=tags,
        build=build,
    )


def _parse_sdist(text: str) -> Filename | Flaw:
    try:
        name, version = parse_sdist_filename(text)
    except Exception as error:
        return _bad_name(text, error, "{name}-{version}.tar.gz")
    name_part, _, version_part = text[: -len(".tar.gz")].rpartition("-")
    strange = _strange_part(text, name_part)
    if strange is not None:
        return _bad_name(text, strange, "{name}-{version}.tar.gz")
    return Filename(
        text=text,
        kind=Kind.SDIST,
        project=Project(str(name)),
        version=version,
        name_part=name_part,
        version_part=version_part,
    )


def _strange_part(text: str, name_part: str) -> ValueError | None:
    if not NAME.fullmatch(name_part):
        return ValueError(f"'{shown(name_part)}' is not a project name")
    if not _CHARACTERS.fullmatch(text):
        return ValueError("it may only contain letters, digits, '.', '_', '-', '+' and '!'")
    return None


def _meant_version(text: str) -> str | None:
    """The local version that a filename was meant to have, if it has '_' or '-' instead of '+'; else None."""
    match = _LOCAL.search(text)
    if match is None or parsed(Version, f"{match['release']}-{match['local'] or match['dashed']}") is not None:
        return None
    meant = f"{match['release']}+{match['local'] or match['dashed']}"
    return meant if parsed(Version, meant) is not None else None


def _bad_name(text: str, error: Exception, form: str) -> Flaw:
    meant = _meant_version(text)
    if meant is not None:
        message = (
            f"The version in the filename is invalid (PEP 440): what follows {meant.partition('+')[0]} needs a '+' "
            f"before it, as a local version has. Set the version to {meant} in the project, and build it again. (A "
            "build tool wrote '_' or '-' there, for a '+' or for what the project's version had instead.)"
        )
        return Flaw(code=Code.FILENAME_INVALID, subject=shown(text), message=message)
    return Flaw(
        code=Code.FILENAME_INVALID,
        subject=shown(text),
        message=f"The filename is not of the form {form}: {shown(str(error))}. Build it again with 'python -m build'.",
    )


def is_too_large(version: Version) -> bool:
    """True if uv can't read the numbers of the version; those of a local version may have any size."""
    numbers = (version.epoch, *version.release, *(version.pre or ("", 0))[1:], version.post or 0, version.dev or 0)
    return max(numbers) > LARGEST_NUMBER


def size_flaws(filename: Filename) -> Iterator[Flaw]:
    if is_too_large(filename.version) or (filename.build and filename.build[0] > LARGEST_NUMBER + 1):
        message = (
            f"uv can't install it, because a number of the version or build is larger than {LARGEST_NUMBER}; pip can. "
            "Build it again with a smaller version."
        )
        yield Flaw(code=Code.VERSION_TOO_LARGE, subject=filename.text, message=message)


MOST_TAGS = 500
"""Most tags that a compressed set may expand to; real ones expand to a dozen."""

_COMMON = re.compile(r"(?:many|musl)?linux.*_x86_64")


def only_for(filename: str) -> str | None:
    """A sentence about a wheel that is not for Linux on x86_64, as most servers are; else None."""
    if not filename.endswith(".whl"):
        return None
    platforms = filename[: -len(".whl")].rpartition("-")[2].split(".")
    if any(platform == "any" or _COMMON.fullmatch(platform) for platform in platforms):
        return None
    return f"It is for {', '.join(platforms)} only; pip and uv on other systems do not find it."
