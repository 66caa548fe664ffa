"""Is this name an upload, and is the upload finished?"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate

from eggwatch.model.names import named_by_browser, original_name
from eggwatch.model.sightings import Identity, Lease, Sighting

TEMPORARY = (".*", "*.part", "*.filepart", "*.tmp", ".in.*", "#*")
"""Names that uploaders use until an upload is whole (docs/contract.rst; rsync, WinSCP, lftp, O_TMPFILE)."""

_IS_TEMPORARY = re.compile("|".join(translate(pattern) for pattern in TEMPORARY)).match
"""One expression for all: a drop folder may hold a hundred thousand names."""

ANSWERED_AFTER = 60.0
"""Seconds after which the uploader of an incomplete upload is told that its end is missing."""

REMEMBERED = 1 << 14
"""Names whose kind and remark are remembered: what lies in a drop folder without a verdict is met by every scan."""

RESERVED = (".publish.attestation", ".asc", ".yank", ".unyank", ".remove")

SUFFIXES = {
    "wheel": (".whl",),
    "sdist": (".tar.gz",),
    "zip": (".zip",),
    "egg": (".egg",),
    "tgz": (".tgz",),
    "tar.bz2": (".tar.bz2",),
}
"""The values of the configuration's `formats`, and the suffixes that each of them takes in."""

_BUILD_ONE = "Build a wheel or an sdist with 'python -m build' and copy that here."
_KNOWN_STRANGERS = {
    ".exe": f"Windows installers (.exe) can't be installed by pip. {_BUILD_ONE}",
    ".msi": f"Windows installers (.msi) can't be installed by pip. {_BUILD_ONE}",
    ".rpm": f"RPM packages are for dnf, not for pip. {_BUILD_ONE}",
    ".deb": f"Debian packages are for apt, not for pip. {_BUILD_ONE}",
    ".egg": f"Eggs are no longer installed by pip, and this index does not accept them. {_BUILD_ONE}",
    ".zip": f"This index does not accept zip archives. {_BUILD_ONE}",
    ".tgz": f"An sdist's name ends in .tar.gz, not in .tgz. {_BUILD_ONE}",
    ".tar.bz2": f"An sdist's name ends in .tar.gz, not in .tar.bz2. {_BUILD_ONE}",
    ".tar.xz": f"An sdist's name ends in .tar.gz. {_BUILD_ONE}",
    ".tar": f"An sdist's name ends in .tar.gz. {_BUILD_ONE}",
    ".whl": "This index does not accept wheels.",
    ".tar.gz": "This index does not accept sdists.",
}
"""What is said about a package that is no upload by `formats`."""


class NameKind(StrEnum):
    """What kind of file a name in the drop folder is."""

    UPLOAD = "upload"
    TEMPORARY = "temporary"
    OTHER = "other"


def is_temporary(name: str) -> bool:
    """Whether an uploader, an editor or we use such a name for something unfinished."""
    return _IS_TEMPORARY(name) is not None


@functools.lru_cache(REMEMBERED)
def kind_of_name(name: str, formats: tuple[str, ...]) -> NameKind:
    """Sort one name of the drop folder; only uploads are ever opened."""
    if is_temporary(name):
        return NameKind.TEMPORARY
    if not _decodable(name) or name.lower().endswith(RESERVED):
        return NameKind.OTHER
    return NameKind.UPLOAD if name.lower().endswith(_suffixes(tuple(formats))) else NameKind.OTHER


@functools.cache
def _suffixes(formats: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(suffix for form in formats for suffix in SUFFIXES[form])


def _decodable(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def is_foreign_package(name: str) -> bool:
    """True for a package in a format that is not published."""
    is_package = name.lower().endswith(tuple(_KNOWN_STRANGERS)) or original_name(name) is not None
    return is_package and not is_temporary(name) and _decodable(name)


@functools.lru_cache(REMEMBERED)
def remark_on(name: str) -> str | None:
    """The sentence that `status` prints about a file that is not an upload; None for names that are ignored."""
    if name.startswith("._"):
        return "This is a Mac's resource fork beside the real file. It can be deleted."
    if is_temporary(name):
        return None
    if not _decodable(name):
        return "The name is not valid UTF-8. Rename it."
    if original_name(name) is not None:
        return named_by_browser(name)
    lower = name.lower()
    for suffix, sentence in _KNOWN_STRANGERS.items():
        if lower.endswith(suffix):
            return sentence
    return "Not a package (.whl or .tar.gz), ignored."


MAGIC = {b"PK\x03\x04": "zip", b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
"""How archives begin (APPNOTE 4.3.7; RFC 1952; the formats of bzip2 and xz)."""


def may_be_misnamed(name: str) -> bool:
    """Whether a file that is no upload by its name may be one by what is in it."""
    own = name.startswith("._") or is_temporary(name) or name.lower().endswith(RESERVED)
    return not own and _decodable(name) and not is_foreign_package(name)


def remark_on_contents(name: str, head: bytes, tail: bytes) -> str | None:
    """What to tell the uploader of an archive whose name is not that of one; None for all other files.

    `head` and `tail` are its first and last bytes. scp and cp create a file if the folder in the target is missing.
    """
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)
    is_wheel = kind == "zip" and b".dist-info/" in tail
    if kind is None or not (is_wheel or _has_no_suffix(name)):
        return None
    what = "a wheel" if is_wheel else f"an archive ({kind})"
    return (
        f"It is {what} inside, but its name does not end in .whl or .tar.gz. This happens when a file is copied to "
        "a folder that does not exist.\n"
        "To fix it: delete it, and copy the file again under its own name, or create the folder first and end its "
        "path with a slash."
    )


def _has_no_suffix(name: str) -> bool:
    """Whether no suffix says that it is of another kind: that of v1.0 and alice.smith says nothing."""
    suffix = name.rpartition(".")[2] if "." in name else ""
    return not (1 <= len(suffix) <= 4 and suffix[0].isalpha() and suffix.isalnum())


FORGOTTEN = 60.0
"""Seconds after which nobody waits any more for the verdict on what the upload door has left, or takes it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds (configuration: `quiet`, `unfinished-after`, `linger`)."""

    quiet: float = 2.0
    unfinished_after: float = 3600.0
    linger: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Claim it now. `overdue` if an incomplete upload has had all its time, so that it is judged as it is."""

    overdue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Wait, and why. `until` is a moment of the monotonic clock, None to wait for a change.

    `finished` if the upload is complete, but can't be claimed yet. `answered` if it is time to tell the uploader that
    the rest is missing.
    """

    reason: str
    until: float | None = None
    finished: bool = False
    answered: bool = False


def settle(sighting: Sighting, *, deferred: Identity | None, now: float, patience: Patience) -> Ready | Wait:
    """Decide whether the upload at a path may be read.

    `deferred` is the identity with which this path was read before and found incomplete. `now` is of the
    same monotonic clock as `sighting.since`. If a lease proves that no process writes, there is no quiet
    period: an archive contains its own end, and a truncated one is deferred until it changes. Files from the
    upload door are complete, or never will be.
    """
    if sighting.lease is Lease.HELD:
        who = f" (by its owner, or {sighting.open_to})" if sighting.open_to else ""
        return Wait(reason=f"still open for writing{who}")
    if sighting.is_whole:
        return Ready(overdue=True)
    if sighting.identity == deferred:
        deadline = sighting.since + patience.unfinished_after
        if now >= deadline:
            return Ready(overdue=True)
        answer = sighting.since + ANSWERED_AFTER
        until = deadline if now >= answer else min(answer, deadline)
        return Wait(reason="the end of the file is missing", until=until, answered=now >= answer)
    if sighting.lease is Lease.UNPROVEN:
        quiet_since = sighting.since + patience.quiet
        if now < quiet_since:
            return Wait(reason=f"waiting until it is unchanged for {patience.quiet:g} s", until=quiet_since)
    return Ready()


def may_retire(sighting: Sighting, *, now: float, patience: Patience) -> Ready | Wait:
    """Decide whether an original that was judged may leave the drop folder.

    Clients set mode and times by name after they closed the file; until `linger` after its last change
    that must not fail. The upload door takes back what is its own, unless it was killed.
    """
    if sighting.lease is Lease.HELD:
        return Wait(reason="checked; still open for writing")
    linger = patience.linger if sighting.lease is Lease.FREE else max(patience.linger, patience.quiet)
    due = sighting.since + (max(linger, FORGOTTEN) if sighting.is_whole else linger)
    if now < due:
        return Wait(reason="checked; will be removed from the drop folder in a moment", until=due)
    return Ready()
