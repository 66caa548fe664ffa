"""What an order (yank, unyank, remove, unblock) means for the files of a project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import Filename, Project, parse_filename
from eggwatch.model.releases import PublishedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a person means: a project, one version of it, or one file; `only` of these files, where it is not None."""

    text: str
    project: Project
    version: Version | None = None
    filename: Filename | None = None
    only: frozenset[str] | None = None

    def means(self, name: str) -> bool:
        """Whether a file of this name is meant."""
        other = parse_filename(name)
        if not isinstance(other, Filename):
            return False
        if self.filename is not None:
            return other.normalized == self.filename.normalized
        return other.project == self.project and self.version in (None, other.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A file that was published, as orders use it; see `RemovedFile` for `bytes_until` and `blocked`.

    `lies`: it was removed, and its bytes may still exist; `reason` is why it was removed.
    """

    file: PublishedFile
    present: bool = True
    lies: bool = False
    bytes_until: str | None = None
    blocked: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByHand:
    """What is to be done with files, why, and on whose behalf."""

    spec: Spec
    reason: str | None
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Yank(_ByHand):
    """Mark files as not to be installed unless pinned (PEP 592)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unyank(_ByHand):
    """Take a yank back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(_ByHand):
    """Take files off the pages, and their bytes away after the grace period, or at once (`now`).

    With `block` neither their names nor their bytes return before they are unblocked.
    """

    now: bool = False
    block: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblock(_ByHand):
    """Let the bytes of removed files return under their names."""


Order = Yank | Unyank | Remove | Unblock
VERBS: dict[str, type[Yank] | type[Unyank] | type[Remove] | type[Unblock]] = {
    "yank": Yank,
    "unyank": Unyank,
    "remove": Remove,
    "unblock": Unblock,
}
EVENTS = {
    "yank": EventKind.YANKED,
    "unyank": EventKind.UNYANKED,
    "remove": EventKind.REMOVED,
    "unblock": EventKind.UNBLOCKED,
}
"""The kind of event that each order makes of a file."""
_KINDS = {order: EVENTS[verb] for verb, order in VERBS.items()}


def parse_spec(text: str) -> Spec | None:
    """`project`, `project==version` or a filename; None for anything else."""
    if text.endswith((".whl", ".tar.gz")):
        filename = parse_filename(text)
        if not isinstance(filename, Filename):
            return None
        return Spec(text=text, project=filename.project, version=filename.version, filename=filename)
    name, equals, version = text.partition("==")
    try:
        project = Project(str(canonicalize_name(name.strip(), validate=True)))
        return Spec(text=text, project=project, version=Version(version) if equals else None)
    except (ValueError, InvalidVersion):
        return None


def matching(order: Order, files: Iterable[Held]) -> tuple[Held, ...]:
    """The files that an order is about, by filename."""
    found = (held for held in files if _concerns(order, held) and _names(order.spec, held.file))
    return tuple(sorted(found, key=lambda held: held.file.filename))


def _concerns(order: Order, held: Held) -> bool:
    """What was removed is unblocked, or removed once more to be rid of its bytes at once, or for good."""
    if isinstance(order, Unblock):
        return held.blocked
    if isinstance(order, Remove) and not held.present:
        return order.block or (order.now and held.lies)
    return held.present


def _names(spec: Spec, file: PublishedFile) -> bool:
    if spec.only is not None and file.filename not in spec.only:
        return False
    if spec.filename is not None:
        return spec.means(file.filename)
    return spec.version is None or Version(file.version) == spec.version


def events_of(order: Order, files: Iterable[Held], *, at: str, until: str) -> tuple[Event, ...]:
    """One event for each file that the order changes.

    `until` is how long the bytes of a file that is removed at `at` are kept.
    """
    return tuple(_event(order, held, at, until) for held in matching(order, files) if _changes(order, held, at))


def _event(order: Order, held: Held, at: str, until: str) -> Event:
    by_whom = {"uploader": held.file.uploader, "actor": order.actor, "reason": order.reason}
    event = held.file.event(_KINDS[type(order)], project=order.spec.project, at=at, **by_whom)
    if not isinstance(order, Remove):
        return event
    event = replace(event, bytes_until=at if order.now else until, blocked=order.block or None)
    if held.present:
        return event
    # What was removed before keeps its reason, unless there is a new one, and is not to be had for longer.
    is_gone = order.now or not held.lies
    ends = min(held.bytes_until or at, at) if is_gone else held.bytes_until
    return replace(event, bytes_until=ends, reason=order.reason or held.reason)


def _changes(order: Order, held: Held, at: str) -> bool:
    if isinstance(order, Yank):
        return held.file.yanked is None or order.reason not in (None, held.file.yanked)
    if isinstance(order, Unyank):
        return held.file.yanked is not None
    if isinstance(order, Remove) and not held.present:
        is_sooner = order.now and held.lies and (held.bytes_until is None or held.bytes_until > at)
        return is_sooner or (order.block and not held.blocked)
    return True
