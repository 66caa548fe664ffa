"""A scan of the drop folder, a portion at a time: what events name does not wait until all else was looked at."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
        self._folders: dict[str, Iterator[Survey]] = {}
        self._whole = Survey(complete=False)
        self._again = False
        self._ended = self._spent = self.cost = 0.0
        """`cost`: seconds of processor time that the last scan has taken."""
        self._is_counted = False

    def __bool__(self) -> bool:
        return self._parts is not None or bool(self._folders)

    def begin(self) -> None:
        """Look at everything; once more after a scan that is under way, which may have passed what has changed."""
        self._again = self._parts is not None
        if self._parts is None:
            self._parts, self._whole = self._drop.scanning(), Survey()
            self._is_counted, self._spent = True, 0.0

    def begin_below(self, folder: str) -> None:
        """Look at a folder that has come and at what is below it, before the rest of a scan that is under way."""
        self._folders[folder] = self._drop.scanning_below(folder)

    def meanwhile(self, paths: set[str]) -> None:
        """These paths are looked at beside the scan: it says nothing of them that is newer."""
        if self._parts is not None:
            self._whole.elsewhere |= paths

    @contextmanager
    def counted(self) -> Iterator[None]:
        """What is done here counts as the cost of the scan that is under way, or begins here."""
        before = time.thread_time()
        yield
        self._spent += time.thread_time() - before
        if self._is_counted and self._parts is None:
            self._is_counted = False
            self.cost, self._ended = self._spent, time.monotonic()

    def rests_until(self, times: float) -> float:
        """The moment of the monotonic clock up to which nothing is scanned if each scan is followed by a rest.

        It is so many times as long as what the scan has cost. Without end while one is under way.
        """
        return math.inf if self._parts is not None else self._ended + times * self.cost

    def portion(self) -> Survey:
        """What was seen in the next moment. FolderError if the folder is gone: then the scan has ended."""
        seen, deadline = Survey(complete=False), time.monotonic() + SECONDS
        try:
            with capabilities.raised():
                for number, part in enumerate(self._remaining(), 1):
                    seen.add(part)
                    if number >= AT_LEAST and time.monotonic() >= deadline:
                        break
        except BaseException:
            self._parts = None
            self._folders.clear()
            raise
        return seen

    def _remaining(self) -> Iterator[Survey]:
        """The folders that have come, then the rest of everything; can be left and begun again at any part."""
        for folder, parts in list(self._folders.items()):
            for part in parts:
                self.meanwhile({found.path for found in [*part.uploads, *part.others, *part.leftovers]})
                yield part
            del self._folders[folder]
        for part in self._parts or ():
            self._whole.add(part)
            yield part
        self._parts = None

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
        open_ones = [*self._folders.values(), *([self._parts] if self._parts is not None else [])]
        self._parts, self._folders = None, {}
        for parts in open_ones:
            parts.close()  # type: ignore[attr-defined]
