"""Names of members: which are safe to unpack, and how two spellings of one path compare."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

LONGEST_PATH = 4096
"""Bytes of a member's name (Linux's PATH_MAX)."""

LONGEST_PART = 255
"""Bytes of one folder's or file's name in it (NAME_MAX; NTFS and APFS have as little)."""

DEEPEST_PATH = 128
"""Folders in a member's name."""

_SUSPICIOUS = re.compile(r"[\\:]|//|/\.|\A[./]|\A\Z")
_COLON_IN_TAR = (
    "uv unpacks no name with a colon, on any system, which pip does; "
    "on Windows a colon stands for a drive, or for a stream of another file"
)
_LOT = 1000
_OF_INSTALLERS = re.compile(r"[^/]*\.(?:dist-info|data|egg-info)(?:/|\Z)", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_DRIVE_IN_PATH = re.compile(r"(?:[^/]*\.data/[^/]*/)?[A-Za-z]:", re.IGNORECASE)
"""Where an installer on Windows would join a drive to the folder that it unpacks to."""
_BLANKS = " \t\n\x0c\r"
_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")
_STEERING = re.compile(r"[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Characters that no zip member's name may hold (PyPI)."""


def zip_path_danger(name: str) -> str | None:
    """Why a zip member's name must not be unpacked, or None (APPNOTE 4.4.17: relative, forward slashes)."""
    # Nearly every name; to take it apart would cost more than its CRC.
    if not _SUSPICIOUS.search(name) and len(name) <= DEEPEST_PATH and name.isascii():
        return None
    if "\\" in name:
        return "it holds a backslash"
    if on_a_drive(name):
        return "on Windows a letter and a colon stand for a drive"
    if name.endswith("/.") or (name and not plain(name)):
        return "it is that of a folder, and spelled as no folder's"
    if respelled_zip_name(name) and _OF_INSTALLERS.match(plain(name)):
        return "in the folders that installers look into it holds an empty or '.' part"
    return _danger(name, name.removesuffix("/").split("/"))


def on_a_drive(name: str) -> bool:
    """True if a zip member's name begins, where it will be unpacked, as a drive of Windows does."""
    return ":" in name and _DRIVE_IN_PATH.match(name) is not None


def respelled_zip_name(name: str) -> bool:
    """True if a zip member's name has empty or '.' parts, which installers leave out."""
    return plain(name) != name.removesuffix("/")


def tar_path_danger(name: str) -> str | None:
    """Why a tar member's name must not be unpacked, or None; what only uv refuses is `tar_name_oddity`."""
    if "\0" in name:
        return "it holds a zero byte"
    if ":" in name:
        return _COLON_IN_TAR
    # Nearly every name; taking it apart would be a third of the work on a member.
    if ".." not in name and 0 < len(name) <= DEEPEST_PATH and name[0] != "/" and name.isascii():
        return None
    return _danger(name, re.split(r"[\\/]", name))


def tar_name_oddity(name: str) -> str | None:
    """Why uv refuses a tar's member or link of this name, which tarfile, and so pip, takes; or why a terminal would.

    uv's reader is stricter with a tar's names than with a zip's among ASCII, and takes all other letters.
    """
    if name.isascii():
        if name.isprintable() and "\\" not in name and ":" not in name and name.strip(" ") == name:
            return None
    elif _NOT_UTF8.search(name):
        return "it is not UTF-8, and uv refuses that"
    if "\\" in name:
        return "it holds a backslash, and uv refuses that: to Windows it is a slash"
    if ":" in name:
        return "it holds a colon, and uv refuses that: on Windows it stands for a drive, or a stream of another file"
    if CONTROL.search(name):
        return "it holds a control character, and uv refuses that"
    if name.strip(_BLANKS) != name:
        return "it begins or ends with a blank, and uv refuses that"
    if _STEERING.search(name):
        return "it holds a character that steers a terminal or turns the direction of writing"
    return None


def zip_name_oddity(name: str) -> str | None:
    """Why uv refuses a zip's member of this name, which zipfile, and so pip, takes.

    uv refuses what Unicode puts among its "Other": control and format characters (among them bidi and zero-width
    ones), surrogates, characters for private use, and what is assigned to nothing.
    """
    if name.isascii() or not any(_is_other(character) for character in name if not character.isprintable()):
        return None
    return "it holds a control, invisible, private or unassigned character, and uv refuses that"


def _is_other(character: str) -> bool:
    category = unicodedata.category(character)
    # Emoji come each year, and uv knows later ones than this Python.
    return category[0] == "C" and not (category == "Cn" and "\U0001f000" <= character <= "\U0001faff")


def _danger(name: str, parts: list[str]) -> str | None:
    if not name:
        return "it is empty"
    if name.startswith("/"):
        return "it is absolute"
    if ".." in parts:
        return "it climbs out with '..'"
    if len(parts) > DEEPEST_PATH or len(name) > LONGEST_PATH:
        return f"it is longer than {LONGEST_PATH} characters or deeper than {DEEPEST_PATH} folders"
    if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST_PART for part in parts):
        return f"a part of it is longer than {LONGEST_PART} bytes, which no file system takes"
    return None


def plain(name: str) -> str:
    """A tar member's path without empty and '.' parts and without a slash at its end."""
    if name.startswith("./") or "//" in name or "/./" in name or name.endswith(("/.", "/")) or name == ".":
        return "/".join(part for part in name.split("/") if part not in ("", "."))
    return name


def link_danger(name: str, target: str, *, from_root: bool) -> str | None:
    """Why a link must not be unpacked, or None: it has to stay in its archive's top folder.

    A hard link's `target` counts from the archive's root, a symbolic link's from the link's own folder.
    '..' may only stand in front: after another link it would not lead where it seems to.
    """
    if not target or "\0" in target or target.startswith(("/", "\\")) or _DRIVE.match(target):
        return "its target is empty or absolute"
    steps = [part for part in target.replace("\\", "/").split("/") if part not in ("", ".")]
    here = [] if from_root else plain(name).split("/")[:-1]
    climbs = next((at for at, part in enumerate(steps) if part != ".."), len(steps))
    if ".." in steps[climbs:]:
        return "its target goes down and up again"
    landing = here[: max(0, len(here) - climbs)] + steps[climbs:]
    # pip takes the top folder off all names, so that a way out of it and in again leads nowhere.
    if (climbs >= len(here) and not from_root) or landing[:1] != plain(name).split("/")[:1]:
        return "its target lies outside the top folder, or the way there does"
    return None


def in_lots(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """A thousand names at a time, without those that are too long: joined, one foreign letter widens all the others."""
    for at in range(0, len(names), _LOT):
        yield [name for name in names[at : at + _LOT] if len(name) <= LONGEST_PATH]


def folded(name: str) -> str:
    """A path as Windows and macOS compare it: without regard to case; macOS also composes accents.

    To Windows a backslash is a slash, and what ends in dots or blanks ends before them.
    """
    if name.endswith((".", " ")) or "./" in name or " /" in name or "\\" in name:
        name = "/".join(part.rstrip(". ") for part in re.split(r"[\\/]", name))
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
