"""eggwatch index --watch: updates the index after each change in its folders."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eggwatch.cli.output import say_error
from eggwatch.config.overlaps import device_and_inode
from eggwatch.errors import EggwatchError, FolderError, in_words
from eggwatch.maintenance.index_folder import Changes, EmptiedError, MayRemove
from eggwatch.maintenance.index_survey import Contents
from eggwatch.model.names import shown
from eggwatch.policy.absence import Absences
from eggwatch.service.folder_watch import FolderWatch

SCAN_SECONDS = 30.0
"""How often to scan without an event."""
RETRY_SECONDS = 5.0
WRITING_SECONDS = 1.0
"""How soon to scan again if an archive is being written."""
QUIET_SECONDS = 2.0

Update = Callable[[MayRemove], Changes]


class Follower:
    """Updates an index at start and after each change."""

    def __init__(self, update: Update, out: Path, watch: FolderWatch, absences: Absences) -> None:
        self._update, self._out, self._watch, self._absences = update, out, watch, absences
        self._place: tuple[int, int] | None = None
        self._fault: str | None = None
        self._told: set[object] = set()

    def run(self, tell: Callable[[Changes], None]) -> None:
        """Run until the process is stopped. EggwatchError or OSError if the first update fails."""
        seconds = self._round(tell)
        say_error(f"ready: {shown(str(self._out))}")
        while not self._watch.is_stopped:
            self._watch.wait(seconds)
            seconds = self._round(tell)

    def _round(self, tell: Callable[[Changes], None]) -> float:
        """Update the index; returns in how many seconds the next update is due."""
        if self._watch.renew():
            self._absences.disturb()
        try:
            self._check_place()
            changes = self._update(self._may_remove)
        except EmptiedError as error:
            return self._failed(error.message)
        except (EggwatchError, OSError) as error:
            if self._place is None:
                raise
            return self._failed(in_words(error) if isinstance(error, OSError) else str(error))
        self._say_fault(self._watch.fault)
        self._place = self._place or device_and_inode(self._out / "simple")
        if (news := self._news(changes)) is not None:
            tell(news)
        if any(one.unfinished for one in changes.unread):
            return WRITING_SECONDS
        due = self._absences.next_due()
        return SCAN_SECONDS if due is None else min(SCAN_SECONDS, max(due - time.monotonic(), 0.0))

    def _check_place(self) -> None:
        """If the pages are missing, their disk probably is too: do not start a new index on the mount point."""
        if self._place is not None and device_and_inode(self._out / "simple") != self._place:
            raise FolderError(f"{self._out / 'simple'} is gone.", remedy="Mount its disk, or restart this command.")

    def _may_remove(self, gone: set[str], _: Contents) -> set[str]:
        return self._absences.may_leave(gone, now=time.monotonic())

    def _failed(self, why: str) -> float:
        self._absences.disturb()
        self._say_fault(f"{why.rstrip('.')}; the index is not changed")
        return RETRY_SECONDS

    def _say_fault(self, fault: str | None) -> None:
        if fault is not None and fault != self._fault:
            say_error(f"eggwatch: {fault}")
        self._fault = fault

    def _news(self, changes: Changes) -> Changes | None:
        """The changes that have not been reported yet; None if there are none."""
        left_out = [one for one in changes.left_out if one not in self._told]
        unread = [one for one in changes.unread if not one.unfinished and one not in self._told]
        self._told = {*changes.left_out, *changes.unread}
        if not (changes.added or changes.removed or left_out or unread) and self._place is not None:
            return None
        return replace(changes, left_out=left_out, unread=unread)
