"""Answers that never lie in the drop folder."""

from __future__ import annotations

from pathlib import Path

from eggwatch.store import durable
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import ANSWER_FOLDERS, Drop
from eggwatch.store.durable import Permissions


class AnswersAway(Answers):
    """The answers of a drop folder that is managed by others, who would delete them: all of them lie below STATE."""

    REST = "The upload stays in the drop folder; if it is deleted there, it is removed from the index."

    def __init__(self, drop: Drop, state: Path, permissions: Permissions = durable.OURS) -> None:
        super().__init__(drop, state, permissions)
        self._faults = dict.fromkeys(ANSWER_FOLDERS, "the drop folder is a mirror")

    @property
    def fault(self) -> None:
        """Nothing is wrong."""
        return

    def try_again(self) -> bool:
        """It stays so."""
        return False

    def next_try(self) -> None:
        """Never."""
        return

    def write_readme(self, text: str) -> None:
        """There is none."""
