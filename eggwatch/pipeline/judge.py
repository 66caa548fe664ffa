"""What the judge has to know of one upload, looked up by key: nothing here grows with the index."""

from __future__ import annotations

from dataclasses import replace

from packaging.utils import canonicalize_version

from eggwatch.intake.intake import intake_of
from eggwatch.linux.accounts import groups_of
from eggwatch.model.events import EventKind, seconds_of
from eggwatch.model.names import Filename, Kind, parse_filename
from eggwatch.model.sightings import Claim
from eggwatch.pipeline.in_hand import InHand
from eggwatch.policy.admission import Block, Holding, Upload, scarce
from eggwatch.policy.orders import Held
from eggwatch.policy.ownership import Publisher
from eggwatch.policy.terms import Terms
from eggwatch.store.state.catalog import Catalog, FileRecord
from eggwatch.store.state.history import event_at
from eggwatch.store.state.ledger import Ledger


def upload_of(catalog: Catalog, ledger: Ledger, hand: InHand, terms: Terms) -> Upload:
    """One upload with all that its verdict depends on; what the terms do not ask for is not looked up."""
    claim, filename = hand.claim, parse_filename(hand.claim.filename)
    record = catalog.file(hand.key)
    upload = Upload(
        filename=filename,
        sha256=claim.sha256,
        inspection=hand.inspection,
        holding=None if record is None else _holding(record),
        overdue=hand.overdue,
        size=claim.size,
        account=_account(claim, terms),
        twin=catalog.twin(claim.sha256, key=hand.key),
        removed_at=None if record is None else _removed_since(catalog, ledger, hand, record),
        block=_block(catalog, ledger, hand),
    )
    return upload if not isinstance(filename, Filename) else _among_releases(catalog, upload, filename, terms)


def _block(catalog: Catalog, ledger: Ledger, hand: InHand) -> Block | None:
    """What keeps this name or these bytes away."""
    record = catalog.blocked(hand.claim.sha256, key=hand.key)
    if record is None:
        return None
    reason = _reason_of_removal(catalog, ledger, record)
    return Block(filename=record.file.filename, sha256=record.file.sha256, at=record.changed_at, reason=reason)


def held_of(catalog: Catalog, ledger: Ledger, project: str) -> list[Held]:
    """All files that a project ever had, as orders see them."""
    return [
        Held(
            file=record.file,
            present=record.present,
            lies=not record.present and catalog.is_unswept(record.file.filename),
            bytes_until=record.bytes_until,
            blocked=record.blocked,
            reason=_reason_of_removal(catalog, ledger, record),
        )
        for record in catalog.files(project)
    ]


def _reason_of_removal(catalog: Catalog, ledger: Ledger, record: FileRecord) -> str | None:
    event = None if record.present else event_at(ledger, catalog.event_at(record.serial))
    return None if event is None or event.kind is not EventKind.REMOVED else event.reason


def _removed_since(catalog: Catalog, ledger: Ledger, hand: InHand, record: FileRecord) -> str | None:
    """When these bytes were removed, if their original was in the drop folder already, so that it is not a new upload.

    This is decided by the stat of the original, since the catalog, which knew it, may have been lost.
    """
    claim, identity = hand.claim, hand.claim.identity
    if record.present or record.file.sha256 != claim.sha256 or not hand.intake.has_uploader:
        return None
    event = event_at(ledger, catalog.event_at(record.serial))
    if event is None or event.kind is not EventKind.REMOVED:  # quarantined: the right bytes are welcome, however old
        return None
    removed = int(seconds_of(event.at) * 1e9)
    # No client can set a ctime, but clocks are set: back, and an upload looks older than it is; ahead, and it looks
    # newer. The first costs a person a second copy, once the time of the removal is over, and loses nothing, as the
    # original stays. The second can't be told from an upload. A file that was only touched since keeps its inode,
    # and its mtime is what the client says: it is new only if that is.
    lay_there = identity.ctime_ns < removed or (hand.touched and identity.mtime_ns < removed)
    return event.at if lay_there else None


def _among_releases(catalog: Catalog, upload: Upload, filename: Filename, terms: Terms) -> Upload:
    project = filename.project
    other = None
    if filename.kind is Kind.SDIST:
        release = canonicalize_version(filename.version)
        other = catalog.other_sdist(project, release, key=filename.normalized)
    return replace(
        upload,
        other_sdist=other,
        project_size=catalog.size_of(project) if terms.max_project_size is not None else 0,
        first_uploader=catalog.first_uploader(project) if terms.first_uploader_owns else None,
    )


def _account(claim: Claim, terms: Terms) -> Publisher | None:
    """The uploader, if ownership matters; groups only if a group may own something.

    Imported archives belong to the administrator, whoever owns the files.
    """
    if not intake_of(claim).has_uploader or not (terms.owners or terms.first_uploader_owns):
        return None
    by_group = any(owner.startswith("@") for owners in terms.owners.values() for owner in owners)
    groups = groups_of(claim.uid) if by_group else frozenset()
    return Publisher(name=claim.uploader, groups=groups, doubt=claim.doubt)


def _holding(record: FileRecord) -> Holding:
    file = record.file
    return Holding(
        filename=file.filename,
        sha256=file.sha256,
        serial=record.serial,
        present=record.present,
        at=file.upload_time,
        uploader=file.uploader,
    )


def scarce_of(catalog: Catalog, claim: Claim, key: str, terms: Terms) -> frozenset[str]:
    """What this upload may be the only one to be judged for, its normalised filename first of all."""
    filename = parse_filename(claim.filename)
    orphan = (
        terms.first_uploader_owns
        and isinstance(filename, Filename)
        and catalog.first_uploader(filename.project) is None
    )
    return scarce(filename, claim.sha256, terms, orphan=orphan) | {f"name {key}"}
