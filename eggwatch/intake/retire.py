"""How judged originals leave the drop folder: last of all, and never in a way that could lose an overwriting upload."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from eggwatch.errors import in_words
from eggwatch.intake.originals import folder_of
from eggwatch.intake.uploads import Uploads
from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import shown
from eggwatch.model.queue import LEAVING, Fate
from eggwatch.model.sightings import Identity, Sighting
from eggwatch.policy.settling import Patience, Ready, may_retire
from eggwatch.store.drop import retiring
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import EXHAUSTED, LEFTOVER, Drop, Found, Survey
from eggwatch.store.drop.retiring import Departure, Hidden, RetireOutcome
from eggwatch.store.public.spool import Spool
from eggwatch.store.state.catalog import Catalog, Original
from eggwatch.store.state.history import event_at
from eggwatch.store.state.ledger import Ledger

log = logging.getLogger("eggwatch")

HIDDEN_SECONDS = 0.02
"""How long an original is hidden before it is deleted: a writer that had just opened it must be noticed by then."""
TROUBLE_SECONDS = 5.0
"""Seconds after which an original is tried again that a full or failing disk has kept."""
STUCK_SECONDS = 10.0
"""Seconds after which one original of each folder that we may not empty is tried again; if it goes, all others are."""
READ_ONLY = "its file system is read-only for the daemon; it is removed once the administrator has fixed that"
"""Why an original is left that only its uploader, or no account, can delete."""
MAY_NOT = "the daemon has no permission to do that: delete it yourself"
REASON_ELSEWHERE = "rejected/ could not be written to. Read the reason in STATE/answers/rejected/, then delete the file"
"""The same for a rejected one, which is beside its reason or where it was uploaded to."""
SOON_READ = 8 << 20
"""Bytes of a hidden original that are hashed although nobody remembers hiding it."""
MOST_LEAVING = 128
"""Originals that are hidden at a time, each with two descriptors open; fewer where the process may open few."""


@dataclass(slots=True, kw_only=True)
class _Leaving:
    """A hidden original, and whether the catalog knows it by its hidden path."""

    hidden: Hidden
    since: float
    original: Original
    known: bool = False


class Retirement:
    """The originals on their way out."""

    def __init__(
        self,
        uploads: Uploads,
        *,
        drop: Drop,
        spool: Spool,
        answers: Answers,
        catalog: Catalog,
        ledger: Ledger,
        patience: Patience,
        now: Callable[[], float],
        left: Callable[[int], None],
        stays: Callable[[int, str, str, str], None],
    ) -> None:
        """`left(serial)` is called for each rejection whose original is in its final place.

        `stays(serial, filename, path, why)` is called for each original that can't be removed.
        """
        self._uploads, self._drop, self._spool, self._answers = uploads, drop, spool, answers
        self._catalog, self._ledger, self._patience, self._now, self._left = catalog, ledger, patience, now, left
        self._stays = stays
        self._leaving: list[_Leaving] = []
        self._most = min(MOST_LEAVING, max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 8))
        self._troubles: dict[str, str] = {}
        self._gone: list[str] = []
        """Paths that the catalog is to forget, in one transaction for all that leave together."""
        self._unknown: set[str] = set()
        """Files with hidden names that a scan has found, and that eggwatch did not hide."""
        self._is_to_plan = False
        self._tried: dict[str, str] = {}
        """The original that is tried next in each folder where some are stuck."""

    def takes(self, sighting: Sighting, *, now: float) -> bool:
        """Whether this file was judged already; if its time has come it is hidden now, to leave in a moment."""
        original = self._uploads.originals.of(sighting)
        if original is None or original.fate not in (*LEAVING, Fate.STUCK):
            return False
        verdict = may_retire(sighting, now=now, patience=self._patience)
        if isinstance(verdict, Ready):
            self._hide(sighting, original)
        else:
            self._uploads.wait(sighting.path, verdict, now=now)
        return True

    def _hide(self, sighting: Sighting, original: Original) -> None:
        departure = Departure(
            path=sighting.path,
            filename=sighting.filename,
            identity=sighting.identity,
            serial=original.serial or 0,
            sha256=original.sha256 or "",
            rejected=self._was_refused(original),
        )
        if departure.rejected and not self._answers.keeps_refused(departure.filename, departure.serial):
            self._end(departure, RetireOutcome.STUCK)
            return
        if len(self._leaving) >= self._most:
            self._let_go()
        if len(self._leaving) >= self._most:
            self._uploads.timers.later(departure.path, now=time.monotonic())
            return
        try:
            hidden = retiring.hide(self._drop, departure)
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            self._trouble(departure.path, departure.path, error)
            self._uploads.timers.later(departure.path, now=time.monotonic() + TROUBLE_SECONDS)
            return
        if isinstance(hidden, RetireOutcome):
            self._end(departure, hidden)
            self._forget_gone()
        else:
            self._leaving.append(_Leaving(hidden=hidden, since=time.monotonic(), original=original))

    def _was_refused(self, original: Original) -> bool:
        if original.fate is not Fate.STUCK or original.serial is None:
            return original.fate is Fate.REJECTED
        event = event_at(self._ledger, self._catalog.event_at(original.serial))
        return event is not None and event.kind is EventKind.REJECTED

    def step(self) -> None:
        """Let go those that have been hidden long enough."""
        if self._is_to_plan:
            self._plan_stuck()
        self._let_go()

    def _let_go(self) -> None:
        for leaving in list(self._leaving):
            if time.monotonic() >= leaving.since + HIDDEN_SECONDS:
                self._leaving.remove(leaving)
                try:
                    outcome = retiring.finish(leaving.hidden, self._answers)
                except OSError as error:
                    self._trouble(leaving.hidden.departure.path, _hidden_path(leaving.hidden), error)
                    continue
                self._end(leaving.hidden.departure, outcome)
                if leaving.known and outcome is not RetireOutcome.DISPLACED:
                    self._gone.append(_hidden_path(leaving.hidden))
                if outcome is RetireOutcome.DISPLACED:
                    self._uploads.timers.later(_hidden_path(leaving.hidden), now=time.monotonic())
        self._forget_gone()

    def _forget_gone(self) -> None:
        gone, self._gone = self._gone, []
        if gone:
            self._catalog.forget(gone)

    def keep_in_mind(self, survey: Survey) -> None:
        """Store originals by their hidden path if another upload has taken their place.

        The catalog stores verdicts by path, and this path will be that of the other upload: after a crash the hidden
        file would be unknown, and its rejection would be reported twice.
        """
        paths = {found.path for found in survey.uploads}
        displaced = [one for one in self._leaving if not one.known and one.hidden.departure.path in paths]
        for leaving in displaced:
            leaving.known = True
        if displaced:
            self._catalog.remember(
                [replace(one.original, path=_hidden_path(one.hidden), identity=one.hidden.after) for one in displaced]
            )

    def _trouble(self, path: str, hidden: str, error: OSError) -> None:
        """One original that can't be taken away stops nothing else; it is met again under the name that it has now."""
        if self._fault(hidden, f"leaving {shown(path)}", f"can't be taken away: {error.strerror}"):
            log.error("retire   %s: can't be taken away: %s", shown(path), in_words(error))

    def _fault(self, hidden: str, what: str, message: str) -> bool:
        self._troubles[hidden] = what
        return self._uploads.faults.note(what, message)

    def forget_troubles(self, survey: Survey) -> None:
        """After a scan, clear the faults of hidden originals that are gone."""
        if not survey.complete:
            return
        self._plan_stuck()
        self._tell_unknown()
        for hidden in self._troubles.keys() - {found.path for found in [*survey.leftovers, *survey.uploads]}:
            self._uploads.faults.resolve(self._troubles.pop(hidden))

    def _tell_unknown(self) -> None:
        """Files that are called as if we had hidden them, in one sentence however many there are."""
        unknown, self._unknown = sorted(self._unknown), set()
        if not unknown:
            self._uploads.faults.resolve("leftovers")
            return
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        what = f"{shown(unknown[0])}{more}: left by an unknown event; look at it and move it away"
        if self._uploads.faults.note("leftovers", what):
            log.error("retire   %s", what)

    def _end(self, departure: Departure, outcome: RetireOutcome) -> None:
        path = departure.path
        log.debug("retire   %s: %s", path, outcome)
        if outcome is RetireOutcome.BUSY:
            self._uploads.timers.later(path, now=time.monotonic() + 1.0)
            return
        self._uploads.faults.resolve(self._troubles.pop(path, ""))
        if outcome is RetireOutcome.STUCK:
            self._stuck(departure)
        else:
            if folder_of(path) in self._tried:
                self.try_stuck(folder_of(path))
            if self._uploads.left(path, departure.identity):
                self._gone.append(path)
            if outcome is not RetireOutcome.GONE:
                self._uploads.timers.later(path, now=time.monotonic())
        if departure.rejected:
            self._left(departure.serial)

    def _stuck(self, departure: Departure) -> None:
        path = departure.path
        if self._uploads.originals.is_stuck(path):
            self._uploads.stays(path)  # it was told
        else:
            self._stuck_now(departure)
        self._is_to_plan = True  # once for all those that are found to be stuck in a round

    def _stuck_now(self, departure: Departure) -> None:
        verdict = "rejected" if departure.rejected else "published"
        why = READ_ONLY if self._drop.is_read_only(departure.path) else MAY_NOT
        if departure.rejected and not self._answers.keeps_refused(departure.filename, departure.serial):
            why = REASON_ELSEWHERE
        reason = f"{verdict}, but not removed from the drop folder: {why}"
        log.warning("retire   %s: %s", shown(departure.path), reason)
        original = Original(
            path=departure.path,
            identity=departure.identity,
            fate=Fate.STUCK,
            serial=departure.serial,
            sha256=departure.sha256,
            reason=reason,
        )
        self._catalog.remember([original])
        self._uploads.remember(original)
        self._stays(departure.serial, departure.filename, departure.path, why)

    def _plan_stuck(self) -> None:
        """In each folder one of those that are stuck is tried after a while, and then the next one."""
        self._is_to_plan = False
        folders, at = self._uploads.originals.stuck(), time.monotonic() + STUCK_SECONDS
        for folder, paths in folders.items():
            last = self._tried.get(folder, "")
            if last not in paths or not self._uploads.originals.is_tried_again(last):
                self._tried[folder] = next((path for path in paths if path > last), paths[0])
                self._uploads.originals.try_again(self._tried[folder], at=at)
        self._tried = {folder: path for folder, path in self._tried.items() if folder in folders}

    def try_stuck(self, *folders: str) -> None:
        """Try all that are stuck in these folders at once, or in all folders."""
        stuck = self._uploads.originals.stuck()
        for folder in folders or stuck:
            for path in stuck.get(folder, ()):
                self._uploads.originals.try_again(path, at=0.0)

    def next_due(self) -> float | None:
        """When the next hidden original may go, or it is to be planned which one is tried again."""
        if self._is_to_plan:
            return 0.0
        return min((leaving.since + HIDDEN_SECONDS for leaving in self._leaving), default=None)

    def finish(self) -> None:
        """Leave nothing under a hidden name behind."""
        while self._leaving:
            time.sleep(HIDDEN_SECONDS)
            self.step()

    def let_go(self) -> None:
        """Close what is open, as a crash would: the next scan meets the originals under their hidden names."""
        for leaving in self._leaving:
            leaving.hidden.close()
        self._leaving.clear()

    def _holds(self, found: Found) -> bool:
        return any(_inode(found.identity) == _inode(leaving.hidden.after) for leaving in self._leaving)

    def resume(self, found: Found) -> Sighting | None:
        """Finish what a crash left under a hidden name.

        Answers with a sighting when it must be claimed as an older upload of a name that is taken by now.
        """
        if self._holds(found):
            return None
        named = self._named(found)
        if named is None:
            self._unknown.add(found.path)
            return None
        serial, event = named
        judged = self._uploads.originals.hidden(found)
        path = folder_of(found.path) + _last(str(event.path or event.filename))
        if judged is not None and judged.path != found.path:
            path = judged.path
        # By its ctime: it is met anew at each look, and must get its quiet period over nevertheless.
        since = time.monotonic() - max(0.0, self._now() - found.identity.ctime_ns / 1e9)
        sighting = Sighting(path=found.path, filename=_last(path), identity=found.identity, uid=found.uid, since=since)
        if self._uploads.originals.of(sighting) is not None:
            return sighting  # claimed and judged as an older upload: now it leaves, or waits, like any other
        if not _is_by(event, found) or (judged is None and not _is_soon_read(event, found)):
            return sighting if self._restored(found.path, path) is RetireOutcome.DISPLACED else None
        departure = Departure(
            path=path,
            filename=sighting.filename,
            identity=found.identity,
            serial=serial,
            sha256=event.sha256 or "",
            rejected=event.kind is EventKind.REJECTED,
        )
        return sighting if self._finished(found.path, departure, size=event.size) is RetireOutcome.DISPLACED else None

    def _restored(self, path: str, to: str) -> RetireOutcome | None:
        """What was done with a hidden file that is unknown; None if it is left for the administrator."""
        try:
            outcome = retiring.restore(self._drop, path, to)
        except OSError:
            self._unknown.add(path)
            return None
        log.info("retire   %s: found under an unknown hidden name: %s", shown(to), outcome)
        self._uploads.timers.later(to, now=time.monotonic())
        return outcome

    def _named(self, found: Found) -> tuple[int, Event] | None:
        """The event that belongs to a hidden name, with its serial; None if there is none."""
        match = LEFTOVER.fullmatch(found.name)
        if match is None:
            return None
        event = event_at(self._ledger, self._catalog.event_at(int(match[1])))
        if event is None or event.filename is None:
            return None
        known = self._uploads.originals.hidden(found) is not None or (event.sha256 or "").startswith(match[2])
        # The second half of a name is random where the first choice was taken.
        return (int(match[1]), event) if known or _is_soon_read(event, found) else None

    def _finished(self, path: str, departure: Departure, *, size: int | None) -> RetireOutcome | None:
        """How a hidden file was removed; None if that failed."""
        drop, answers, progress = self._drop, self._answers, self._spool.progress
        try:
            outcome = retiring.resume(drop, path, departure, answers, size=size, progress=progress)
        except OSError as error:
            self._trouble(departure.path, path, error)
            return None
        self._uploads.faults.resolve(self._troubles.pop(path, ""))
        log.info("retire   %s: found under its hidden name: %s", shown(departure.path), outcome)
        if outcome is RetireOutcome.CHANGED:
            self._uploads.timers.later(departure.path, now=time.monotonic())
        if departure.rejected and outcome is not RetireOutcome.DISPLACED:
            self._left(departure.serial)
        return outcome


def _hidden_path(hidden: Hidden) -> str:
    return folder_of(hidden.departure.path) + hidden.name


def _inode(identity: Identity) -> tuple[int, int]:
    return identity.dev, identity.ino


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _is_soon_read(event: Event, found: Found) -> bool:
    """True if it is cheap to check by its hash that an unknown hidden file is that of an event.

    A power cut may lose what the catalog knew, and a disk may have another device number afterwards. A forged name only
    has a file of the right size read once; if it is another file, it is restored.
    """
    return event.uid in (None, found.uid) and found.identity.size == event.size and found.identity.size <= SOON_READ


def _is_by(event: Event, found: Found) -> bool:
    """Whether a file may be kept as the one that an event has refused: it belongs to the account that uploaded it."""
    return event.kind is not EventKind.REJECTED or event.uid in (None, found.uid)
