"""`repair`: fixes what `verify` finds, as far as that needs no decision.

Altered pages are rendered again, a wheel's metadata is taken out of the wheel again, and an archive that has
other bytes than were published is quarantined: it leaves the pages, and its bytes are kept. What is
missing is never taken for removed: that is left to the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import LedgerError
from eggwatch.inspection.worker import Job
from eggwatch.maintenance.verify import Discrepancy, DiscrepancyKind, Verification, compare
from eggwatch.model.events import EventKind, timestamp
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.store.public.pool import digest
from eggwatch.store.state.catalog import FileRecord
from eggwatch.writer.ask import told_index

ACTOR = "eggwatch repair"
MENDABLE = {
    DiscrepancyKind.PAGE: "render again",
    DiscrepancyKind.METADATA: "take out of the archive again",
    DiscrepancyKind.ROTTEN: "quarantine",
}
LEFT_ASIDE = "is to be fixed by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What was done about a finding, or would be: `done` is False if only the operator can fix it."""

    finding: Discrepancy
    what: str
    done: bool


def look(config: IndexConfig, progress: Callable[[str], None]) -> list[Discrepancy]:
    """Everything that is wrong, without the lock. LedgerError where only `rebuild` helps."""
    findings = Verification(config, progress=progress).run()
    for finding in findings:
        if finding.sort is DiscrepancyKind.LEDGER:
            raise LedgerError(f"{finding.where}: {finding.problem}", remedy=finding.remedy)
    return findings


def plan(findings: Iterable[Discrepancy]) -> list[Fixed]:
    """What a repair would do."""
    return [Fixed(finding=one, what=MENDABLE.get(one.sort, LEFT_ASIDE), done=one.sort in MENDABLE) for one in findings]


def fix(config: IndexConfig, findings: Sequence[Discrepancy]) -> list[Fixed]:
    """Fix what can be fixed, under the lock; each archive is checked again before it is touched."""
    if not any(finding.sort in MENDABLE for finding in findings):
        return plan(findings)
    with told_index(config) as index:
        pipeline = index.pipeline
        pipeline.recover()
        fixed = [_fix(pipeline, finding) for finding in findings]
        pipeline.finish()
    return fixed


def _fix(pipeline: Pipeline, finding: Discrepancy) -> Fixed:
    catalog = pipeline.components.catalog
    if finding.sort is DiscrepancyKind.PAGE:
        if finding.key is None:
            catalog.set_meta({"root_serial": None})
        else:
            catalog.mark_stale([finding.key], {})
            catalog.forget_site_pages(finding.key)
        return Fixed(finding=finding, what="rendered again", done=True)
    record = catalog.file(finding.key) if finding.key is not None else None
    if record is None or not record.present or finding.sort not in MENDABLE:
        return Fixed(finding=finding, what=LEFT_ASIDE, done=False)
    if finding.sort is DiscrepancyKind.METADATA:
        try:
            return _fix_metadata(pipeline, finding, record)
        except OSError as error:
            return _left(finding, error)
    return _quarantine(pipeline, finding, record)


def _quarantine(pipeline: Pipeline, finding: Discrepancy, record: FileRecord) -> Fixed:
    """Keep the bytes aside, lasting; commit; publish the pages without them; then their public name goes."""
    components, file = pipeline.components, record.file
    path = components.pool.path_of(record.project, file.filename)
    problem = compare(path, file.sha256)
    if problem is None:
        return Fixed(finding=finding, what="was fixed in the meantime", done=True)
    if not path.is_file():
        return Fixed(finding=finding, what=LEFT_ASIDE, done=False)
    try:
        aside = components.pool.keep_aside(
            components.spool.quarantine, project=record.project, filename=file.filename, sha256=digest(path)
        )
    except OSError as error:
        return _left(finding, error)
    told = {"at": timestamp(components.now()), "actor": ACTOR, "reason": problem}
    pipeline.commit([file.event(EventKind.QUARANTINED, project=record.project, **told)])
    pipeline.publish(pipeline.render())  # and without any grace the public name goes
    return Fixed(finding=finding, what=f"quarantined; its bytes are kept as {aside}", done=True)


def _left(finding: Discrepancy, error: OSError) -> Fixed:
    """Fix one finding; a failure does not prevent the others. (An error of the ledger, which comes later, does.)"""
    where = f" ({error.filename2 or error.filename})" if error.filename else ""
    return Fixed(finding=finding, what=f"can't be repaired: {error.strerror}{where}", done=False)


def _fix_metadata(pipeline: Pipeline, finding: Discrepancy, record: FileRecord) -> Fixed:
    """`<filename>.metadata` from the archive, by an inspector, if the archive itself is sound."""
    components, file = pipeline.components, record.file
    path = components.pool.path_of(record.project, file.filename)
    if compare(path, file.sha256) is not None:
        return Fixed(finding=finding, what="goes with its archive", done=True)
    components.inspectors.submit(Job(number=0, path=path, filename=file.filename, size=file.size))
    while not (results := components.inspectors.poll(1.0)):
        pass
    inspection = results[0].inspection
    if inspection is None or inspection.metadata is None:
        return Fixed(finding=finding, what=f"its archive can't be inspected: {results[0].trouble}", done=False)
    components.pool.place_metadata(inspection.metadata, project=record.project, filename=file.filename)
    components.pool.sync()
    components.catalog.forget_site_pages(record.project)
    sound = compare(path.with_name(f"{path.name}.metadata"), file.metadata_sha256 or "") is None
    return Fixed(finding=finding, what="taken out of the archive again" if sound else LEFT_ASIDE, done=sound)
