"""What an order (yank, unyank, remove) means for the files of a project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from eggwatch.model.events import Event
from eggwatch.model.names import Filename, Project, parse_filename
from eggwatch.model.releases import PublishedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a person means: a project, one version of it, or one file."""

    text: str
    project: Project
    version: Version | None = None
    filename: Filename | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Yank:
    """Mark files as not to be installed unless pinned (PEP 592)."""

    spec: Spec
    reason: str | None
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unyank:
    """Take a yank back."""

    spec: Spec
    reason: str | None
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Take files off the pages, and their bytes away after the grace period."""

    spec: Spec
    reason: str | None
    actor: str


Order = Yank | Unyank | Remove
VERBS: dict[str, type[Yank] | type[Unyank] | type[Remove]] = {"yank": Yank, "unyank": Unyank, "remove": Remove}
EVENTS = {"yank": "yanked", "unyank": "unyanked", "remove": "removed"}
"""The kind of event that each order makes of a file."""
_KINDS = {order: EVENTS[verb] for verb, order in VERBS.items()}


def parse_spec(text: str) -> Spec | None:
    """`project`, `project==version` or a filename; None if it is none of them."""
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


def matching(spec: Spec, files: Iterable[PublishedFile]) -> tuple[PublishedFile, ...]:
    """The files that `spec` names, by filename."""
    return tuple(sorted((file for file in files if _names(spec, file)), key=lambda file: file.filename))


def _names(spec: Spec, file: PublishedFile) -> bool:
    if spec.filename is not None:
        other = parse_filename(file.filename)
        return isinstance(other, Filename) and other.normalized == spec.filename.normalized
    return spec.version is None or Version(file.version) == spec.version


def events_of(order: Order, files: Iterable[PublishedFile], *, at: str) -> tuple[Event, ...]:
    """One event for each file that the order changes; none where it is so already."""
    return tuple(
        Event(
            kind=_KINDS[type(order)],
            at=at,
            project=order.spec.project,
            version=file.version,
            filename=file.filename,
            sha256=file.sha256,
            size=file.size,
            uploader=file.uploader,
            actor=order.actor,
            reason=order.reason,
        )
        for file in matching(order.spec, files)
        if _changes(order, file)
    )


def _changes(order: Order, file: PublishedFile) -> bool:
    if isinstance(order, Yank):
        return file.yanked != (order.reason or "")
    if isinstance(order, Unyank):
        return file.yanked is not None
    return True
