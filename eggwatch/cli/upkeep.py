"""eggwatch verify, render, rebuild, backup."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import click

from eggwatch.assembly import landing_options, permissions_of
from eggwatch.audit import Audit, Finding, fresh_catalog, fresh_pages
from eggwatch.backup import Backup
from eggwatch.cli.finding_lines import group_of, grouped, line_of, verbose_option
from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import Ticker, json_option, print_json, say
from eggwatch.config import IndexConfig
from eggwatch.errors import ConfigurationError, FolderError, LedgerError
from eggwatch.model.counting import counted
from eggwatch.model.events import timestamp
from eggwatch.reading import IndexReader
from eggwatch.restoration import rebuild as rebuild_index
from eggwatch.store.verified import Verified
from eggwatch.store.verified import keep as keep_verified


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
    audit = Audit(config, progress=ticker)
    findings = audit.run()
    ticker.done()
    _note(config, audit)
    if as_json:
        rows = [finding.as_json() for finding in findings]
        print_json(
            {"index": config.name, "sound": not rows, "files": audit.files, "pages": audit.pages, "findings": rows}
        )
    else:
        _say_findings(config, audit, findings, verbose=verbose)
    return not findings


def _note(config: IndexConfig, audit: Audit) -> None:
    """For `status` and metrics; the index is as it was."""
    count = len(audit.findings)
    verified = Verified(at=timestamp(time.time()), findings=count, files=audit.files, pages=audit.pages)
    with suppress(ConfigurationError):  # a group that is not there is not this command's business
        keep_verified(config.state, verified, permissions_of(config))


def steps_of(config: IndexConfig) -> int | None:
    """How many archives and pages there are to look at; None where the catalog can't be read."""
    with IndexReader(config=config).catalog() as catalog:
        return None if catalog is None else sum(catalog.counts()) + 1


def _say_findings(config: IndexConfig, audit: Audit, findings: list[Finding], *, verbose: bool) -> None:
    for group in [[one] for one in findings] if verbose else grouped(findings, group_of):
        say(f"{line_of(group)}\n  {group[0].remedy}")
    verdict = counted(len(findings), "finding") if findings else "sound"
    say(f"{config.name}: {verdict} ({counted(audit.files, 'file')}, {counted(audit.pages, 'page')})")


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
        for _, pages in fresh_pages(fresh_catalog(ledger), config, landing_options(config)):
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
    """Make ledger and catalog again from the published tree and whatever ledger there is.

    For a lost, damaged or too old ledger. What is replaced is kept under another name. Says what could not be
    brought back. May be interrupted, and given again.

    \b
    Example:  eggwatch rebuild
    """
    log_to_stderr(verbose=False, quiet=as_json)
    config, ticker = selection.one(needed=("public",)), Ticker("read")
    report = rebuild_index(config, progress=ticker)
    ticker.done()
    if as_json:
        print_json(
            {
                "index": config.name,
                "kept_events": report.kept_events,
                "new_events": report.new_events,
                "files": report.files,
                "lost": report.lost,
            }
        )
        return
    counts = f"{counted(report.kept_events, 'event')} kept, {report.new_events} learnt from the pages"
    say(f"{config.name}: {counts}, {counted(report.files, 'file')}")
    for lost in report.lost:
        say(f"  not brought back: {lost}")


def _files_of(config: IndexConfig) -> int | None:
    with IndexReader(config=config).catalog() as catalog:
        return None if catalog is None else catalog.counts()[1]


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@index_options
@json_option
def backup(selection: Selection, directory: Path, as_json: bool) -> None:
    """Keep the ledger and all archives in DIR; the daemon may be at work. Copies only what is new.

    To restore, copy DIR/public and DIR/state to where they belong, give them to the index's account, and start
    the daemon: it renders all pages.

    \b
    Examples:
      eggwatch backup /backup/packages
      cp -a /backup/packages/public /backup/packages/state /srv/packages/
    Exit status: 0 all is kept, 1 archives are missing or not what they were.
    """
    config = selection.one()
    ticker = Ticker("kept", total=_files_of(config))
    report = Backup(config, directory.absolute(), others=selection.every(), progress=ticker).run()
    ticker.done()
    if as_json:
        print_json({"index": config.name, **asdict(report)})
    else:
        more = f", {counted(report.forgotten, 'removed one')} gone" if report.forgotten else ""
        new = f"{report.copied} {'was' if report.copied == 1 else 'were'} new{more}"
        say(f"{config.name}: {counted(report.files, 'file')} up to serial {report.serial}; {new}")
        for damaged in report.damaged:
            say(f"  not kept: {damaged}")
    sys.exit(1 if report.damaged else 0)
