"""eggwatch import: publishes existing archives, from a folder or another index."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import Bar, Ticker, json_option, print_json, say, say_error
from eggwatch.config.index_config import IndexConfig
from eggwatch.config.overlaps import overlapped
from eggwatch.errors import FolderError
from eggwatch.maintenance.import_stock import Import, ImportOutcome, ImportVerdict, Stock
from eggwatch.model.counting import counted
from eggwatch.model.names import shown
from eggwatch.policy.rules import Profile
from eggwatch.store.recorded.mypi import is_database
from eggwatch.store.stock import Way
from eggwatch.writer.ask import told_index
from eggwatch.writer.index import Index

_GOOD = (ImportVerdict.IMPORTED, ImportVerdict.KNOWN)
_WORDS: dict[str, str] = {ImportVerdict.REFUSED: "rejected", ImportVerdict.NOT_TAKEN: "not accepted"}
"""What every other command calls them; JSON keeps older words."""


@click.command("import")
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--upload-time",
    type=click.Choice(["now", "mtime"]),
    default="now",
    show_default=True,
    help="Upload time of files for which no SOURCE records one: now, or the file's mtime.",
)
@click.option("--copy", is_flag=True, help="Copy the archives (the default).")
@click.option("--link", is_flag=True, help="Hard-link the archives, if no other account may write to them.")
@click.option("--move", is_flag=True, help="Move the archives, if no other account may write to them.")
@click.option(
    "--profile",
    type=click.Choice([str(profile) for profile in Profile]),
    default=str(Profile.DEFAULT),
    show_default=True,
    help="Check the archives by this profile instead of the one for uploads.",
)
@index_options
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Print a line for every archive, also for imported ones.")
def import_(
    selection: Selection,
    sources: tuple[Path, ...],
    upload_time: str,
    profile: str,
    as_json: bool,
    verbose: bool,
    **ways: bool,
) -> None:
    """Import existing archives, from each SOURCE and the folders below it.

    A SOURCE is a plain folder, the tree of another index (pypiserver, devpi's export, dir2pi, dumb-pypi,
    bandersnatch, another eggwatch and others), an archive, mypi's database, or a file with upload times, as of
    dumb-pypi or devpi.

    Archives are checked like uploads, but by the profile 'default', since they can't be changed. Upload times,
    yanks and uploaders are kept where a SOURCE records them. No notification is sent. Stop the daemon first; when
    interrupted, run the same command again. Rejected archives are left where they are.

    With --link and --move a file is shared with, or given to, the index only if it belongs to this account,
    no other account may write to it and no process has it open; else it is copied, and a line says so. A linked file
    becomes read-only, and is one file with two names.

    \b
    Examples:
      eggwatch import /srv/pypiserver/packages --upload-time mtime
      eggwatch import /srv/bandersnatch/web --link
      eggwatch import /srv/pool /srv/dumb-pypi/packages.json
      eggwatch import ~/wheelhouse --json > report.jsonl
    Exit status: 0 all archives are in the index, 1 some were rejected or can't
      be read, 3 a daemon runs.
    """
    way = _chosen(ways, sources)
    log_to_stderr(quiet=True)
    config = selection.one()
    config = replace(config, terms=replace(config.terms, stock=Profile(profile)))
    _refuse_own_folders(config, selection.every(), sources, way)
    try:
        with told_index(config) as index:
            stock, ticker = Stock(sources, config.formats, now=time.time()), Ticker("looked at")
            with closing(stock.times):
                stock.survey(ticker)
                ticker.done()
                work = Import(index.pipeline, stock, way=way, by_mtime=upload_time == "mtime")
                _bring_in(work, stock, as_json=as_json, verbose=verbose)
            _render(index)
    except KeyboardInterrupt:
        say_error("Interrupted. Run the same command again to continue.")
        raise
    _summarise(work, config, as_json=as_json)
    sys.exit(0 if work.counts.is_good() else 1)


def _chosen(ways: Mapping[str, bool], sources: Sequence[Path]) -> Way:
    """The way that was asked for: no file is moved on a guess."""
    asked = [way for way in Way if ways[way]]
    if len(asked) > 1:
        raise click.UsageError(f"Only one of {', '.join(f'--{way}' for way in asked)} can be used.")
    way = asked[0] if asked else Way.COPY
    if way is not Way.COPY and any(map(is_database, sources)):
        raise click.UsageError("Archives in a database can only be copied.")
    return way


def _bring_in(work: Import, stock: Stock, *, as_json: bool, verbose: bool) -> None:
    bar = Bar("import", stock.archives)
    try:
        for outcome in work.run():
            bar.step(done=work.begun)
            _report(outcome, bar, as_json=as_json, verbose=verbose)
    finally:
        bar.clear()


def _refuse_own_folders(config: IndexConfig, others: list[IndexConfig], sources: Sequence[Path], way: Way) -> None:
    """Reject the folders of this index: `run` publishes what is in the drop folder, and PUBLIC is published already.

    Archives may be copied from the PUBLIC of another index.
    """
    folders = list(config.folders)
    for other in others:
        if other.name != config.name:
            folders += [other.drop, other.state] if way is Way.COPY else other.folders
    for source in sources:
        own = overlapped(source, folders)
        if own is not None:
            raise FolderError(
                f"{source} and {own}, a folder of an index, must not contain one another.",
                remedy="Copy from the PUBLIC folder of another index. 'eggwatch run' publishes what is in a drop "
                "folder.",
            )


def _report(outcome: ImportOutcome, bar: Bar, *, as_json: bool, verbose: bool) -> None:
    if as_json:
        flaws = [flaw.as_json() for flaw in outcome.flaws]
        row = {"file": shown(str(outcome.path)), "verdict": outcome.verdict}
        print_json({**row, "upload_time": outcome.upload_time, "remark": outcome.remark, "flaws": flaws})
    elif verbose or outcome.remark or outcome.verdict not in _GOOD:
        bar.clear()
        remark = f": {outcome.remark}" if outcome.remark else ""
        say(f"{shown(str(outcome.path))}: {_WORDS.get(outcome.verdict, outcome.verdict)}{remark}")
        for flaw in outcome.flaws:
            say(f"  [{flaw.level}] {flaw.code}: {flaw.subject}: {flaw.message}")


def _render(index: Index) -> None:
    """All pages, in slices, then the root."""
    pipeline, ticker = index.pipeline, Ticker("slices of pages rendered")
    while pipeline.components.catalog.stale(1):
        pipeline.publish(pipeline.render())
        ticker("")
    ticker.done()
    pipeline.finish()


def _summarise(work: Import, config: IndexConfig, *, as_json: bool) -> None:
    counts = work.counts
    if as_json:
        numbers = {verdict.replace("-", "_"): count for verdict, count in counts.verdicts.items()}
        more = {"others": counts.others, "recorded": counts.recorded, "copied": counts.copied, "bytes": counts.bytes}
        print_json({"index": config.name, **numbers, **more})
        return
    numbers = {verdict: count for verdict, count in counts.verdicts.items() if count or verdict in _GOOD}
    text = ", ".join(f"{count} {_WORDS.get(verdict, verdict)}" for verdict, count in numbers.items())
    passed = counted(counts.others, "other file")
    say(f"{config.name}: {text}; {passed} skipped")
    if counts.copied:
        copied = counted(counts.copied, "archive was", "archives were")
        say(f"  {copied} copied: others may write to them, or they are on another file system")
