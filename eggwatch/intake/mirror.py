"""A drop folder that is the truth: which files were deleted from it, and are not only out of sight for a while."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from eggwatch.linux import capabilities
from eggwatch.policy.absence import Absences
from eggwatch.store.drop.folder import Survey
from eggwatch.store.state.catalog import Original, key_of


class Mirror:
    """Since when files are missing; all times are of the process's monotonic clock."""

    def __init__(self, root: Path, seconds: float) -> None:
        self._root, self._absences = root, Absences(seconds=seconds)
        self._names: set[str] = set()

    def disturb(self) -> None:
        """The folder could not be read, or something was mounted or unmounted in it."""
        self._absences.disturb()

    def next_due(self) -> float | None:
        """When the folder is to be looked at again, because the next of them may leave then."""
        return self._absences.next_due()

    def lies_elsewhere(self, filename: str) -> bool:
        """Whether the last scan has seen a file of this name, in whatever folder."""
        return key_of(filename) in self._names

    def deleted(self, missing: Mapping[str, Original], survey: Survey, *, now: float) -> list[str]:
        """Which of the missing files were deleted; None of them if no upload at all is left, as without its disk."""
        if not survey.uploads:
            self.disturb()
            return []
        self._names = {key_of(found.name) for found in survey.uploads}
        gone = {path for path, original in missing.items() if not self._may_lie_unseen(original, survey)}
        return sorted(self._absences.may_leave(gone, now=now))

    def _may_lie_unseen(self, original: Original, survey: Survey) -> bool:
        """Whether it is there and can't be read, or a folder of it, or its disk is not mounted any more."""
        path = original.path
        if path in survey.unreadable or any(path.startswith(f"{closed}/") for closed in survey.unreadable):
            return True
        try:
            with capabilities.raised():
                return _device_of(self._root / path, self._root) != original.identity.dev
        except OSError:
            return True


def _device_of(place: Path, root: Path) -> int:
    """The file system on which a file would lie: that of what is left of its folders."""
    while place != root:
        place = place.parent
        try:
            return os.stat(place).st_dev
        except (FileNotFoundError, NotADirectoryError):
            continue
    raise FileNotFoundError(root)
