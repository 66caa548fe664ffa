"""What a wheel or sdist has come to when its structure is read: the lawful metadata, and what else to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

from packaging.version import Version

from eggwatch.archives.findings import BUILD_AGAIN, Findings
from eggwatch.model.codes import Code
from eggwatch.model.parsing import parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedArchive:
    """An archive whose metadata was found.

    `files` are the paths of all files. `license_places` takes a License-File and whether the metadata is of a
    version that says where it lies; it gives the paths at which it may lie, the right one first.
    """

    metadata: bytes
    files: Set[str]
    license_places: Callable[[str, bool], tuple[str, ...]]


def check_license_files(opened: OpenedArchive, listed: Iterable[str], version: str, findings: Findings) -> None:
    """Each License-File has to be in the archive (PEP 639; PyPI: "does not exist in distribution file").

    Before metadata 2.4 a missing one is told and stops nothing, see the rule.
    """
    # True from metadata 2.4 on, which says where licence files lie; before, tools chose.
    said = parsed(Version, version)
    standard = said is not None and said >= Version("2.4")
    missing = [path for path in listed if not opened.files & set(opened.license_places(path, standard))]
    if missing:
        expected = opened.license_places(missing[0], standard)[0]
        message = (
            f"The metadata lists {len(missing)} License-File that are not there; expected {expected}. {BUILD_AGAIN}"
        )
        tell = findings.refuse if standard else findings.warn
        tell(Code.LICENSE_FILE_MISSING, missing[0], message)
