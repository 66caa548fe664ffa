"""What an archive says about itself, after it was opened without trust."""

from __future__ import annotations

from dataclasses import dataclass

from eggwatch.model.verdicts import Flaw


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The fields of METADATA or PKG-INFO that the policy and the pages need (core metadata specification)."""

    metadata_version: str | None
    name: str | None
    version: str | None
    requires_python: str | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the inspector found in one archive.

    `incomplete` is a sentence if the end of the upload is missing, or a check fails where the file has a
    hole or a block of 512 or more zero bytes; None if the archive is complete, whether valid or not.
    `metadata` are the bytes of the only valid metadata member; `core` are its fields as pkginfo reads them.
    """

    flaws: tuple[Flaw, ...] = ()
    incomplete: str | None = None
    metadata: bytes | None = None
    core: CoreMetadata | None = None
