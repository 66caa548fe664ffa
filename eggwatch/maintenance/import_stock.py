"""`import`: publishes existing archives by the same stages as uploads, in groups that share a commit.

No notification is sent: events are `imported`, with the upload-time that was recorded. A group that a crash has
interrupted is finished from the spool, like any upload, and what is published already is recognised by its bytes. So an
import that is repeated continues where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from eggwatch.errors import UNWRITABLE, FolderError
from eggwatch.model.events import timestamp
from eggwatch.model.instructions import shell_word
from eggwatch.model.names import shown
from eggwatch.model.sightings import Claim, Imported
from eggwatch.model.verdicts import Admit, Flaw, Known, Level, Reject, Verdict
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.policy.settling import remark_on
from eggwatch.store import durable
from eggwatch.store.drop.folder import identity_of
from eggwatch.store.public.pool import digest
from eggwatch.store.public.spool import Changed
from eggwatch.store.recorded import mypi
from eggwatch.store.recorded.documents import read_document
from eggwatch.store.recorded.upload_times import UploadTimes
from eggwatch.store.state.catalog import key_of
from eggwatch.store.stock import (
    Item,
    OpenStock,
    StockKind,
    Way,
    digest_of,
    look_at_file,
    look_into_database,
    opened,
    take,
    walk,
)

GROUP = 512
"""Archives that share a commit."""
GROUP_BYTES = 1 << 30
"""A group is closed when it has so many bytes."""
NO_LINK = "copied, since others may write to it or it is on another file system"
STAYS = "copied, and left where it is, since others may write to it"


class ImportVerdict(StrEnum):
    """What became of one file of a stock."""

    IMPORTED = "imported"
    KNOWN = "known"
    """The same bytes are published already."""
    REFUSED = "refused"
    NOT_TAKEN = "not-taken"
    """A package in a format that this index does not take."""
    FAILED = "failed"
    """It could not be read, or not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What became of one file of the stock, and why."""

    path: Path
    verdict: ImportVerdict
    flaws: tuple[Flaw, ...] = ()
    remark: str | None = None
    upload_time: str | None = None


@dataclass(slots=True, kw_only=True)
class Counts:
    """How many files of the stock came to what; `copied` of those that were to be linked or moved."""

    verdicts: dict[ImportVerdict, int] = field(default_factory=lambda: dict.fromkeys(ImportVerdict, 0))
    others: int = 0
    recorded: int = 0
    copied: int = 0
    bytes: int = 0

    def is_good(self) -> bool:
        """Whether every archive is in the index."""
        return not self.verdicts[ImportVerdict.REFUSED] and not self.verdicts[ImportVerdict.FAILED]


@dataclass(slots=True, kw_only=True)
class _Taken:
    """An archive under way: its claim, and what is needed when its verdict is there."""

    item: Item
    claim: Claim
    identity: tuple[int, int]
    private: bool
    linked: bool


class Stock:
    """Folders with archives, and files; looked through once for what is there and when it was uploaded."""

    def __init__(self, sources: Sequence[Path], formats: tuple[str, ...], *, now: float) -> None:
        self.sources, self._formats = sources, formats
        self.times = UploadTimes(now=now)
        self.archives = self.others = self.recorded = 0

    def survey(self, progress: Callable[[str], None]) -> None:
        """Count what is there, and read what is recorded of it. FolderError for a file that can't be read, or that was
        named and says nothing."""
        for item in self.items():
            progress(item.name)
            self.archives += item.sort is StockKind.ARCHIVE
            self.others += item.sort in (StockKind.OTHER, StockKind.RECORD)
            if item.sort is StockKind.RECORD:
                self._learn(item.path)
        for source in filter(mypi.is_database, self.sources):
            self.recorded += self.times.learn(mypi.read_mypi(source))

    def _learn(self, path: Path) -> None:
        try:
            count = self.times.learn(read_document(path))
        except OSError as error:  # an upload time is never changed later
            raise FolderError(
                f"{shown(str(path))} can't be read, and may record upload times: {error.strerror}.",
                remedy="Give this account permission to read it, or move it away, and run the same command again.",
            ) from error
        self.recorded += count
        if not count and path in self.sources:
            raise FolderError(
                f"{shown(str(path))} is no archive that this index accepts, and records nothing of any.",
                remedy="Pass a folder, an archive, or a list of files in JSON, such as devpi's dataindex.json.",
            )

    def items(self) -> Iterator[Item]:
        """Everything, in an order that is always the same. FolderError if a source itself can't be read."""
        for source in self.sources:
            try:
                if source.is_dir():
                    yield from map(_if_of_mypi, walk(source, self._formats))
                elif mypi.is_database(source):
                    yield from look_into_database(source, self._formats)
                else:
                    yield look_at_file(source, self._formats)
            except OSError as error:
                raise FolderError(
                    f"{error.filename or source} can't be read: {error.strerror}.",
                    remedy="Give this account permission to read it, and run the same command again to continue.",
                ) from error


def _if_of_mypi(item: Item) -> Item:
    """A database of mypi is not read where it only lies in a folder: it may be a copy of another day."""
    if item.sort is not StockKind.OTHER or not mypi.is_of_mypi(item.path):
        return item
    command = f"eggwatch import {shell_word(str(item.path))}"
    return replace(item, sort=StockKind.FOREIGN, why=f"a database of mypi, whose archives are imported by: {command}")


class Import:
    """One run over a stock."""

    def __init__(self, pipeline: Pipeline, stock: Stock, *, way: Way, by_mtime: bool) -> None:
        """`by_mtime`: without a recorded upload-time, use the file's modification time; else the current time."""
        self._pipeline, self._stock, self._way, self._by_mtime = pipeline, stock, way, by_mtime
        self.begun = 0
        """Archives that were looked at: their outcomes come in groups."""
        self.counts = Counts(others=stock.others, recorded=stock.recorded)

    def run(self) -> Iterator[ImportOutcome]:
        """Bring in every archive; an outcome for each, when it is durable. Pages are left to the caller."""
        self._pipeline.recover()
        group: list[_Taken] = []
        size = 0
        for item in self._stock.items():
            taken = self._begin(item) if item.sort is StockKind.ARCHIVE else self._pass_by(item)
            if isinstance(taken, _Taken):
                group.append(taken)
                size += taken.claim.size
                if len(group) >= GROUP or size >= GROUP_BYTES:
                    yield from self._finish(group)
                    group, size = [], 0
            elif taken is not None:
                yield self._counted(taken)
        yield from self._finish(group)

    def _counted(self, outcome: ImportOutcome) -> ImportOutcome:
        self.counts.verdicts[outcome.verdict] += 1
        return outcome

    def _pass_by(self, item: Item) -> ImportOutcome | None:
        if item.sort in (StockKind.CLOSED, StockKind.BROKEN) and not self._was_moved(item):
            return ImportOutcome(path=item.path, verdict=ImportVerdict.FAILED, remark=item.why)
        if item.sort is not StockKind.FOREIGN:
            return None
        return ImportOutcome(path=item.path, verdict=ImportVerdict.NOT_TAKEN, remark=item.why or remark_on(item.name))

    def _was_moved(self, item: Item) -> bool:
        """Whether a link leads nowhere because --move took its target, an archive of the stock, into the index."""
        target = Path(os.path.realpath(item.path))
        is_inside = any(target.is_relative_to(os.path.realpath(source)) for source in self._stock.sources)
        if not item.path.is_symlink() or target.exists() or not is_inside:
            return False
        record = self._pipeline.components.catalog.file(key_of(target.name))
        return record is not None and record.present

    def _begin(self, item: Item) -> _Taken | ImportOutcome:
        self.begun += 1
        try:
            place = nullcontext(item.path) if item.blob is None else mypi.unpacked(item.blob)
            with place as path, opened(path) as source:
                return self._recognised(item, source) or self._take(item, source)
        except Changed:
            return ImportOutcome(path=item.path, verdict=ImportVerdict.FAILED, remark="it is still being written")
        except OSError as error:
            if error.errno in UNWRITABLE:
                raise
            return ImportOutcome(
                path=item.path, verdict=ImportVerdict.FAILED, remark=f"can't be read: {error.strerror}"
            )

    def _recognised(self, item: Item, source: OpenStock) -> ImportOutcome | None:
        """An archive that is published already is read, but not copied."""
        record = self._pipeline.components.catalog.file(key_of(item.name))
        if record is None or not record.present or record.file.size != source.status.st_size:
            return None
        if digest_of(source) != record.file.sha256:
            return None
        if self._way is Way.MOVE and source.private and source.is_unchanged() and source.is_at_its_path():
            # With --move a known archive goes too, if its bytes in the index are really sound.
            published = self._pipeline.components.pool.path_of(record.project, record.file.filename)
            if published.exists() and digest(published) == record.file.sha256:
                durable.unlink(item.path)
        return ImportOutcome(path=item.path, verdict=ImportVerdict.KNOWN)

    def _take(self, item: Item, source: OpenStock) -> _Taken:
        components, config = self._pipeline.components, self._pipeline.config
        if components.spool.free_bytes() - source.status.st_size < config.min_free:
            raise FolderError(
                f"{config.public} is nearly full (min-free).",
                remedy="Make room, and run the same command again to continue.",
            )
        share = self._way is not Way.COPY and source.private
        number, sha256, linked = take(components.spool, source, share=share)
        recorded, now = self._stock.times.of(item.name, sha256), self._pipeline.components.now()
        otherwise = min(max(source.status.st_mtime, 0.0), now) if self._by_mtime else now
        claim = Claim(
            number=number,
            path=str(item.path),
            filename=item.name,
            identity=identity_of(source.status),
            sha256=sha256,
            size=source.status.st_size,
            uid=None,
            uploader=None,
            at=timestamp(components.now()),
            imported=Imported(
                upload_time=recorded.at or timestamp(otherwise), uploader=recorded.uploader, yanked=recorded.yanked
            ),
        )
        self._pipeline.take_in_hand(claim, overdue=True)
        self._pipeline.collect()
        identity = (source.status.st_dev, source.status.st_ino)
        return _Taken(item=item, claim=claim, identity=identity, private=source.private, linked=linked)

    def _finish(self, group: list[_Taken]) -> Iterator[ImportOutcome]:
        """Commit a group: the claims last before anything is linked from them, the originals leave after it."""
        pipeline, verdicts = self._pipeline, dict[int, Verdict]()
        pipeline.components.spool.sync([one.claim for one in group])
        while pipeline.in_hand():
            if pipeline.is_inspecting():
                pipeline.inspect(1.0)
            if not pipeline.is_inspecting():  # all at once, so that the order is that of the stock
                judged = pipeline.judge()
                pipeline.admit(judged)
                verdicts |= {hand.claim.number: verdict for hand, verdict in judged}
        for one in group:
            yield self._counted(self._outcome(one, verdicts.get(one.claim.number)))

    def _outcome(self, one: _Taken, verdict: Verdict | None) -> ImportOutcome:
        path = one.item.path
        if verdict is None:
            return ImportOutcome(
                path=path, verdict=ImportVerdict.FAILED, remark="an error in eggwatch itself, see above"
            )
        if isinstance(verdict, Reject):
            refusing = tuple(flaw for flaw in verdict.flaws if flaw.level is Level.REFUSE)
            return ImportOutcome(path=path, verdict=ImportVerdict.REFUSED, flaws=refusing)
        record = self._pipeline.components.catalog.file(key_of(one.claim.filename))
        if record is None or not record.present or record.file.sha256 != one.claim.sha256:
            return ImportOutcome(
                path=path, verdict=ImportVerdict.FAILED, remark="files/ has other bytes with its name: see above"
            )
        remark = self._leave(one)
        if isinstance(verdict, Known):
            return ImportOutcome(path=path, verdict=ImportVerdict.KNOWN)
        assert isinstance(verdict, Admit)
        self.counts.bytes += one.claim.size
        return ImportOutcome(
            path=path,
            verdict=ImportVerdict.IMPORTED,
            flaws=verdict.warnings,
            remark=remark,
            upload_time=record.file.upload_time,
        )

    def _leave(self, one: _Taken) -> str | None:
        """With --move the original goes, now that its bytes are in the index; says if it was copied instead."""
        if self._way is Way.COPY:
            return None
        if self._way is Way.MOVE and one.private and self._is_as_it_was(one):
            durable.unlink(one.item.path)
            return None
        if one.linked:
            return None
        self.counts.copied += 1
        return NO_LINK if self._way is Way.LINK else STAYS

    def _is_as_it_was(self, one: _Taken) -> bool:
        try:
            with opened(one.item.path) as source:
                unchanged = identity_of(source.status).mtime_ns == one.claim.identity.mtime_ns
                same = (source.status.st_dev, source.status.st_ino) == one.identity
                return same and unchanged and source.status.st_size == one.claim.size and source.private
        except OSError:
            return False
