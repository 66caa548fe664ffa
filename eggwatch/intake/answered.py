"""Remembers files without a verdict about which their uploaders were told: each once, and a limited number."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from eggwatch.linux.accounts import account_name
from eggwatch.model.names import shown
from eggwatch.model.queue import Fate
from eggwatch.model.sightings import Identity, Sighting
from eggwatch.store.drop.folder import Found
from eggwatch.store.state.catalog import Original

log = logging.getLogger("eggwatch")

MOST = 100
"""Most files of one account without a verdict that get a receipt; only `status` lists further ones.

Uploads have a limit of their own, so that other files of the same account do not use it up.
"""
Allowance = tuple[int, Literal["uploads", "others"]]
"""An account by its uid, and of what it is told."""


class Answered:
    """What uploaders were told about files without a verdict, as long as the files exist."""

    def __init__(self, originals: Iterable[Original]) -> None:
        self._told = {original.path: original for original in originals if original.fate is Fate.TOLD}
        self._passed: dict[str, Identity] = {}
        """Files about which no one has to be told."""
        self._waiting: dict[str, dict[str, object]] = defaultdict(dict)
        """Waiting uploads by reason and path, each with the identity about which its uploader was told."""
        self._of: dict[Allowance, set[str]] = defaultdict(set)
        self._full: set[Allowance] = set()
        for path, original in self._told.items():
            self._of[original.told - 1, "others"].add(path)

    def is_due(self, found: Found) -> bool:
        """Whether this very file was not looked at yet, and its owner may still be told of one more."""
        return not self.is_known(found) and self._has_room((found.uid, "others"), found.path)

    def is_known(self, found: Found) -> bool:
        """Whether this very file was looked at, and its owner told if there was anything to tell."""
        return self._passed.get(found.path) == found.identity or self.remark(found) is not None

    def is_news(self, upload: Sighting, about: str, state: object) -> bool:
        """True if the owner of an upload is to be told about it now: not told yet, and the limit is not reached.

        If the limit is reached, ask again later: files that are gone do not count.
        """
        told = self._waiting[about]
        if told.get(upload.path) == state or not self._has_room((upload.uid, "uploads"), upload.path):
            return False
        told[upload.path] = state
        return True

    def forget_all(self) -> None:
        """Forget who was told, because the reason has changed for all waiting uploads."""
        self._waiting.pop("waiting", None)

    def forget_waiting(self, path: str) -> None:
        """Forget an upload that has changed or is gone."""
        for told in self._waiting.values():
            told.pop(path, None)

    def _has_room(self, allowance: Allowance, path: str) -> bool:
        paths = self._of[allowance]
        if len(paths) < MOST or path in paths:
            paths.add(path)
            return True
        if allowance not in self._full:
            self._full.add(allowance)
            uid, what = allowance
            log.warning(
                "sight    %s has more than %d %s in the drop folder without a verdict: only 'status' shows the rest",
                shown(account_name(uid)),
                MOST,
                "uploads" if what == "uploads" else "files",
            )
        return False

    def passed(self, found: Found) -> None:
        """Mark a file about which no one has to be told."""
        self._passed[found.path] = found.identity
        self._of[found.uid, "others"].discard(found.path)

    def told(self, found: Found, remark: str) -> Original:
        """Mark that the owner of this file was told; returns what is to be stored."""
        original = Original(path=found.path, identity=found.identity, fate=Fate.TOLD, reason=remark, told=found.uid + 1)
        self._told[found.path] = original
        return original

    def remark(self, found: Found) -> str | None:
        """What the owner of exactly this file was told."""
        told = self._told.get(found.path)
        return told.reason if told is not None and told.identity == found.identity else None

    def forget(self, path: str) -> bool:
        """Forget a path that is gone; returns whether its owner was told."""
        told = [allowance for allowance, paths in self._of.items() if path in paths]
        for allowance in told:
            self._of[allowance].discard(path)
        self._passed.pop(path, None)
        return self._told.pop(path, None) is not None or bool(told)

    def prune(self, present: set[str]) -> list[str]:
        """After a scan, forget files that are gone; returns the paths whose owners were told."""
        gone = sorted(self._told.keys() - present | set().union(*self._of.values()) - present)
        for path in gone:
            self._told.pop(path, None)
        self._passed = {path: identity for path, identity in self._passed.items() if path in present}
        self._of = defaultdict(set, {one: kept for one, paths in self._of.items() if (kept := paths & present)})
        self._full = {one for one in self._full if len(self._of.get(one, ())) >= MOST}
        return gone
