"""A scan of the drop folder, a portion at a time: what events name does not wait until all else was looked at."""

from __future__ import annotations

import time
from collections.abc import Iterator

from eggwatch.linux import capabilities
from eggwatch.store.drop.folder import Drop, Survey

SECONDS = 0.02
"""For how long the scan goes on before others have their turn,"""
AT_LEAST = 8
"""and how many parts it takes in nevertheless: a small folder is looked at in one go, however slow the machine is."""


class Scan:
    """The scan that is under way, if one is."""

    def __init__(self, drop: Drop) -> None:
        self._drop = drop
        self._parts: Iterator[Survey] | None = None
        self._whole = Survey()
        self._again = False

    def __bool__(self) -> bool:
        return self._parts is not None

    def begin(self) -> None:
        """Look at everything; once more after a scan that is under way, which may have passed what has changed."""
        self._again = self._parts is not None
        if self._parts is None:
            self._parts, self._whole = self._drop.scanning(), Survey()

    def meanwhile(self, paths: set[str]) -> None:
        """These paths are looked at beside the scan: it says nothing of them that is newer."""
        if self._parts is not None:
            self._whole.elsewhere |= paths

    def portion(self) -> Survey:
        """What was seen in the next moment. FolderError if the folder is gone: then the scan has ended."""
        seen, deadline = Survey(complete=False), time.monotonic() + SECONDS
        try:
            with capabilities.raised():
                for number, part in enumerate(self._parts or (), 1):
                    seen.add(part)
                    if number >= AT_LEAST and time.monotonic() >= deadline:
                        break
                else:
                    self._parts = None
        except BaseException:
            self._parts = None
            raise
        self._whole.add(seen)
        return seen

    def whole(self) -> Survey | None:
        """Everything that a scan has seen, once after its end."""
        if self._parts is not None:
            return None
        whole, self._whole = self._whole, Survey(complete=False)
        if self._again:
            self.begin()
        return whole if whole.complete else None

    def end(self) -> None:
        """Let go of the folders that are open."""
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.close()  # type: ignore[attr-defined]
