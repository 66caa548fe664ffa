"""eggwatch verify, render, rebuild, backup."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import click

from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import Ticker, json_option, print_json, say
from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import ConfigurationError, FolderError, LedgerError
from eggwatch.maintenance import repair as repairing
from eggwatch.maintenance.backup import Backup
from eggwatch.maintenance.rebuild import rebuild as rebuild_index
from eggwatch.maintenance.repair import Fixed
from eggwatch.maintenance.verify import OLDER_PAGES, Discrepancy, DiscrepancyKind, Verification, fresh_pages
from eggwatch.model.counting import counted
from eggwatch.model.events import timestamp
from eggwatch.readers.local import IndexReader
from eggwatch.store.state.replay import catalog_of
from eggwatch.store.state.verified import Verified
from eggwatch.store.state.verified import keep as keep_verified
from eggwatch.writer.folders import permissions_of
from eggwatch.writer.page_sources import page_sources

T = TypeVar("T")

TOGETHER = {
    DiscrepancyKind.PAGE: ("page", "are missing or differ from a fresh render"),
    DiscrepancyKind.ROTTEN: ("archive", "have other bytes than were published"),
    DiscrepancyKind.MISSING: ("archive", "are missing or can't be read"),
    DiscrepancyKind.METADATA: ("metadata file", "are missing or altered"),
    DiscrepancyKind.STRANGER: ("file", "are not known to the ledger"),
}
MOST_NAMES = 3

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Print a line for every page and archive.")


def grouped(rows: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Rows of one key together, in the order in which the first of each came."""
    groups: dict[Hashable, list[T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def group_of(finding: Discrepancy) -> tuple[str, str, str]:
    """Findings that are printed as one line have the same folder, kind and remedy."""
    return str(Path(finding.where).parent), str(finding.sort), finding.remedy


def line_of(findings: list[Discrepancy]) -> str:
    """Where it is and what is wrong: of one finding all that is known, of several how many."""
    first = findings[0]
    if len(findings) == 1 or first.sort not in TOGETHER:
        return f"{first.where}: {first.problem}"
    noun, what = TOGETHER[first.sort]
    names = [Path(one.where).name for one in findings[:MOST_NAMES]]
    more = f" and {len(findings) - MOST_NAMES} more" if len(findings) > MOST_NAMES else ""
    return f"{Path(first.where).parent}: {counted(len(findings), noun)} {what} ({', '.join(names)}{more})"


@click.command()
@index_options
@json_option
@verbose_option
def verify(selection: Selection, as_json: bool, verbose: bool) -> None:
    """Hash every archive, compare every page with a fresh render, check the ledger's chain.

    `check` judges local files before they are published; `verify` looks at what is published; `doctor` at the
    machine around it: accounts, folders, disks, units. It changes nothing of the index, and leaves its time and the
    number of findings in STATE for `status`, if this account may write there.

    \b
    Example:  eggwatch verify
    Exit status: 0 sound, 1 damage was found.
    """
    sound = [_verify(index, as_json=as_json, verbose=verbose) for index in selection.all()]
    sys.exit(0 if all(sound) else 1)


def _verify(config: IndexConfig, *, as_json: bool, verbose: bool) -> bool:
    IndexReader(config=config).ledger()  # or the sentence that says why not
    ticker = Ticker("verified", total=steps_of(config))
    audit = Verification(config, progress=ticker)
    findings = audit.run()
    ticker.done()
    # For `status` and metrics; the index is as it was.
    count = len(audit.findings)
    verified = Verified(at=timestamp(time.time()), findings=count, files=audit.files, pages=audit.pages)
    with suppress(ConfigurationError):  # a group that is not there is not this command's business
        keep_verified(config.state, verified, permissions_of(config))
    if as_json:
        rows = [finding.as_json() for finding in findings]
        counts: dict[str, object] = {"files": audit.files, "pages": audit.pages, "older_pages": audit.older_pages}
        if audit.not_compared is not None:
            counts["not_compared"] = audit.not_compared.message
        print_json({"index": config.name, "sound": not rows, **counts, "findings": rows})
    else:
        if audit.older_pages:
            say(OLDER_PAGES)
        if audit.not_compared is not None:
            say(f"The site's pages were not compared. {audit.not_compared}")
        for group in [[one] for one in findings] if verbose else grouped(findings, group_of):
            say(f"{line_of(group)}\n  {group[0].remedy}")
        verdict = counted(len(findings), "finding") if findings else "sound"
        say(f"{config.name}: {verdict} ({counted(audit.files, 'file')}, {counted(audit.pages, 'page')})")
    return not findings


def steps_of(config: IndexConfig) -> int | None:
    """How many archives and pages there are to look at; None where the catalog can't be read."""
    with IndexReader(config=config).catalog() as catalog:
        return None if catalog is None else sum(catalog.counts()) + 1


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@index_options
def render(selection: Selection, directory: Path) -> None:
    """Render all pages from the ledger into DIR, laid out as the published tree.

    \b
    Example:
      eggwatch render /tmp/pages && diff -r /tmp/pages/simple public/simple
    """
    config = selection.one()
    ledger = IndexReader(config=config).ledger()
    if not ledger.path.exists():
        raise LedgerError(
            f"There is no {ledger.path}.", remedy="Name the index with --config, or run 'eggwatch rebuild'."
        )
    if directory.exists() and any(directory.iterdir()):
        raise FolderError(f"{directory} is not empty.", remedy="Choose a new or empty folder.")
    try:
        for _, pages in fresh_pages(catalog_of(ledger), config, page_sources(config).options):
            for path, data in pages.items():
                file = directory / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
    except OSError as error:
        raise FolderError(
            f"{error.filename or directory} can't be written: {error.strerror}.", remedy="Choose another folder."
        ) from error


@click.command()
@index_options
@json_option
def rebuild(selection: Selection, as_json: bool) -> None:
    """Rebuild ledger and catalog from the published tree and whatever ledger there is.

    For a lost, damaged or too old ledger. What is replaced is kept under another name. Says what could not be
    brought back. It may be interrupted and run again.

    \b
    Example:  eggwatch rebuild
    """
    log_to_stderr(quiet=as_json)
    config, ticker = selection.one(needed=("public",)), Ticker("read")
    report = rebuild_index(config, progress=ticker)
    ticker.done()
    if as_json:
        print_json({"index": config.name, **asdict(report)})
        return
    counts = f"{counted(report.kept_events, 'event')} kept, {report.new_events} recovered from the pages"
    say(f"{config.name}: {counts}, {counted(report.files, 'file')}")
    for lost in report.lost:
        say(f"  not recovered: {lost}")


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@index_options
@json_option
def backup(selection: Selection, directory: Path, as_json: bool) -> None:
    """Back up the ledger and all archives to DIR; the daemon may be running. Copies only what is new.

    To restore, copy DIR/public and DIR/state to where they belong, give them to the index's account, and start
    the daemon: it renders all pages.

    \b
    Examples:
      eggwatch backup /backup/packages
      cp -a /backup/packages/public /backup/packages/state /srv/packages/
    Exit status: 0 all is kept, 1 archives are missing or not what they were.
    """
    config = selection.one()
    with IndexReader(config=config).catalog() as catalog:
        ticker = Ticker("kept", total=None if catalog is None else catalog.counts()[1])
    report = Backup(config, directory.absolute(), others=selection.every(), progress=ticker).run()
    ticker.done()
    if as_json:
        print_json({"index": config.name, **asdict(report)})
    else:
        more = f", {counted(report.forgotten, 'removed one')} gone" if report.forgotten else ""
        new = f"{report.copied} {'was' if report.copied == 1 else 'were'} new{more}"
        say(f"{config.name}: {counted(report.files, 'file')} up to serial {report.serial}; {new}")
        for damaged in report.damaged:
            say(f"  not backed up: {damaged}")
    sys.exit(1 if report.damaged else 0)


@click.command()
@index_options
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@json_option
@verbose_option
def repair(selection: Selection, dry_run: bool, as_json: bool, verbose: bool) -> None:
    """Repair what 'eggwatch verify' finds.

    Altered and missing pages are rendered again. An archive with other bytes than were published is quarantined:
    it leaves the pages, and its bytes are kept in PUBLIC/.eggwatch/quarantine/; the right bytes, dropped again,
    restore it with its upload-time. An archive that is missing is not touched: restore it from a backup.

    Looks without the lock, so the daemon may run; if there is something to repair, stop it first.

    \b
    Example:  eggwatch repair --dry-run
    Exit status: 0 sound now, 1 something needs to be fixed by hand (with
    --dry-run: something is wrong), 3 a daemon runs.
    """
    log_to_stderr(quiet=True)
    results = [_repair(config, dry_run=dry_run, as_json=as_json, verbose=verbose) for config in selection.all()]
    sys.exit(0 if all(results) else 1)


def _repair(config: IndexConfig, *, dry_run: bool, as_json: bool, verbose: bool) -> bool:
    ticker = Ticker("looked at", total=steps_of(config))
    findings = repairing.look(config, ticker)
    ticker.done()
    fixed = repairing.plan(findings) if dry_run or not findings else repairing.fix(config, findings)
    if as_json:
        rows = [{**one.finding.as_json(), "done": one.done, "what": one.what} for one in fixed]
        print_json({"index": config.name, "dry_run": dry_run, "findings": rows})
    else:
        _say(config, fixed, dry_run=dry_run, verbose=verbose)
    return not findings if dry_run else all(one.done for one in fixed)


def _say(config: IndexConfig, fixed: list[Fixed], *, dry_run: bool, verbose: bool) -> None:
    together = grouped(fixed, lambda one: (*group_of(one.finding), one.what))
    for group in [[one] for one in fixed] if verbose else together:
        one = group[0]
        would = "would " if dry_run and one.done else ""
        more = "" if one.done else f": {one.finding.remedy}"
        say(f"{line_of([one.finding for one in group])}\n  {would}{one.what}{more}")
    left = sum(not one.done for one in fixed)
    verdict = "sound" if not fixed else f"{counted(len(fixed), 'finding')}, {left} to fix by hand"
    say(f"{config.name}: {verdict}")
