"""An archive whose structure has been read: its metadata, and what the metadata is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

from packaging.version import Version

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted
from eggwatch.model.parsing import parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedArchive:
    """An archive whose metadata was found.

    `files` are the paths of all files. `license_places` takes a License-File, and whether the metadata version says
    where it must be. It returns the paths where it may be, the right one first.
    """

    metadata: bytes
    files: Set[str]
    license_places: Callable[[str, bool], tuple[str, ...]]


def check_license_files(opened: OpenedArchive, listed: Iterable[str], version: str, findings: Findings) -> None:
    """Each License-File has to be in the archive (PEP 639; PyPI: "does not exist in distribution file").

    Before metadata 2.4 a missing one is only a warning; the rule says why.
    """
    # Metadata 2.4 and later says where licence files are; before, each tool chose a place.
    said = parsed(Version, version)
    standard = said is not None and said >= Version("2.4")
    missing = [path for path in listed if not opened.files & set(opened.license_places(path, standard))]
    if missing:
        expected = clipped(opened.license_places(missing[0], standard)[0])
        message = (
            f"{counted(len(missing), 'License-File is', 'License-Files are')} missing; expected {expected}. "
            f"{BUILD_AGAIN}"
        )
        tell = findings.refuse if standard else findings.warn
        tell(Code.LICENSE_FILE_MISSING, missing[0], message)
