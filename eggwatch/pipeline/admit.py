"""Prepares a commit: links archives, writes reasons, and collects the events to append."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from eggwatch.model.events import Event, EventKind, timestamp
from eggwatch.model.names import Filename, Kind, parse_filename, shown
from eggwatch.model.queue import Fate
from eggwatch.model.sightings import Claim
from eggwatch.model.verdicts import Admit, Defer, Flaw, Known, Leave, Reject, Verdict, VerdictWord
from eggwatch.notifiers.receipts import reason_text
from eggwatch.pipeline.in_hand import InHand
from eggwatch.store.drop.answers import Answers
from eggwatch.store.public.pool import Pool, StrangerInPoolError
from eggwatch.store.public.spool import Spool
from eggwatch.store.state.catalog import Catalog, FileRecord, Original

log = logging.getLogger("eggwatch")


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one commit will make happen, and what becomes of the originals."""

    next_serial: int
    events: list[Event] = field(default_factory=list)
    originals: list[Original] = field(default_factory=list)
    known: list[tuple[Event, str]] = field(default_factory=list)
    """Uploads that were published already, with since when."""
    left: list[tuple[str, str]] = field(default_factory=list)
    """(path, why) of uploads that are left where they are."""

    def serial(self) -> int:
        """The serial that the next event of this batch will get."""
        return self.next_serial + len(self.events)


def original(claim: Claim, fate: Fate, *, serial: int | None = None, reason: str | None = None) -> Original:
    """What is remembered of a claim's original."""
    return Original(
        path=claim.path, identity=claim.identity, fate=fate, serial=serial, sha256=claim.sha256, reason=reason
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Does on the disk what verdicts need before their commit; `now` gives seconds since the epoch."""

    spool: Spool
    pool: Pool
    catalog: Catalog
    answers: Answers
    now: Callable[[], float]
    rules_url: str | None
    """The URL of the rules for uploaders, None if unknown."""

    def prepare(self, hand: InHand, verdict: Verdict, batch: Batch) -> None:
        """Do on the disk what a verdict needs before its commit. Not durable before `Pool.sync`."""
        if not isinstance(verdict, Admit | Known):
            # What a crash left linked but not committed, and what is not admitted now, was never shown to anybody.
            filename = parse_filename(hand.claim.filename)
            if isinstance(filename, Filename):
                source = self.spool.bytes_of(hand.claim)
                self.pool.withdraw_uncommitted(source, project=filename.project, filename=filename.text)
        if isinstance(verdict, Admit):
            self._admit(hand, verdict, batch)
        elif not hand.intake.has_uploader:
            return  # it stays where it is, and who takes it in says so
        elif isinstance(verdict, Known):
            self._recognise(hand, verdict, batch)
        elif isinstance(verdict, Defer):
            batch.originals.append(original(hand.claim, Fate.DEFERRED, reason=verdict.reason))
        elif isinstance(verdict, Leave):
            # Neither published nor deleted: if the clock was set back, it is a new upload, which must not be lost.
            reason = f"it was removed at {verdict.removed_at}; copy it again to publish it, or delete it"
            batch.originals.append(original(hand.claim, Fate.STUCK, reason=reason))
            batch.left.append((hand.claim.path, reason))
        else:
            self._refuse(hand, verdict, batch)

    def _admit(self, hand: InHand, verdict: Admit, batch: Batch) -> None:
        claim, intake = hand.claim, hand.intake
        try:
            event = self._place(hand, verdict)
        except StrangerInPoolError as error:
            what = "held" if intake.has_uploader else "not imported"
            log.error("admit    %s: %s: %s", shown(claim.path), what, error)
            remembered = original(claim, Fate.HELD, reason=error.message)
        else:
            remembered = original(claim, Fate.ADMITTED, serial=batch.serial())
            batch.events += intake.events(event, claim)
        if intake.has_uploader:
            batch.originals.append(remembered)

    def _place(self, hand: InHand, verdict: Admit) -> Event:
        event = self._event(hand, hand.intake.kind, verdict.warnings)
        assert event.project and event.filename and event.sha256
        place = {"project": event.project, "filename": event.filename}
        self.pool.place(self.spool.bytes_of(hand.claim), sha256=event.sha256, **place)
        if hand.inspection is not None and hand.inspection.metadata is not None:  # of an sdist for the site only
            self.pool.place_metadata(hand.inspection.metadata, **place)
        if not hand.intake.has_uploader:
            self.spool.make_publishable(hand.claim)  # it may be a link to the very file of the stock
        return event

    def _recognise(self, hand: InHand, verdict: Known, batch: Batch) -> None:
        record = self.catalog.file(hand.key)
        if record is not None:
            # The uploader's copy leaves the drop folder, so the published one had better be whole.
            file, claim = record.file, hand.claim
            place = {"project": record.project, "filename": file.filename}
            if self.pool.heal(self.spool.bytes_of(claim), self.spool.quarantine, sha256=file.sha256, **place):
                log.error("admit    %s: the published file was damaged or missing, and is restored", shown(claim.path))
        batch.originals.append(original(hand.claim, Fate.KNOWN, serial=verdict.serial))
        if record is not None and not hand.touched and _is_another(record, hand):
            batch.known.append((self._event(hand, EventKind.ADMITTED, ()), record.file.upload_time))

    def _refuse(self, hand: InHand, verdict: Reject, batch: Batch) -> None:
        event = self._event(hand, EventKind.REJECTED, verdict.flaws)
        before = self.catalog.refusal(hand.key)
        # The same bytes refused again: the reason is refreshed, and nothing new has happened.
        codes = tuple(flaw.code for flaw in verdict.flaws)
        repeated = before is not None and before.sha256 == event.sha256 and before.codes == codes
        serial = before.serial if repeated and before is not None else batch.serial()
        more = {"serial": serial, "verdict": VerdictWord.REJECT, "rules_url": self.rules_url}
        text = reason_text(event, rules_url=self.rules_url)
        self.answers.explain_refusal(hand.claim.filename, {**event.as_json(), **more}, text)
        batch.originals.append(original(hand.claim, Fate.REJECTED, serial=serial))
        if not repeated:
            batch.events.append(event)

    def _event(self, hand: InHand, kind: EventKind, flaws: tuple[Flaw, ...]) -> Event:
        claim, filename = hand.claim, parse_filename(hand.claim.filename)
        core = hand.inspection.core if hand.inspection else None
        metadata = hand.inspection.metadata if hand.inspection else None
        is_wheel = isinstance(filename, Filename) and filename.kind is Kind.WHEEL
        return Event(
            kind=kind,
            at=timestamp(self.now()),
            project=filename.project if isinstance(filename, Filename) else None,
            version=str(filename.version) if isinstance(filename, Filename) else None,
            filename=claim.filename,
            sha256=claim.sha256,
            size=claim.size,
            uploader=claim.uploader,
            uid=claim.uid,
            flaws=flaws,
            name=core.name if core and isinstance(filename, Filename) else None,
            requires_python=core.requires_python if core and kind in (EventKind.ADMITTED, EventKind.IMPORTED) else None,
            metadata_sha256=hashlib.sha256(metadata).hexdigest() if metadata is not None and is_wheel else None,
            path=claim.path,
        )


def _is_another(record: FileRecord, hand: InHand) -> bool:
    """Whether this is another upload than the published one: read after that was published, or spelled otherwise.

    Else it is the very one, found in the spool after a crash, or came twice at once. By serials, since clocks may
    be set back.
    """
    if record.file.filename != hand.claim.filename:
        return True
    return record.changed_at < hand.claim.at if hand.after is None else record.serial <= hand.after
