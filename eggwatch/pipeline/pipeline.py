"""The way of one file, in nine stages: sight, settle, claim, inspect, judge, admit, render, publish, announce.

A round runs all nine over whatever is there. Start-up, recovery after a crash, the daemon's every beat and
`run --once` are the same round; there is no other code.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from eggwatch.config.index_config import IndexConfig
from eggwatch.inspection.worker import Job, Result
from eggwatch.intake.claim import Candidate, ClaimQueue
from eggwatch.intake.disk_space import DiskSpace
from eggwatch.intake.retire import Retirement
from eggwatch.intake.uploads import Uploads, in_hand
from eggwatch.model.events import Entry, Event, EventKind, is_news, timestamp
from eggwatch.model.names import shown
from eggwatch.model.queue import Fate, Queue
from eggwatch.model.releases import ProjectListing, newest, with_status
from eggwatch.model.sightings import Claim, Sighting
from eggwatch.model.verdicts import Known, Leave, Verdict
from eggwatch.pages.simple import project_pages
from eggwatch.pipeline.admit import Admission, Batch, original
from eggwatch.pipeline.announce import News
from eggwatch.pipeline.changed_pages import ChangedPages
from eggwatch.pipeline.components import Components
from eggwatch.pipeline.gathering import Gathering
from eggwatch.pipeline.housekeeping import Housekeeping
from eggwatch.pipeline.in_hand import InHand, Tally
from eggwatch.pipeline.judge import held_of, scarce_of, upload_of
from eggwatch.pipeline.log_lines import found_in, names, said
from eggwatch.pipeline.measures import Measures
from eggwatch.pipeline.settle import Settling
from eggwatch.pipeline.sight import DropWatch
from eggwatch.pipeline.sweep import GracePeriod
from eggwatch.pipeline.withdraw import as_they_lie
from eggwatch.policy.admission import judge
from eggwatch.policy.orders import Order, Remove, events_of
from eggwatch.policy.weighing import refuses_readmes
from eggwatch.store import durable
from eggwatch.store.state.catalog import Original, key_of

log = logging.getLogger("eggwatch")

MOST_IN_HAND = 384
"""Claims under way at a time; the others wait in the drop folder."""
PAGES_A_ROUND = 64
"""Project pages rendered in one round, so that a long list of stale ones never holds up an upload."""


class Pipeline:
    """One index at work."""

    def __init__(self, components: Components, config: IndexConfig) -> None:
        self.components, self.config = components, config
        drop, spool, catalog, receipts = components.drop, components.spool, components.catalog, components.receipts
        self.uploads = Uploads(as_they_lie(catalog.originals(), is_mirror=config.is_mirror))
        self.news = News(
            components.notifiers,
            receipts=receipts,
            answers=components.answers,
            cursors=components.cursors,
            ledger=components.ledger,
            catalog=catalog,
        )
        self.housekeeping = Housekeeping(components.answers, drop, spool.quarantine, catalog.path)
        self.retirement = Retirement(
            self.uploads,
            drop=drop,
            spool=spool,
            answers=components.answers,
            catalog=catalog,
            ledger=components.ledger,
            patience=config.patience,
            now=components.now,
            left=self._has_left,
            stays=self.news.remarks.stays,
        )
        seen = (config, self.uploads, self.retirement)
        self._settling = Settling(*seen, drop=drop, catalog=catalog, receipts=receipts)
        told = {"told_waits": receipts.tell_waiting, "told_too_large": receipts.tell_too_large}
        around = (drop, spool, self.uploads, DiskSpace(config, spool, self.uploads, **told))
        self._claims = ClaimQueue(*around, now=components.now, unreadable=self._settling.cannot_read)
        self._gathering = Gathering(components.inspectors)
        self._admission = Admission(
            spool=spool,
            pool=components.pool,
            catalog=catalog,
            answers=components.answers,
            now=components.now,
            rules_url=config.rules_url,
        )
        self._grace = GracePeriod(config, catalog, components.pool, components.now, faults=self.uploads.faults)
        self._looking = DropWatch(
            *seen, drop=drop, catalog=catalog, receipts=receipts, now=components.now, progress=spool.progress
        )
        self.scan, self.mirror = self._looking.scan, self._looking.mirror
        """The scan of the whole drop folder, whether one is under way and what it costs; and what is missing in it."""
        self.tally, self.measures, self._changed = Tally(), Measures(), ChangedPages()
        self._in_hand: dict[int, InHand] = {}

    def _has_left(self, serial: int) -> None:
        """The original of a refusal has found its last place."""
        self.news.release(serial)
        self.housekeeping.soon()

    def recover(self) -> None:
        """Continue with the claims in the spool, before any new upload."""
        claims = list(self.components.spool.intents())
        self.components.spool.sync(claims)
        for claim in claims:
            if self.components.spool.is_whole(claim):
                log.info("claim    %s: found in the spool, goes on", shown(claim.path))
                self.take_in_hand(claim, overdue=False)
            else:
                self.components.spool.release(claim)
        while self._in_hand:
            self.inspect(1.0)
            self.admit(self.judge())

    def round(self, paths: set[str] | None = None, *, wait: float = 0.0) -> None:
        """All nine stages once. `paths` are hints of events; None looks at the whole drop folder."""
        self.retirement.step()
        self.claim(self.settle(self.sight(paths)))
        self.inspect(wait)
        self.admit(self.judge())
        self.publish(self.render())
        self.announce()

    def sight(self, paths: set[str] | None) -> list[Sighting]:
        """Look at the drop folder; the scan decides, events only say where to look."""
        sightings = self._looking.look(paths)
        if events := [event for order in self._looking.removals() for event in self.events_of(order)]:
            self.commit(events)
        return sightings

    def settle(self, sightings: Iterable[Sighting]) -> list[Candidate]:
        """The uploads that may be read now, and whether an unfinished one has had all its time."""
        under_way = (set(self.in_hand()), self._claims.paths())
        return self._settling.settle(sightings, is_taken=lambda path: any(path in paths for paths in under_way))

    def claim(self, ready: Iterable[Candidate]) -> None:
        """Copy uploads into the spool, as far as a moment suffices; the others are copied in the next rounds."""
        self._claims.add(ready)
        claims = self._claims.portion(self._free_hands(), self.collect)
        for claim, overdue in claims:
            self.take_in_hand(claim, overdue=overdue, after=self.components.ledger.end.serial)
        self.components.spool.sync([claim for claim, _ in claims])  # while the inspectors read them

    def _free_hands(self) -> int:
        return max(0, MOST_IN_HAND - len(self._in_hand))

    def _may_claim(self) -> bool:
        return bool(self._claims) and self._free_hands() > 0

    def _may_judge(self) -> bool:
        return any(hand.done for hand in self._in_hand.values())

    def take_in_hand(self, claim: Claim, *, overdue: bool, after: int | None = None) -> None:
        """Have a claim inspected, unless its bytes are published already; see InHand for `overdue` and `after`."""
        touched, key = self.uploads.originals.is_touched(claim), key_of(claim.filename)
        scarce = scarce_of(self.components.catalog, claim, key, self.config.terms)
        hand = InHand(claim=claim, key=key, overdue=overdue, touched=touched, scarce=scarce, after=after)
        self._in_hand[claim.number] = hand
        record = self.components.catalog.file(hand.key)
        if record is not None and record.present and record.file.sha256 == claim.sha256:
            hand.done = True  # the same bytes are published: nothing needs opening
        else:
            self._send_to_inspection(hand)

    def _send_to_inspection(self, hand: InHand) -> None:
        claim, readme = hand.claim, refuses_readmes(hand.intake.terms(self.config.terms))
        path, owner = self.components.spool.bytes_of(claim), claim.uploader or ""
        job = Job(number=claim.number, path=path, filename=claim.filename, size=claim.size, readme=readme, owner=owner)
        self.components.inspectors.submit(job)

    def inspect(self, wait: float) -> None:
        """Collect what the inspectors have found; where nothing else can be done, wait up to `wait` seconds for it."""
        self.components.spool.progress()
        may_claim = self._may_claim()
        seconds = 0.0 if may_claim or self._may_judge() else wait
        self._take_in(self._gathering.gathered(seconds, may_claim=may_claim))

    def collect(self) -> None:
        """Take what inspectors have found until now, so that they go on beside other work; waits for nothing."""
        self._take_in(self._gathering.meanwhile())

    def _take_in(self, results: list[Result]) -> None:
        for result in results:
            if (hand := self._in_hand.get(result.number)) is None:
                continue
            hand.inspection, hand.done = result.inspection, True
            if result.trouble is not None:
                self._hold(hand, result.trouble)
            else:
                log.info("inspect  %s: %s", shown(hand.claim.path), found_in(result.inspection))

    def _hold(self, hand: InHand, trouble: str) -> None:
        """A bug of ours met this file: it stays in the drop with the traceback, and the next one goes on."""
        claim = hand.claim
        log.error(
            "inspect  %s: held, because of an error in eggwatch itself", shown(claim.path), extra={"traceback": trouble}
        )
        if hand.intake.has_uploader:
            # The receipt first: what is remembered as held is not looked at again.
            self.components.receipts.tell_held(claim.path)
            self.components.answers.sync()
            held = original(claim, Fate.HELD, reason=trouble)
            self.components.catalog.remember([held])
            self.uploads.remember(held)
        self.components.spool.release(claim)
        del self._in_hand[claim.number]
        self.measures.held()

    def judge(self) -> list[tuple[InHand, Verdict]]:
        """Verdicts in the order of the claims; within a batch a filename belongs to the first, others wait."""
        verdicts: list[tuple[InHand, Verdict]] = []
        taken: set[str] = set()
        for number in sorted(self._in_hand):
            hand = self._in_hand[number]
            if hand.done and taken.isdisjoint(hand.scarce):
                verdict = self._judge(hand)
                if verdict is not None:
                    verdicts.append((hand, verdict))
            taken |= hand.scarce
        return verdicts

    def _judge(self, hand: InHand) -> Verdict | None:
        terms = hand.intake.terms(self.config.terms)
        verdict = judge(upload_of(self.components.catalog, self.components.ledger, hand, terms), terms)
        if hand.inspection is None and not isinstance(verdict, (Known, Leave)):
            hand.done = False  # it was published when it was claimed, and has been removed since
            self._send_to_inspection(hand)
            return None
        log.info("judge    %s: %s", shown(hand.claim.path), said(verdict))
        return verdict

    def admit(self, verdicts: list[tuple[InHand, Verdict]]) -> None:
        """Link and explain, sync, commit to the ledger, project to the catalog, release the spool: in this order."""
        if not verdicts:
            return
        batch = Batch(next_serial=self.components.ledger.end.serial + 1)
        for hand, verdict in verdicts:
            self._admission.prepare(hand, verdict, batch)
            self.collect()
        self.components.pool.sync()
        self.components.answers.sync()
        self.commit(batch.events, batch.originals)
        for event, since in batch.known:
            self.tally.known += 1
            self.news.known(event, since=since)
        self.news.remarks.left(batch.left, after=self.components.ledger.end.serial)
        for one in batch.originals:
            if one.fate is Fate.HELD:
                self.components.receipts.tell_held(one.path)
        self.components.answers.sync()
        self.measures.judged(verdicts, batch)
        for hand, _ in verdicts:
            self.components.spool.release(hand.claim)
            self._in_hand.pop(hand.claim.number)

    def commit(self, events: list[Event], originals: Iterable[Original] = ()) -> list[Entry]:
        """Make events happen, and what follows from them at once."""
        entries = self.components.ledger.append(events)
        remembered = tuple(as_they_lie(originals, is_mirror=self.config.is_mirror))
        self.components.catalog.apply(entries, remembered)
        for one in remembered:
            self.uploads.remember(one)
        for entry in entries:
            self._note(entry)
        return entries

    def _note(self, entry: Entry) -> None:
        event = entry.event
        log.info("admit    %s: %s, serial %d", shown(event.filename or ""), event.kind, entry.serial)
        self.news.add(entry)
        self.tally.published += event.kind is EventKind.ADMITTED
        if event.kind is EventKind.REJECTED:
            self.tally.refused += 1
            if self.mirror is not None:
                self.news.release(entry.serial)
        elif event.project and is_news(event):
            self._changed.add(event.project, now=time.monotonic())

    def render(self) -> list[ProjectListing]:
        """The listings of the stale pages, the ones that just changed first; pages of projects in hand may wait."""
        under_way = {hand.project for hand in self._in_hand.values()} if self._changed else set()
        due = self._changed.take(lambda one: one in under_way or one in self._claims, now=time.monotonic())
        return self._listings([*due, *self._stale(PAGES_A_ROUND)])

    def _listings(self, projects: Iterable[str]) -> list[ProjectListing]:
        found = map(self.components.catalog.listing, dict.fromkeys(projects))
        return [with_status(listing, self.config.terms.archived) for listing in found if listing is not None]

    def _stale(self, most: int) -> list[str]:
        """Projects whose page is not as the ledger has it, and that wait for nothing."""
        stale = self.components.catalog.stale(most + len(self._changed))
        return [project for project in stale if project not in self._changed][:most]

    def _publish_all(self) -> None:
        """Publish a portion of the stale pages, and all that have just changed."""
        self.publish(self._listings([*self._changed.take_all(), *self._stale(PAGES_A_ROUND)]))

    def publish(self, listings: list[ProjectListing]) -> None:
        """Project pages, then root and landing page, then the bytes of removed files whose grace is over."""
        pages: dict[str, bytes] = {}
        for listing in listings:
            self.components.spool.progress()
            self.collect()
            pages |= project_pages(listing, self.components.templates, self.config.files_url)
        if pages:
            changed = self.components.target.publish(pages)
            log.info("publish  %s: %d of %d pages changed", names(listings), len(changed), len(pages))
            shown = [(listing, *(newest(listing) or (None, None))) for listing in listings]
            self.components.catalog.mark_published(shown)
            self.measures.shown([listing.project for listing in listings], now=self.components.now())
        if changed := self.components.front.step(is_quiet=self._is_quiet()):
            log.info("publish  front pages and site: %d pages changed", len(changed))
        self._grace.sweep()

    def announce(self) -> None:
        """Announce events whose pages are visible."""
        if self.components.answers.try_again():
            self.retirement.try_stuck()
        self.news.tell()

    def events_of(self, order: Order) -> list[Event]:
        """What an order would make happen now."""
        now = self.components.now()
        held = held_of(self.components.catalog, self.components.ledger, order.spec.project)
        return list(events_of(order, held, at=timestamp(now), until=timestamp(now + self.config.grace)))

    def obey(self, order: Order) -> list[Entry]:
        """Carry out an order; when this returns its pages are published, and gone is what was to go at once."""
        events = self.events_of(order)
        if isinstance(order, Remove) and events:
            # A power cut must not bring back the upload or its claim: it would be published again.
            durable.sync_everything([self.config.drop, self.config.public, self.config.state])
        entries = self.commit(events)
        self._publish_all()
        if isinstance(order, Remove) and order.now:
            self.components.front.hurry(order.spec.project)
            self._grace.sweep_all()
        self.announce()
        return entries

    def is_working(self) -> bool:
        """Whether something is under way that does not wait for uploaders or the clock."""
        under_way = self._in_hand or self._claims or self._looking or self.components.catalog.stale(1)
        return bool(under_way) or self.retirement.next_due() is not None

    def _is_quiet(self) -> bool:
        """Whether nothing is left to do for any upload."""
        return not (self._in_hand or self._claims or self._changed or self.components.catalog.stale(1))

    def pages_current(self) -> bool:
        """Whether every page shows what the ledger holds, but for those of the site, which follow."""
        return not (self.components.catalog.stale(1) or self.components.front.is_behind())

    def is_inspecting(self) -> bool:
        """Whether the answer of an inspector is awaited."""
        return not all(hand.done for hand in self._in_hand.values())

    def in_hand(self) -> list[str]:
        """The paths whose claims are under way."""
        return [hand.claim.path for hand in self._in_hand.values()]

    def queue(self) -> Queue:
        """The uploads without a verdict: those in hand, then what waits in the drop folder, each with why."""
        taken = [in_hand(hand.claim) for hand in self._in_hand.values() if hand.intake.has_uploader]
        return self.uploads.queue(now=time.monotonic(), wall=self.components.now(), taken=taken)

    def next_due(self) -> float | None:
        """The moment of the monotonic clock at which the next round is needed, should nothing happen before."""
        components, moments = self.components, [self.uploads.timers.next_due(), self.retirement.next_due()]
        moments += [components.inspectors.next_deadline(), components.answers.next_try(), self._changed.next_due()]
        moments += [components.front.due(is_quiet=self._is_quiet()), self._grace.next_due(), self.news.next_due()]
        if self._looking or self._may_judge() or self._may_claim() or self._stale(1):
            moments.append(0.0)
        return min((moment for moment in moments if moment is not None), default=None)

    def let_go(self) -> None:
        """Close what is open, as a crash would."""
        self.retirement.let_go()
        self._looking.end()
        self._claims.let_go()

    def finish(self, *, site_seconds: float = 5.0) -> None:
        """Bring every page up to date, the site's in that time; all else that is half done the spool remembers."""
        self._looking.end()
        self._claims.let_go()
        self.retirement.finish()
        while self.components.catalog.stale(1):
            self._publish_all()
        self.components.front.finish(site_seconds=site_seconds)
        self.news.give_up_waiting()
        self.announce()
