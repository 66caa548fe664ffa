"""One archive, with all that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

from eggwatch.archives.containers import read_container
from eggwatch.archives.filename_rules import filename_flaws
from eggwatch.archives.findings import Findings, clipped
from eggwatch.archives.metadata.fields import check_fields
from eggwatch.archives.metadata.metadata import is_of_old_sdist, member_name, read_metadata
from eggwatch.archives.opened import OpenedArchive, check_license_files
from eggwatch.archives.tar.sdist import read_sdist
from eggwatch.archives.unwritten import unwritten as find_unwritten
from eggwatch.archives.wheel.wheel import read_wheel
from eggwatch.model.archives import CoreMetadata, Inspection
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.verdicts import Flaw

ExtraCheck = Callable[[bytes], Iterable[Flaw]]
"""A check of the metadata's bytes that is too slow to run on every upload, such as `readme.readme_flaws`."""


def inspect(file: BinaryIO, text: str, *, extra_checks: Sequence[ExtraCheck] = ()) -> Inspection:
    """Return all flaws of the archive in `file`, whose filename is `text`. Never raises because of the contents.

    `file` is a seekable binary file. It is read from its first byte, and is not closed.
    `extra_checks` also check the metadata, if it can be read.
    """
    findings = Findings()
    filename = _take_filename(text, findings)
    size = file.seek(0, os.SEEK_END)
    opened = _read_archive(file, size, text, filename, findings)
    if opened is None or filename is None:
        return _result(file, size, text, findings)
    core = _check_metadata(opened, filename, extra_checks, findings)
    return _result(file, size, text, findings, content=opened.metadata, core=core)


def _check_metadata(
    opened: OpenedArchive, filename: Filename, extra_checks: Sequence[ExtraCheck], findings: Findings
) -> CoreMetadata | None:
    core = read_metadata(opened.metadata, filename, member_name(filename), findings)
    if core is None:
        return None
    listed = check_fields(opened.metadata, core, findings, mild=is_of_old_sdist(core, filename))
    check_license_files(opened, listed, core.metadata_version or "", findings)
    for check in extra_checks:
        findings.extend(check(opened.metadata))
    return core


def _take_filename(text: str, findings: Findings) -> Filename | None:
    filename = parse_filename(text)
    if isinstance(filename, Flaw):
        findings.extend([filename])
        return None
    findings.extend(filename_flaws(filename))
    return filename


def _read_archive(
    file: BinaryIO, size: int, text: str, filename: Filename | None, findings: Findings
) -> OpenedArchive | None:
    """Read the archive as the format of its suffix, even if the rest of the filename is invalid."""
    if size == 0:
        findings.ends_early("The file is empty.")
        return None
    if text.lower().endswith(".whl"):
        return read_wheel(file, size, filename, findings)
    if text.lower().endswith(".tar.gz"):
        return read_sdist(file, size, filename, findings)
    read_container(file, size, text, findings)
    return None


def _result(
    file: BinaryIO,
    size: int,
    text: str,
    findings: Findings,
    *,
    content: bytes | None = None,
    core: CoreMetadata | None = None,
) -> Inspection:
    incomplete = findings.end_missing
    hole = None if incomplete else find_unwritten(file, size, findings.suspects)
    if hole is not None:
        incomplete = f"A check fails between bytes {hole[0]} and {hole[1]}, where the file contains a block of zeros."
    return Inspection(
        flaws=findings.in_order(incomplete, clipped(text)),
        incomplete=incomplete,
        metadata=content,
        core=core,
    )
