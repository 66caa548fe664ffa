"""Names of members: which of them are safe to unpack, and when two of them are the same path."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

LONGEST_PATH = 4096
"""Bytes of a member's name (Linux's PATH_MAX)."""

LONGEST_PART = 255
"""Bytes of one part of the name (NAME_MAX; NTFS and APFS have the same limit)."""

DEEPEST_PATH = 128
"""Most folders in a member's name."""

_SUSPICIOUS = re.compile(r"[\\:]|//|/\.|\A[./]|\A\Z")
_COLON_IN_TAR = (
    "it contains a colon, which uv rejects on every system and pip accepts; "
    "on Windows a colon stands for a drive, or for a stream of another file"
)
_ODD = ("\\", ":", "//", "./", " /", "\n/", "/\n", ".\n", " \n", "\n\n")
"""What is in no ordinary path, of several on a line each: other separators, empty parts, dots and spaces at an end."""
_LOT = 1000
_OF_INSTALLERS = re.compile(r"[^/]*\.(?:dist-info|data|egg-info)(?:/|\Z)", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_DRIVE_IN_PATH = re.compile(r"(?:[^/]*\.data/[^/]*/)?[A-Za-z]:", re.IGNORECASE)
"""Names that an installer on Windows would write to a drive instead of its folder."""
_BLANKS = " \t\n\x0c\r"
_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")
_STEERING = re.compile(r"[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Characters that PyPI rejects in the name of a zip member."""


def are_ordinary(names: Sequence[str]) -> bool:
    """True if each of these paths is short and printable ASCII without odd parts, as in most zips.

    All at once, which takes a tenth of the time that checking each takes. Folders may end with one slash.
    """
    if max(map(len, names), default=0) > DEEPEST_PATH:
        return False
    text = "\n".join(["", *names, ""]).replace("/\n", "\n")
    printable = text.replace("\n", "")
    if len(text) - len(printable) != len(names) + 1 or not (printable.isascii() and printable.isprintable()):
        return False
    return not any(odd in text for odd in _ODD)


def zip_path_danger(name: str) -> str | None:
    """Why a zip member's name is not safe to unpack, or None (APPNOTE 4.4.17: relative, forward slashes)."""
    # This is true of nearly every name; parsing each would cost more than its CRC.
    if not _SUSPICIOUS.search(name) and len(name) <= DEEPEST_PATH and name.isascii():
        return None
    if "\\" in name:
        return "it contains a backslash"
    if on_a_drive(name):
        return "it begins with a letter and a colon, which is a drive on Windows"
    if name.endswith("/.") or (name and not plain(name)):
        return "it is the name of a folder, but is not written like one"
    if respelled_zip_name(name) and _OF_INSTALLERS.match(plain(name)):
        return "it contains an empty or '.' part in a folder that installers read"
    return _danger(name, name.removesuffix("/").split("/"))


def on_a_drive(name: str) -> bool:
    """True if a zip member's name begins with a drive of Windows, as seen from the folder it is unpacked to."""
    return ":" in name and _DRIVE_IN_PATH.match(name) is not None


def respelled_zip_name(name: str) -> bool:
    """True if a zip member's name has empty or '.' parts, which installers drop."""
    return plain(name) != name.removesuffix("/")


def tar_path_danger(name: str) -> str | None:
    """Why a tar member's name is not safe to unpack, or None. See `tar_name_oddity` for names that only uv rejects."""
    if "\0" in name:
        return "it contains a zero byte"
    if ":" in name:
        return _COLON_IN_TAR
    # This is true of nearly every name; parsing each would be a third of the work on a member.
    if ".." not in name and 0 < len(name) <= DEEPEST_PATH and name[0] != "/" and name.isascii():
        return None
    return _danger(name, re.split(r"[\\/]", name))


def tar_name_oddity(name: str) -> str | None:
    """Why uv rejects a tar member or link target that tarfile, and so pip, accepts; or what a terminal does with it.

    For ASCII characters uv is stricter than in zips; it accepts all other letters.
    """
    if name.isascii():
        if name.isprintable() and "\\" not in name and ":" not in name and name.strip(" ") == name:
            return None
    elif _NOT_UTF8.search(name):
        return "it is not UTF-8, which uv rejects"
    if "\\" in name:
        return "it contains a backslash, which uv rejects: on Windows it is a slash"
    if ":" in name:
        return "it contains a colon, which uv rejects: on Windows it stands for a drive, or a stream of another file"
    if CONTROL.search(name):
        return "it contains a control character, which uv rejects"
    if name.strip(_BLANKS) != name:
        return "it begins or ends with a space, which uv rejects"
    if _STEERING.search(name):
        return "it contains a character that controls a terminal or changes the direction of writing"
    return None


def zip_name_oddity(name: str) -> str | None:
    """Why uv rejects a zip member's name that zipfile, and so pip, accepts.

    uv rejects the Unicode category "Other": control and format characters (bidirectional and zero-width ones among
    them), surrogates, characters for private use, and unassigned ones.
    """
    if name.isascii() or not any(_is_other(character) for character in name if not character.isprintable()):
        return None
    return "it contains a control, invisible, private or unassigned character, which uv rejects"


def _is_other(character: str) -> bool:
    category = unicodedata.category(character)
    # New emoji are assigned each year, and uv may know a later Unicode version than this Python.
    return category[0] == "C" and not (category == "Cn" and "\U0001f000" <= character <= "\U0001faff")


def _danger(name: str, parts: list[str]) -> str | None:
    if not name:
        return "it is empty"
    if name.startswith("/"):
        return "it is absolute"
    if ".." in parts:
        return "it leads out of the folder with '..'"
    if len(parts) > DEEPEST_PATH or len(name) > LONGEST_PATH:
        return f"it is longer than {LONGEST_PATH} characters or deeper than {DEEPEST_PATH} folders"
    if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST_PART for part in parts):
        return f"a part of it is longer than {LONGEST_PART} bytes, the limit of file systems"
    return None


def plain(name: str) -> str:
    """A member's path without empty and '.' parts and without a slash at its end."""
    if name.startswith("./") or "//" in name or "/./" in name or name.endswith(("/.", "/")) or name == ".":
        return "/".join(part for part in name.split("/") if part not in ("", "."))
    return name


def link_danger(name: str, target: str, *, from_root: bool) -> str | None:
    """Why a link is not safe to unpack, or None. A safe link stays in the top folder of its archive.

    The `target` of a hard link is relative to the root of the archive, that of a symbolic link to the link's folder.
    '..' is only allowed at the beginning: after another link it could lead somewhere else.
    """
    if not target or "\0" in target or target.startswith(("/", "\\")) or _DRIVE.match(target):
        return "its target is empty or absolute"
    steps = [part for part in target.replace("\\", "/").split("/") if part not in ("", ".")]
    here = [] if from_root else plain(name).split("/")[:-1]
    climbs = next((at for at, part in enumerate(steps) if part != ".."), len(steps))
    if ".." in steps[climbs:]:
        return "its target contains '..' after the name of a folder"
    landing = here[: max(0, len(here) - climbs)] + steps[climbs:]
    # pip removes the top folder from all names, so a path that leaves it and enters it again leads nowhere.
    if (climbs >= len(here) and not from_root) or landing[:1] != plain(name).split("/")[:1]:
        return "its target, or a folder on the way to it, is outside the top folder"
    return None


def in_lots(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """A thousand names at a time, without overlong ones, so that joining them takes little memory."""
    for at in range(0, len(names), _LOT):
        yield [name for name in names[at : at + _LOT] if len(name) <= LONGEST_PATH]


def folded(name: str) -> str:
    """A path in the form in which Windows and macOS compare paths: case is ignored, and macOS composes accents.

    On Windows a backslash is a slash, and dots and spaces at the end of a part are ignored.
    """
    if name.endswith((".", " ")) or "./" in name or " /" in name or "\\" in name:
        name = "/".join(part.rstrip(". ") for part in re.split(r"[\\/]", name))
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
